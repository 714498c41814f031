"""One run at a time under a root.

Rules guarded: the lock is the kernel's (`flock`), so a killed run leaves none behind; it only saves work, because on
some cluster file systems `flock` succeeds for everybody: what is right rests on unique temporary names and renames.
"""

from __future__ import annotations

import errno
import fcntl
import os
import socket
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from kilotar.errors import Busy, storage_error
from kilotar.store.files import write_all

__all__ = ["hold_lock", "lock_holder"]

_NO_LOCKS = (errno.ENOLCK, errno.EOPNOTSUPP)  # a file system without locks: renames keep the result right


@contextmanager
def hold_lock(path: Path) -> Iterator[None]:
    """Hold the lock file at `path` while the block runs.

    Raises:
        Busy: another run holds it; names host, process and start.
        MachineError: the file cannot be made or locked.
    """
    try:
        fd = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC | os.O_NOFOLLOW, 0o644)
    except OSError as error:
        raise storage_error(error, f"open the lock {path}") from error
    try:
        _take(fd, path)
        yield
    finally:
        os.close(fd)


def _take(fd: int, path: Path) -> None:
    try:
        fcntl.flock(fd, fcntl.LOCK_EX | fcntl.LOCK_NB)
        _sign(fd)
    except BlockingIOError as error:
        raise Busy(
            "another run works under this root",
            seen=_holder(fd) or "its name could not be read",
            fix="wait for it, or stop it; the same command then goes on where it stopped",
        ) from error
    except OSError as error:
        if error.errno not in _NO_LOCKS:
            raise storage_error(error, f"take the lock {path}") from error


def _sign(fd: int) -> None:
    os.ftruncate(fd, 0)
    started = time.strftime("%Y-%m-%dT%H:%M:%S%z")
    write_all(fd, f"host {socket.gethostname()}, process {os.getpid()}, started {started}".encode())


def _holder(fd: int) -> str:
    try:
        return os.pread(fd, 300, 0).decode("utf-8", "replace")
    except OSError:
        return ""  # that somebody holds it counts more than who


def lock_holder(path: Path) -> str:
    """Give who holds the lock, "" where nobody does or the file system has no locks. Raises MachineError."""
    try:
        fd = os.open(path, os.O_RDONLY | os.O_CLOEXEC | os.O_NOFOLLOW)
    except FileNotFoundError:
        return ""
    except OSError as error:
        raise storage_error(error, f"open the lock {path}") from error
    try:
        fcntl.flock(fd, fcntl.LOCK_SH | fcntl.LOCK_NB)
        return ""
    except BlockingIOError:
        return _holder(fd)
    except OSError as error:
        if error.errno in _NO_LOCKS:
            return ""
        raise storage_error(error, f"look at the lock {path}") from error
    finally:
        os.close(fd)
