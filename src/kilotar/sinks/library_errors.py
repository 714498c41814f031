"""Errors of libraries that write files by themselves, raised as what they are.

Rule guarded: a full disk stays a full disk, whoever wrote; a library that tells no number is searched for its words.
"""

from __future__ import annotations

import errno
import os
from pathlib import Path

__all__ = ["as_os_error"]

_TOLD = (errno.ENOSPC, errno.EDQUOT, errno.EFBIG, errno.EROFS, errno.EACCES, errno.ENOENT)


def as_os_error(error: Exception, path: Path) -> OSError:
    """Give the OSError that a library's error tells of in words; EIO where it tells of none."""
    number = next((number for number in _TOLD if os.strerror(number) in str(error)), errno.EIO)
    return OSError(number, os.strerror(number), str(path))
