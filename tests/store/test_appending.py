"""Files that grow beside one another: whole and durable when closed, and never in the place of another."""

from __future__ import annotations

import hashlib
import os
from pathlib import Path

import pytest

from kilotar.errors import MachineError
from kilotar.model.seams import Written
from kilotar.store.appending import AppendedFile
from kilotar.store.files import WRITE_BYTES


def test_what_is_added_is_there_in_its_order(tmp_path: Path) -> None:
    one, other = AppendedFile(tmp_path / "one"), AppendedFile(tmp_path / "other")
    for number in range(5):
        one.add(bytes([number]) * (WRITE_BYTES // 2))
        other.add(b"%d" % number)
    one.close()
    written = other.close()
    assert written == Written("other", 5, hashlib.sha256(b"01234").hexdigest())
    assert one.path.read_bytes() == b"".join(bytes([number]) * (WRITE_BYTES // 2) for number in range(5))
    assert other.path.read_bytes() == b"01234" and other.size_bytes == 5


def test_a_file_that_is_there_is_not_written_to(tmp_path: Path) -> None:
    (tmp_path / "one").write_bytes(b"first")
    with pytest.raises(MachineError):
        AppendedFile(tmp_path / "one")
    assert (tmp_path / "one").read_bytes() == b"first"


def test_it_is_synced_before_it_counts_as_closed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    synced: list[int] = []
    monkeypatch.setattr(os, "fsync", lambda fd: synced.append(os.fstat(fd).st_size))
    file = AppendedFile(tmp_path / "one")
    file.add(b"abc")
    file.close()
    assert synced == [3]


def test_a_disk_that_fails_is_told_as_one(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    file = AppendedFile(tmp_path / "one")
    file.add(b"abc")

    def full(fd: int, data: bytes) -> int:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "write", full)
    with pytest.raises(MachineError):
        file.close()
    file.drop()


def test_one_that_is_removed_is_gone(tmp_path: Path) -> None:
    file = AppendedFile(tmp_path / "one")
    file.remove()
    file.drop()  # again does nothing
    assert not list(tmp_path.iterdir())
