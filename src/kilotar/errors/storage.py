"""Which error of the tree an error of the operating system is."""

from __future__ import annotations

import errno
import os

from kilotar.errors.tree import AccessDenied, DiskFull, FileLimit, MachineError, QuotaExceeded, ReadOnly, StorageFailed

__all__ = ["storage_error"]

_BY_ERRNO: dict[int, tuple[type[MachineError], str]] = {
    errno.ENOSPC: (DiskFull, "make room and run the same command again"),
    errno.EDQUOT: (QuotaExceeded, "ask for more quota, or choose a root elsewhere; then run the same command again"),
    errno.EROFS: (ReadOnly, "remount the file system for writing, or choose another root"),
    errno.EACCES: (AccessDenied, "give this user the right, or choose another root"),
    errno.EPERM: (AccessDenied, "give this user the right, or choose another root"),
    errno.EFBIG: (FileLimit, "raise the limit (ulimit -f unlimited) and run the same command again"),
    errno.EMFILE: (FileLimit, "raise the limit (ulimit -n 1024) and run the same command again"),
    errno.ENFILE: (FileLimit, "close other programs and run the same command again"),
    errno.ENAMETOOLONG: (StorageFailed, "choose a root with a shorter path"),
}


def storage_error(error: OSError, doing: str) -> MachineError:
    """Turn an `OSError` of the disk into the class of the tree that names its cause.

    Args:
        error: what the system call raised.
        doing: what was being done, for the first line ("write train/n01440764").
    Source: errno(3).
    """
    number = error.errno or errno.EIO
    kind, fix = _BY_ERRNO.get(
        number, (StorageFailed, "check the disk (dmesg, smartctl), then run the same command again")
    )
    where = f" {error.filename!r}" if error.filename is not None else ""
    return kind(
        f"could not {doing}", seen=f"{errno.errorcode.get(number, number)} {os.strerror(number)}{where}", fix=fix
    )
