"""See `kilotar.store.disks`."""

from __future__ import annotations

from pathlib import Path

import pytest

from kilotar.store.disks import says_it_turns, turns


def disk(folder: Path, name: str, rotational: str, partition: str = "") -> Path:
    """Lay out a disk as sysfs does; give its folder, or that of its partition."""
    queue = folder / name / "queue"
    queue.mkdir(parents=True)
    (queue / "rotational").write_text(rotational)
    if partition:
        (folder / name / partition).mkdir()
    return folder / name / partition


@pytest.mark.parametrize(("rotational", "expected"), [("1\n", True), ("0\n", False)])
def test_a_disk_is_what_it_says(tmp_path: Path, rotational: str, expected: bool) -> None:
    assert says_it_turns(disk(tmp_path, "sda", rotational)) is expected


def test_a_partition_is_what_its_disk_says(tmp_path: Path) -> None:
    assert says_it_turns(disk(tmp_path, "sda", "1\n", partition="sda1"))


@pytest.mark.parametrize("name", ["vda", "xvdb"])
def test_a_virtual_disk_is_not_believed(tmp_path: Path, name: str) -> None:
    assert not says_it_turns(disk(tmp_path, name, "1\n"))


def test_what_says_nothing_does_not_turn(tmp_path: Path) -> None:
    (tmp_path / "loop0").mkdir()

    assert not says_it_turns(tmp_path / "loop0")


def test_a_file_that_is_not_there_is_on_no_disk(tmp_path: Path) -> None:
    assert not turns(tmp_path / "gone")
