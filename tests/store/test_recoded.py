"""Recoded images on disk: what is there is whole, and what is not whole is not there."""

from __future__ import annotations

from pathlib import Path

import pytest

from kilotar.events import Finding
from kilotar.model.table import RowsBuilder
from kilotar.store.files import sweep
from kilotar.store.recoded import SpooledPart, SpoolFolder, remove_spools
from tests.work.wishes import flip

KEY = "n01440764"


def part() -> SpooledPart:
    rows = RowsBuilder()
    rows.add("a.JPEG", 0, 3, b"\1" * 32)
    rows.add("b.JPEG", 70_000_000_000, 5, b"\2" * 32)
    return SpooledPart(rows.rows(), b"\1\0", (Finding("truncated", "x: c.JPEG", "cut; left out", 9),), ("c.JPEG",))


def lay(folder: SpoolFolder) -> SpooledPart:
    gathered = folder.begin(KEY)
    gathered.write_bytes(b"new")
    folder.publish(KEY, gathered, part())
    return part()


def test_a_part_is_read_back_as_it_was_published(tmp_path: Path) -> None:
    folder = SpoolFolder(tmp_path / "a")
    assert folder.read(KEY) is None
    published = lay(folder)
    found = folder.read(KEY)
    assert found is not None
    assert (found.made, found.findings, found.dropped) == (published.made, published.findings, published.dropped)
    rows = [(found.rows.name(row), found.rows.offsets[row], found.rows.sizes[row]) for row in range(2)]
    assert rows == [("a.JPEG", 0, 3), ("b.JPEG", 70_000_000_000, 5)]
    assert found.rows.digest(1) == b"\2" * 32 and folder.data_of(KEY).read_bytes() == b"new"


@pytest.mark.parametrize("name", ["data", "columns"])
@pytest.mark.parametrize("spoil", [lambda path: path.unlink(), lambda path: path.write_bytes(path.read_bytes()[:-1])])
def test_what_is_gone_or_cut_is_to_be_made_again(name: str, spoil: object, tmp_path: Path) -> None:
    folder = SpoolFolder(tmp_path)
    lay(folder)
    spoil(tmp_path / f"{KEY}.{name}")  # type: ignore[operator]
    assert folder.read(KEY) is None
    lay(folder)
    assert folder.read(KEY) is not None


def test_columns_with_a_flipped_byte_are_to_be_made_again(tmp_path: Path) -> None:
    folder = SpoolFolder(tmp_path)
    lay(folder)
    flip(tmp_path / f"{KEY}.columns")
    assert folder.read(KEY) is None


def test_once_a_part_is_begun_anew_its_old_columns_are_gone(tmp_path: Path) -> None:
    """Or they would be read beside other bytes, after a kill between the two files."""
    folder = SpoolFolder(tmp_path)
    lay(folder)
    folder.begin(KEY)
    assert folder.read(KEY) is None


def test_what_a_dead_run_gathered_is_swept(tmp_path: Path) -> None:
    SpoolFolder(tmp_path).begin(KEY)
    assert sweep(tmp_path) == 1 and list(tmp_path.iterdir()) == []


def test_a_key_that_is_a_path_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="key"):
        SpoolFolder(tmp_path).data_of("../x")


def test_spools_are_removed_whole_and_twice(tmp_path: Path) -> None:
    lay(SpoolFolder(tmp_path / "pixels"))
    for _ in range(2):
        remove_spools([tmp_path / "pixels"])
        assert not (tmp_path / "pixels").exists()
