"""Bytes of an archive: exact reads, and a window for reading it from front to back.

Rules guarded: a read gives exactly what was asked or raises; a file that ends early is cut short by so many bytes, a
disk that fails is named with the offset; only regular files are opened (a FIFO would wait for ever), for reading only.
One descriptor serves any number of threads: every read names its offset.
"""

from __future__ import annotations

import os
import stat
from collections.abc import Callable, Sequence
from pathlib import Path
from types import TracebackType

from kilotar.errors import ArchiveRefused, storage_error

__all__ = ["WINDOW_BYTES", "ArchiveFile", "Single", "Wait", "Window", "open_archive"]

WINDOW_BYTES = 1 << 20  # as good as any warm, 1.5 times a pread per header and image cold (docs/performance.md)
_COMPARE_BYTES = 1 << 20

Preadv = Callable[[int, Sequence[memoryview], int], int]
Wait = Callable[[int, int], None]


class ArchiveFile:
    """An open archive; a context manager that closes it. Make one with `open_archive`.

    Args:
        fd:     descriptor of a regular file; closed by `close`.
        path:   for messages.
        preadv: the system call that reads, as `os.preadv`.
    """

    def __init__(self, fd: int, path: Path, preadv: Preadv = os.preadv) -> None:
        self.fd = fd
        self.path = path
        self._preadv = preadv

    def __enter__(self) -> ArchiveFile:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def close(self) -> None:
        os.close(self.fd)

    def stat(self) -> os.stat_result:
        return os.fstat(self.fd)

    @property
    def size_bytes(self) -> int:
        return self.stat().st_size

    def read(self, offset: int, size: int) -> bytes:
        """Give the bytes `[offset, offset + size)`.

        Raises: ArchiveRefused where the file ends before, MachineError where the disk fails.
        """
        try:
            data = os.pread(self.fd, size, offset)
        except OSError as error:
            raise self._failed(error, offset) from error
        if len(data) == size:
            return data
        buffer = bytearray(size)
        self.read_into(offset, memoryview(buffer))
        return bytes(buffer)

    def read_into(self, offset: int, view: memoryview) -> None:
        """Fill `view` with the bytes from `offset` on, however short the single reads are. Raises as `read`."""
        done = 0
        while done < len(view):
            try:
                got = self._preadv(self.fd, [view[done:]], offset + done)
            except OSError as error:
                raise self._failed(error, offset + done) from error
            if got == 0:
                raise ArchiveRefused(
                    f"{self.path} is cut short",
                    seen=f"it ends at byte {offset + done}; at least {len(view) - done} bytes are missing",
                    fix="let the download finish, or fetch the archive again",
                )
            done += got

    def is_same(self, first: int, second: int, size: int) -> bool:
        """Tell whether the `size` bytes at two offsets are the same. Raises as `read`."""
        steps = range(0, size, _COMPARE_BYTES)
        return all(
            self.read(first + at, min(_COMPARE_BYTES, size - at))
            == self.read(second + at, min(_COMPARE_BYTES, size - at))
            for at in steps
        )

    def will_stream(self) -> None:
        """Tell the kernel that reading goes on from front to back."""
        self._advise("POSIX_FADV_SEQUENTIAL")

    def will_hop(self) -> None:
        """Tell the kernel that small reads far apart follow, so that it reads nothing around them."""
        self._advise("POSIX_FADV_RANDOM")

    def _advise(self, advice: str) -> None:
        if hasattr(os, "posix_fadvise"):  # macOS has none; it is a hint only
            os.posix_fadvise(self.fd, 0, 0, getattr(os, advice))

    def _failed(self, error: OSError, offset: int) -> Exception:
        return storage_error(error, f"read {self.path} at byte {offset}")


class _Arriving(ArchiveFile):
    """An archive of which not everything is there: whoever reads waits for what he asks for.

    Args:
        wait: returns when the bytes `[start, stop)` are there; raises what ends the wait otherwise.
    """

    def __init__(self, fd: int, path: Path, wait: Wait) -> None:
        super().__init__(fd, path)
        self._wait = wait

    def read(self, offset: int, size: int) -> bytes:
        self._wait(offset, offset + size)
        return super().read(offset, size)

    def read_into(self, offset: int, view: memoryview) -> None:
        self._wait(offset, offset + len(view))
        super().read_into(offset, view)


def open_archive(path: Path, *, wait: Wait | None = None) -> ArchiveFile:
    """Open a regular file for reading; links are followed, since archives are often linked into a folder.

    Args:
        wait: of an archive that is still on its way: called before each read, with the bytes that it needs.
    Raises: ArchiveRefused where it is no regular file, MachineError where it cannot be opened.
    """
    try:
        fd = os.open(path, os.O_RDONLY | os.O_CLOEXEC | os.O_NONBLOCK)  # O_NONBLOCK: a FIFO must not be waited for
    except OSError as error:
        raise storage_error(error, f"open {path}") from error
    if not stat.S_ISREG(os.fstat(fd).st_mode):
        os.close(fd)
        raise ArchiveRefused(f"{path} is no regular file", fix="give the archive as it was downloaded")
    return ArchiveFile(fd, path) if wait is None else _Arriving(fd, path, wait)


class Single:
    """Pieces of a file in any order, each in one reused buffer: memory that is taken anew costs as much as the read.

    Args:
        file: to be read; the kernel is told nothing, for pieces may lie near each other.
    """

    def __init__(self, file: ArchiveFile) -> None:
        self._file = file
        self._buffer = memoryview(bytearray())

    def view(self, offset: int, size: int) -> memoryview:
        """Give the bytes `[offset, offset + size)`, valid until the next call. Raises as `ArchiveFile.read`."""
        if size > len(self._buffer):
            self._buffer = memoryview(bytearray(size))
        piece = self._buffer[:size]
        self._file.read_into(offset, piece)
        return piece


class Window:
    """A moving window over a file that is read from front to back, in one reused buffer.

    It grows for a larger piece and gives that memory back with the next one.
    """

    def __init__(self, file: ArchiveFile, size_bytes: int = WINDOW_BYTES) -> None:
        self._file = file
        self._base = memoryview(bytearray(size_bytes))
        self._view = self._base
        self._start = self._end = 0  # the buffer begins with the bytes [start, end) of the file
        self._limit = 0
        file.will_stream()

    def limit(self, stop: int) -> Window:
        """Read no further ahead than `stop`: the end of the part that is read now."""
        self._limit = stop
        return self

    def view(self, offset: int, size: int) -> memoryview:
        """Give the bytes `[offset, offset + size)`; they are valid until the next call. Raises as `ArchiveFile.read`.

        Any offset is right; rising ones are fast, and read each byte of the file once.
        """
        if offset < self._start or offset + size > self._end:
            self._move(offset, size)
        begin = offset - self._start
        return self._view[begin : begin + size]

    def read(self, offset: int, size: int) -> bytes:
        """Give a copy of `view`."""
        return bytes(self.view(offset, size))

    def _move(self, offset: int, size: int) -> None:
        view = self._base if size <= len(self._base) else memoryview(bytearray(size))
        kept = 0
        if self._start <= offset < self._end:
            kept = self._end - offset  # less than size, or nothing had to move
            begin = offset - self._start
            view[:kept] = self._view[begin : begin + kept]
        fill = max(size, min(len(view), self._limit - offset))
        self._view, self._start, self._end = view, offset, offset  # nothing is held if the read fails
        self._file.read_into(offset + kept, view[kept:fill])
        self._end = offset + fill
