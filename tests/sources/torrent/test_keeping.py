"""Memories are replaced whole, and neither reading nor writing them can fail."""

from __future__ import annotations

from pathlib import Path

from kilotar.sources.torrent.keeping import keep, kept


def test_what_is_kept_is_read_back_and_replaced(tmp_path: Path) -> None:
    keep(tmp_path / "state" / "port", b"1")
    keep(tmp_path / "state" / "port", b"20000")

    assert kept(tmp_path / "state" / "port", 5) == b"20000"
    assert [file.name for file in (tmp_path / "state").iterdir()] == ["port"]


def test_what_cannot_be_read_or_is_too_long_is_nothing(tmp_path: Path) -> None:
    (tmp_path / "long").write_bytes(bytes(10))

    assert kept(tmp_path / "absent", 5) == kept(tmp_path, 5) == kept(tmp_path / "long", 5) == b""


def test_where_nothing_can_be_written_nothing_happens(tmp_path: Path) -> None:
    (tmp_path / "file").write_bytes(b"")
    keep(tmp_path / "file" / "port", b"1")

    assert (tmp_path / "file").read_bytes() == b""
