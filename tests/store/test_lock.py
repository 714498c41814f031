"""Rules: one run at a time under a root; the lock is the kernel's, so a killed run leaves none behind."""

from __future__ import annotations

import errno
import fcntl
import multiprocessing
import os
from multiprocessing.connection import Connection
from pathlib import Path

import pytest

from kilotar.errors import Busy, DiskFull, MachineError
from kilotar.store import lock
from kilotar.store.lock import hold_lock, lock_holder

SPAWN = multiprocessing.get_context("spawn")


def hold(path: Path, pipe: Connection) -> None:
    """Hold the lock, say so, and keep it until told to let go."""
    with hold_lock(path):
        pipe.send("held")
        pipe.recv()


def test_a_second_process_is_told_who_holds_the_lock_and_a_killed_holder_frees_it(tmp_path: Path) -> None:
    path = tmp_path / "lock"
    mine, theirs = SPAWN.Pipe()
    holder = SPAWN.Process(target=hold, args=(path, theirs))
    holder.start()
    assert mine.recv() == "held"

    with pytest.raises(Busy) as caught, hold_lock(path):
        pass
    assert f"process {holder.pid}" in caught.value.seen
    assert f"process {holder.pid}" in lock_holder(path)

    holder.kill()
    holder.join()
    assert lock_holder(path) == ""
    with hold_lock(path):
        assert f"process {os.getpid()}" in path.read_text()


def test_the_lock_is_free_again_after_its_block(tmp_path: Path) -> None:
    for _ in range(2):
        with pytest.raises(ValueError, match="stop"), hold_lock(tmp_path / "lock"):
            raise ValueError("stop")


def test_the_name_of_an_earlier_holder_does_not_stay(tmp_path: Path) -> None:
    (tmp_path / "lock").write_text("x" * 500)

    with hold_lock(tmp_path / "lock"):
        assert "x" not in (tmp_path / "lock").read_text().partition(", started")[2]
        assert len((tmp_path / "lock").read_text()) < 200


def test_nobody_holds_a_lock_that_is_not_there(tmp_path: Path) -> None:
    assert lock_holder(tmp_path / "lock") == ""
    assert os.listdir(tmp_path) == []


@pytest.mark.parametrize("number", [errno.ENOLCK, errno.EOPNOTSUPP])
def test_a_file_system_without_locks_is_worked_on_without(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, number: int
) -> None:
    def flock(fd: int, how: int) -> None:
        raise OSError(number, os.strerror(number))

    monkeypatch.setattr(lock.fcntl, "flock", flock)

    with hold_lock(tmp_path / "lock"):
        assert lock_holder(tmp_path / "lock") == ""


def test_a_lock_that_fails_otherwise_is_the_machines_fault_and_names_nobody(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def flock(fd: int, how: int) -> None:
        raise OSError(errno.EIO, os.strerror(errno.EIO))

    monkeypatch.setattr(lock.fcntl, "flock", flock)

    with pytest.raises(MachineError), hold_lock(tmp_path / "lock"):
        pass


def test_a_disk_too_full_for_the_holders_name_is_an_error_of_the_tree(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def write_all(fd: int, data: bytes) -> int:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    monkeypatch.setattr(lock, "write_all", write_all)

    with pytest.raises(DiskFull), hold_lock(tmp_path / "lock"):
        pass


def test_a_lock_behind_a_link_is_refused(tmp_path: Path) -> None:
    (tmp_path / "precious").write_text("precious")
    (tmp_path / "lock").symlink_to("precious")

    with pytest.raises(MachineError, match="open the lock"), hold_lock(tmp_path / "lock"):
        pass
    assert (tmp_path / "precious").read_text() == "precious"


def test_a_lock_is_not_inherited_by_programs_that_are_started(tmp_path: Path) -> None:
    with hold_lock(tmp_path / "lock"):
        open_files = [fd for fd in os.listdir("/proc/self/fd") if _points_to(fd, tmp_path / "lock")]
        assert len(open_files) == 1
        assert fcntl.fcntl(int(open_files[0]), fcntl.F_GETFD) & fcntl.FD_CLOEXEC


def _points_to(fd: str, path: Path) -> bool:
    try:
        return os.readlink(f"/proc/self/fd/{fd}") == str(path)
    except FileNotFoundError:
        return False
