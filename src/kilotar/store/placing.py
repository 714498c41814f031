"""A file of somebody else under a second name: shared, cloned or moved, and never harmed.

Rules guarded: the first name stays unless a move was asked for; what stands under the second name is never replaced;
where the file system cannot do it, that is told and nothing has happened.
"""

from __future__ import annotations

import errno
import fcntl
import os
import signal
from pathlib import Path

from kilotar.errors import LayoutRefused, storage_error
from kilotar.store.files import fsync_folder

__all__ = ["clone", "is_being_written", "link", "move"]

_FICLONE = 0x40049409
_NO_LINKS = (errno.EXDEV, errno.EPERM, errno.EOPNOTSUPP, errno.EMLINK)


def clone(source: Path, target: Path) -> bool:
    """Give a file a second name with blocks of its own as soon as one of them is changed (btrfs, XFS, ...).

    Returns: False where the file system cannot. Raises: MachineError.
    """
    try:
        with open(source, "rb") as old:
            fd = os.open(target, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o644)
            try:
                fcntl.ioctl(fd, _FICLONE, old.fileno())
            except OSError:
                os.unlink(target)
                return False
            finally:
                os.close(fd)
        fsync_folder(target.parent)
    except OSError as error:
        raise storage_error(error, f"clone {source} to {target}") from error
    return True


def link(source: Path, target: Path) -> None:
    """Give a file a second name. Raises: LayoutRefused where the file system cannot, MachineError."""
    try:
        os.link(source.resolve(), target)  # of a symbolic link, the system would link the link
        fsync_folder(target.parent)
    except OSError as error:
        if error.errno in _NO_LINKS:
            raise LayoutRefused(
                f"{source} cannot be linked into {target.parent}",
                seen=os.strerror(error.errno or 0),
                fix="give --copy, which needs the room twice; or --move where both are on one file system",
            ) from error
        raise storage_error(error, f"link {source} to {target}") from error


def move(source: Path, target: Path) -> None:
    """Give a file another name on the same file system.

    Raises: LayoutRefused across file systems, and for a symbolic link; MachineError.
    """
    if source.is_symlink():
        raise LayoutRefused(
            f"{source} is a symbolic link", seen=f"to {source.resolve()}", fix="give the file itself, or --copy"
        )
    try:
        if target.exists():
            raise FileExistsError(errno.EEXIST, os.strerror(errno.EEXIST), str(target))
        os.rename(source, target)
        fsync_folder(target.parent)
        fsync_folder(source.parent)
    except OSError as error:
        if error.errno == errno.EXDEV:
            raise LayoutRefused(
                f"{source} and {target.parent} are on different file systems",
                seen="a move would be a copy and a removal",
                fix="give --copy, and remove the file yourself when it is proved",
            ) from error
        raise storage_error(error, f"move {source} to {target}") from error


def is_being_written(path: Path) -> bool:
    """Tell whether a program has a file open for writing, where the system tells (Linux, files of one's own).

    A lease for reading is refused while there is a writer; it is given back at once. Raises: MachineError.
    """
    if not hasattr(fcntl, "F_SETLEASE"):
        return False
    try:
        fd = os.open(path, os.O_RDONLY | os.O_CLOEXEC | os.O_NONBLOCK)
    except OSError as error:
        raise storage_error(error, f"open {path}") from error
    try:
        fcntl.fcntl(fd, fcntl.F_SETSIG, signal.SIGURG)  # ignored by default; the usual one would end the process
        fcntl.fcntl(fd, fcntl.F_SETLEASE, fcntl.F_RDLCK)
        fcntl.fcntl(fd, fcntl.F_SETLEASE, fcntl.F_UNLCK)
    except OSError as error:
        return error.errno == errno.EAGAIN
    finally:
        os.close(fd)
    return False
