"""The pieces of one archive on disk: the growing file, and a bitmap that says which of them were proved.

Rules guarded:

- a bit is set only after bytes that we read, or wrote ourselves, matched the piece's SHA-1; no client's word sets one;
- a bit reaches the disk only after the bytes that it stands for (fdatasync, then the bitmap, replaced whole), so a bit
  on disk is true after a power cut;
- a file that is not as it was left (another inode or length) has no bits; one that was written to since the bitmap was
  saved keeps them, but as *suspects*, to be read again before the archive is called proved;
- the file has its full length from the start, and the name `NAME.part` until every piece is proved: what stands under
  the final name is whole.

Source: where clients' own bookkeeping was found wrong after a kill, the BitTorrent study, sections 1.5, 1.6 and 6.2.
"""

from __future__ import annotations

import errno
import hashlib
import os
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterator
from pathlib import Path

from kilotar.errors import LayoutRefused, storage_error
from kilotar.model.pieces import PieceTable
from kilotar.model.ranges import ByteRange, Ranges
from kilotar.store.bitmap import Saved, read_bitmap, write_bitmap
from kilotar.store.files import WRITE_BYTES, fsync_folder

__all__ = ["INCOMPLETE", "OWN_DISK", "PieceFile", "open_pieces"]

INCOMPLETE = ".part"
_ABSENT, _PROVED, _SUSPECT = 0, 1, 2
_DISTRUSTED = (0, 0)  # times that no file has
OWN_DISK = "this disk"  # who brought what was found here
Landed = Callable[[int, str], None]


class PieceFile:
    """An archive that grows piece by piece: the `Landing` of every fetcher. Make one with `open_pieces`.

    Any thread may call it.

    Attributes:
        table:   its pieces.
        path:    where the bytes are now.
        born_ns: when its bits were first kept; with the inode it tells this file from any other, also while it grows.
        brought: bytes proved since it was opened, by who brought them.
        wrong:   suspects that were read since and are not right.
        on_landed: is called with each piece that was proved and who brought it, in the thread that proved it.
    """

    def __init__(self, path: Path, bitmap: Path, table: PieceTable, fd: int, saved: Saved | None) -> None:
        facts = os.fstat(fd)
        self.table = table
        self.path = path
        self.inode = facts.st_ino
        self.born_ns = saved.born_ns if saved else time.time_ns()
        self.on_landed: Landed = _nobody
        self.brought: Counter[str] = Counter()
        self.wrong = 0
        self._bitmap, self._fd = bitmap, fd
        self._lock = threading.Lock()
        self._states = bytearray(saved.bits if saved else bytes(table.count))
        is_as_left = saved is None or (saved.mtime_ns, saved.ctime_ns) == (facts.st_mtime_ns, facts.st_ctime_ns)
        if table.has_hashes and not is_as_left:
            self._states = self._states.replace(bytes([_PROVED]), bytes([_SUSPECT]))
        elif saved is not None and not is_as_left and (saved.mtime_ns, saved.ctime_ns) == _DISTRUSTED:
            self._states = bytearray(table.count)
        self._is_saved = saved is not None
        self._is_distrusted = False

    # What is there

    @property
    def size_bytes(self) -> int:
        return self.table.size_bytes

    def has(self, piece: int) -> bool:
        """Tell whether a piece need not be fetched: it was proved, or is a suspect that will be read again."""
        return self._states[piece] != _ABSENT

    @property
    def count(self) -> int:
        """How many pieces are proved."""
        return self._states.count(_PROVED)

    @property
    def holds_content(self) -> bool:
        """Whether any piece that is proved holds more than zeros: those are right in any file with a hole."""
        return self.count > sum(self._states[piece] == _PROVED for piece in self._zeros())

    @property
    def is_complete(self) -> bool:
        return self.count == self.table.count

    @property
    def suspects(self) -> tuple[int, ...]:
        """Pieces that were proved before the file was last written to by nobody knows whom."""
        return tuple(piece for piece, state in enumerate(self._states) if state == _SUSPECT)

    def covers(self, start: int, stop: int) -> bool:
        """Tell whether all bytes `[start, stop)` are proved."""
        pieces = self.table.touching(start, stop)
        return self._states.count(_PROVED, pieces.start, pieces.stop) == len(pieces)

    def missing(self, start: int, stop: int) -> tuple[int, ...]:
        """Give the pieces of the bytes `[start, stop)` that are to be fetched."""
        return tuple(piece for piece in self.table.touching(start, stop) if self._states[piece] == _ABSENT)

    def landed(self) -> Ranges:
        """Give the bytes that are proved."""
        proved = (piece for piece, state in enumerate(self._states) if state == _PROVED)
        return Ranges.of(ByteRange(self.table.start(piece), self.table.stop(piece)) for piece in proved)

    def landed_bytes(self, start: int = 0, stop: int | None = None) -> int:
        """Give how many bytes of the pieces that touch `[start, stop)` are proved."""
        pieces = self.table.touching(start, self.size_bytes if stop is None else stop)
        proved = self._states.count(_PROVED, pieces.start, pieces.stop)
        last = self.table.count - 1
        short = self.table.piece_bytes - self.table.length(last)
        is_last = last in pieces and self._states[last] == _PROVED
        return proved * self.table.piece_bytes - short * is_last

    def _with_data(self) -> Iterator[int]:
        """Give the pieces of which the file holds at least a part. Some file systems say so of all."""
        end = 0
        while (start := self._seek(end, os.SEEK_DATA)) < self.size_bytes:
            end = self._seek(start, os.SEEK_HOLE)
            yield from self.table.touching(start, end)

    def _seek(self, at: int, whence: int) -> int:
        """Give where the next data or hole begins."""
        try:
            return os.lseek(self._fd, at, whence)
        except OSError as error:
            if error.errno == errno.ENXIO:
                return self.size_bytes
            raise storage_error(error, f"look into {self.path}") from error

    # What changes

    def take(self, piece: int, data: bytes | memoryview, source: str) -> bool:
        """Hash the bytes of a whole piece, write them and mark it; False where hash or length are wrong.

        Raises: MachineError.
        """
        if len(data) != self.table.length(piece):
            return False
        if self.table.has_hashes and hashlib.sha1(data, usedforsecurity=False).digest() != self.table.sha1(piece):
            return False
        try:
            _write_at(self._fd, memoryview(data), self.table.start(piece))
        except OSError as error:
            raise storage_error(error, f"write {self.path}") from error
        self._mark(piece, source)
        return True

    def check(self, piece: int, source: str) -> bool:
        """Read a piece that was not proved yet, and mark it when its hash is right. Raises MachineError."""
        if self._states[piece] == _PROVED:
            return True
        if not self._is_right(piece):
            return False
        self._mark(piece, source)
        return True

    def recheck(self, piece: int) -> bool:
        """Read a piece again; one that is wrong is absent from now on. Raises MachineError."""
        if self._is_right(piece):
            self._mark(piece, OWN_DISK)
            return True
        with self._lock:
            self.wrong += self._states[piece] != _ABSENT
            self._states[piece] = _ABSENT
            self._is_saved = False
        return False

    def suspect_data(self) -> None:
        """Make suspects of the pieces that were not proved but for which the file holds data.

        A killed run wrote them, or another client. Without hashes nothing can be made of them.
        """
        for piece in self._with_data() if self.table.has_hashes else ():
            if self._states[piece] == _ABSENT:
                self._states[piece] = _SUSPECT

    def _zeros(self) -> Iterator[int]:
        """Give the pieces that are nothing but zeros: a hole in the file is as good as their bytes."""
        table, last = self.table, self.table.count - 1
        inner, end = _sha1_of_zeros(table.piece_bytes), _sha1_of_zeros(table.length(last))
        return (piece for piece in range(table.count) if table.sha1(piece) == (end if piece == last else inner))

    def doubt(self) -> None:
        """Forget every proof: make suspects of all pieces for which the file holds data, and of those of zeros."""
        with self._lock:
            self._states = bytearray(self.table.count)
            self._is_saved = False
        self.suspect_data()
        for piece in self._zeros() if self.table.has_hashes else ():
            self._states[piece] = _SUSPECT

    def distrust(self) -> None:
        """Somebody else wrote to the file: whoever opens it next reads every proved piece again.

        Without hashes nothing that was here is believed then. Raises: MachineError.
        """
        self._is_distrusted = True
        self.save()

    def read(self, piece: int) -> bytes:
        """Give the bytes of a piece as they are in the file. Raises MachineError."""
        buffer = bytearray(self.table.length(piece))
        size = self._read_into(piece, memoryview(buffer))
        return bytes(buffer[:size])

    def _is_right(self, piece: int) -> bool:
        """Tell whether the file holds the right bytes of a piece. Without hashes nobody can tell: no."""
        buffer = _buffer(self.table.length(piece))
        size = self._read_into(piece, buffer)
        whole = size == len(buffer) and self.table.has_hashes
        return whole and hashlib.sha1(buffer, usedforsecurity=False).digest() == self.table.sha1(piece)

    def _read_into(self, piece: int, buffer: memoryview) -> int:
        done, start = 0, self.table.start(piece)
        try:
            while done < len(buffer) and (got := os.preadv(self._fd, [buffer[done:]], start + done)):
                done += got
        except OSError as error:
            raise storage_error(error, f"read {self.path} at byte {start + done}") from error
        return done

    def _mark(self, piece: int, source: str) -> None:
        with self._lock:
            is_new = self._states[piece] != _PROVED
            self._states[piece] = _PROVED
            self._is_saved = False
            if is_new:
                self.brought[source] += self.table.length(piece)
        if is_new:
            self.on_landed(piece, source)

    # What is kept

    def save(self) -> None:
        """Make the proved bytes durable, then the bits that stand for them. Raises MachineError."""
        with self._lock:
            states = bytes(self._states)
        try:
            os.fdatasync(self._fd)
            facts = os.fstat(self._fd)
            self._bitmap.parent.mkdir(parents=True, exist_ok=True)
        except OSError as error:
            raise storage_error(error, f"sync {self.path}") from error
        # While pieces are under suspicion the saved times are none, so that the suspicion outlives this process.
        is_doubtful = self._is_distrusted or _SUSPECT in states
        times = _DISTRUSTED if is_doubtful else (facts.st_mtime_ns, facts.st_ctime_ns)
        write_bitmap(self._bitmap, self.table, Saved(self.inode, self.born_ns, *times, states))
        with self._lock:
            self._is_saved = self._is_saved or states == self._states

    @property
    def is_saved(self) -> bool:
        return self._is_saved

    def finish(self) -> bool:
        """Give a complete file its final name; tell whether it has it. Call when nobody writes. Raises MachineError."""
        if not self.is_complete:
            return False
        final = self.path.with_name(self.path.name.removesuffix(INCOMPLETE))
        if self.path != final:
            try:
                os.rename(self.path, final)
                fsync_folder(final.parent)
            except OSError as error:
                raise storage_error(error, f"rename {self.path}") from error
            self.path = final
        self.save()  # the rename changed its change time
        return True

    def allow_writing(self) -> None:
        """Open a file that was only looked at for writing too, with its full length; a longer one is cut.

        Raises: LayoutRefused where another file stands there now; MachineError.
        """
        try:
            fd = _open_growing(self.path, self.size_bytes)
        except OSError as error:
            raise storage_error(error, f"open {self.path}") from error
        if os.fstat(fd).st_ino != self.inode:
            os.close(fd)
            raise LayoutRefused(f"{self.path} was replaced while it was looked at", fix="run the same command again")
        self.close()
        self._fd = fd

    def close(self) -> None:
        """Close the file; what was not saved is found again by its hashes. May be called twice."""
        fd, self._fd = self._fd, -1
        if fd >= 0:
            os.close(fd)


def open_pieces(folder: Path, name: str, state: Path, table: PieceTable, *, writable: bool = True) -> PieceFile:
    """Open an archive that grows in a folder, or begin it.

    Args:
        folder: holds `name` when it is complete, `name.part` before; made.
        state:  folder of bitmaps; made.
        writable: False only looks: nothing is made, cut or written.
    Returns: the file; suspects and data without a bit are the caller's to check.
    Raises: LayoutRefused where something else stands there; MachineError.
    """
    bitmap = state / f"{table.infohash or name}.bits"
    try:
        for place in (folder, state) if writable else ():
            place.mkdir(parents=True, exist_ok=True)
        path = folder / name
        if not path.is_file():
            path = folder / (name + INCOMPLETE)
        fd = _open_growing(path, table.size_bytes) if writable else os.open(path, os.O_RDONLY | os.O_CLOEXEC)
    except OSError as error:
        raise storage_error(error, f"open {folder / name}") from error
    saved = read_bitmap(bitmap, table)
    if saved is not None and saved.inode != os.fstat(fd).st_ino:
        saved = None
    return PieceFile(path, bitmap, table, fd, saved)


def _open_growing(path: Path, size_bytes: int) -> int:
    """Open the file for reading and writing, with its full length. A longer one is cut: the table knows the end."""
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


def _sha1_of_zeros(size_bytes: int) -> bytes:
    return hashlib.sha1(bytes(size_bytes), usedforsecurity=False).digest()


def _write_at(fd: int, view: memoryview, offset: int) -> None:
    done = 0
    while done < len(view):
        done += os.pwrite(fd, view[done : done + WRITE_BYTES], offset + done)


_local = threading.local()


def _buffer(size_bytes: int) -> memoryview:
    """Give a buffer of this thread, used again for the next piece."""
    held: memoryview | None = getattr(_local, "buffer", None)
    if held is None or len(held) < size_bytes:
        held = _local.buffer = memoryview(bytearray(size_bytes))
    return held[:size_bytes]


def _nobody(piece: int, source: str) -> None:
    """Nobody asked to be told."""
