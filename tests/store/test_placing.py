"""Rules: nothing is replaced, nothing is harmed, and what the system cannot do is told."""

from __future__ import annotations

import errno
import os
from pathlib import Path

import pytest

from kilotar.errors import LayoutRefused, MachineError
from kilotar.store.placing import clone, is_being_written, link, move


@pytest.fixture
def source(tmp_path: Path) -> Path:
    path = tmp_path / "source"
    path.write_bytes(b"bytes" * 1000)
    return path


@pytest.mark.parametrize("place", [link, move, clone])
def test_what_stands_under_the_second_name_is_never_replaced(tmp_path: Path, source: Path, place: object) -> None:
    target = tmp_path / "target"
    target.write_bytes(b"other")

    with pytest.raises(MachineError):
        place(source, target)  # type: ignore[operator]

    assert (target.read_bytes(), source.exists()) == (b"other", True)


def test_a_clone_is_a_file_of_its_own_or_nothing(tmp_path: Path, source: Path) -> None:
    target = tmp_path / "target"

    if clone(source, target):
        with target.open("r+b") as file:
            file.write(b"!")
        assert source.read_bytes() == b"bytes" * 1000
    assert target.exists() == (target.exists() and target.stat().st_ino != source.stat().st_ino)


@pytest.mark.parametrize("number", [errno.EXDEV, errno.EPERM, errno.EMLINK])
def test_where_there_are_no_links_the_flags_are_named(
    tmp_path: Path, source: Path, monkeypatch: pytest.MonkeyPatch, number: int
) -> None:
    def refuse(*names: object) -> None:
        raise OSError(number, os.strerror(number))

    monkeypatch.setattr(os, "link", refuse)

    with pytest.raises(LayoutRefused) as caught:
        link(source, tmp_path / "target")
    assert "--copy" in caught.value.fix and "--move" in caught.value.fix


def test_a_move_across_file_systems_is_refused(tmp_path: Path, source: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*names: object) -> None:
        raise OSError(errno.EXDEV, os.strerror(errno.EXDEV))

    monkeypatch.setattr(os, "rename", refuse)

    with pytest.raises(LayoutRefused, match="different file systems"):
        move(source, tmp_path / "target")
    assert source.exists()


def test_a_writer_is_noticed_and_a_reader_is_none(source: Path) -> None:
    with source.open("rb"):
        assert not is_being_written(source)
    with source.open("r+b"):
        assert is_being_written(source)
    assert not is_being_written(source)
