"""A file that has its full length from the start, with holes where nothing was written yet."""

from __future__ import annotations

import errno
import os
import threading
from collections.abc import Iterator
from pathlib import Path

from kilotar.errors import LayoutRefused
from kilotar.model.ranges import ByteRange
from kilotar.store.files import WRITE_BYTES, fsync_folder

__all__ = ["borrow_buffer", "open_growing", "walk_data", "write_at"]


def open_growing(path: Path, size_bytes: int) -> int:
    """Open the file for reading and writing, with its full length. A longer one is cut: the caller knows the end.

    Raises: LayoutRefused where something else than a file stands there; OSError.
    """
    fd = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC | os.O_NONBLOCK, 0o644)
    try:
        if not path.is_file():
            raise LayoutRefused(f"{path} is no regular file", fix="move it away")
        if os.fstat(fd).st_size != size_bytes:
            os.ftruncate(fd, size_bytes)
            fsync_folder(path.parent)
    except BaseException:
        os.close(fd)
        raise
    return fd


def write_at(fd: int, view: memoryview, offset: int) -> None:
    """Write all of a view. Raises OSError."""
    done = 0
    while done < len(view):
        done += os.pwrite(fd, view[done : done + WRITE_BYTES], offset + done)


def walk_data(fd: int, size_bytes: int) -> Iterator[ByteRange]:
    """Give the stretches that hold data. Some file systems say so of the whole file. Raises OSError."""
    end = 0
    while (start := _seek(fd, end, os.SEEK_DATA, size_bytes)) < size_bytes:
        end = _seek(fd, start, os.SEEK_HOLE, size_bytes)
        yield ByteRange(start, end)


def _seek(fd: int, at: int, whence: int, size_bytes: int) -> int:
    """Give where the next data or hole begins."""
    try:
        return os.lseek(fd, at, whence)
    except OSError as error:
        if error.errno == errno.ENXIO:
            return size_bytes
        raise


_local = threading.local()


def borrow_buffer(size_bytes: int) -> memoryview:
    """Give a buffer of this thread, used again for the next piece."""
    held: memoryview | None = getattr(_local, "buffer", None)
    if held is None or len(held) < size_bytes:
        held = _local.buffer = memoryview(bytearray(size_bytes))
    return held[:size_bytes]
