"""The pieces of one archive on disk: the growing file, and a bitmap that says which of them were proved.

Rules guarded:

- a bit is set only after bytes that we read, or wrote ourselves, matched the piece's SHA-1; no client's word sets one;
- a bit reaches the disk only after the bytes that it stands for (fdatasync, then the bitmap, replaced whole), so a bit
  on disk is true after a power cut;
- a file that is not as it was left (another inode or length) has no bits; one that was written to since the bitmap was
  saved keeps them, but as *suspects*, to be read again before the archive is called proved;
- the file has its full length from the start, and the name `NAME.part` until every piece is proved: what stands under
  the final name is whole.

Where clients' own bookkeeping was found wrong after a kill: docs/adr/0017.
"""

from __future__ import annotations

import hashlib
import os
import time
from collections import Counter
from collections.abc import Callable, Iterator
from pathlib import Path

from kilotar.errors import LayoutRefused, storage_error
from kilotar.model.pieces import PieceTable
from kilotar.store.bitmap import Saved, read_bitmap, write_bitmap
from kilotar.store.files import fsync_folder
from kilotar.store.growing import borrow_buffer, open_growing, walk_data, write_at
from kilotar.store.piece_map import ABSENT, PROVED, SUSPECT, PieceMap

__all__ = ["INCOMPLETE", "OWN_DISK", "PieceFile", "open_pieces"]

INCOMPLETE = ".part"
_DISTRUSTED = (0, 0)  # times that no file has
OWN_DISK = "this disk"  # who brought what was found here
Landed = Callable[[int, str], None]


class PieceFile(PieceMap):
    """An archive that grows piece by piece: the `Landing` of every fetcher. Make one with `open_pieces`.

    Any thread may call it.

    Attributes:
        path:    where the bytes are now.
        born_ns: when its bits were first kept; with the inode it tells this file from any other, also while it grows.
        brought: bytes proved since it was opened, by who brought them.
        wrong:   suspects that were read since and are not right.
        on_landed: is called with each piece that was proved and who brought it, in the thread that proved it.
    """

    def __init__(self, path: Path, bitmap: Path, table: PieceTable, fd: int, saved: Saved | None) -> None:
        facts = os.fstat(fd)
        super().__init__(table, saved.bits if saved else bytes(table.count))
        self.path = path
        self.inode = facts.st_ino
        self.born_ns = saved.born_ns if saved else time.time_ns()
        self.on_landed: Landed = _nobody
        self.brought: Counter[str] = Counter()
        self.wrong = 0
        self._bitmap, self._fd = bitmap, fd
        is_as_left = saved is None or (saved.mtime_ns, saved.ctime_ns) == (facts.st_mtime_ns, facts.st_ctime_ns)
        if table.has_hashes and not is_as_left:
            self._states = self._states.replace(bytes([PROVED]), bytes([SUSPECT]))
        elif saved is not None and not is_as_left and (saved.mtime_ns, saved.ctime_ns) == _DISTRUSTED:
            self._states = bytearray(table.count)
        self._is_saved = saved is not None
        self._is_distrusted = False

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
            write_at(self._fd, memoryview(data), self.table.start(piece))
        except OSError as error:
            raise storage_error(error, f"write {self.path}") from error
        self._mark(piece, source)
        return True

    def check(self, piece: int, source: str) -> bool:
        """Read a piece that was not proved yet, and mark it when its hash is right. Raises MachineError."""
        if self._states[piece] == PROVED:
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
            self.wrong += self._set(piece, ABSENT)
        return False

    def suspect_data(self) -> None:
        """Make suspects of the pieces that were not proved but for which the file holds data.

        A killed run wrote them, or another client. Without hashes nothing can be made of them.
        """
        for piece in self._with_data() if self.table.has_hashes else ():
            if self._states[piece] == ABSENT:
                self._states[piece] = SUSPECT

    def _with_data(self) -> Iterator[int]:
        """Give the pieces of which the file holds at least a part."""
        try:
            for part in walk_data(self._fd, self.size_bytes):
                yield from self.table.touching(part.start, part.stop)
        except OSError as error:
            raise storage_error(error, f"look into {self.path}") from error

    def doubt(self) -> None:
        """Forget every proof: make suspects of all pieces for which the file holds data, and of those of zeros."""
        with self._lock:
            self._states = bytearray(self.table.count)
            self._is_saved = False
        self.suspect_data()
        for piece in self._zeros() if self.table.has_hashes else ():
            self._states[piece] = SUSPECT

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
        buffer = borrow_buffer(self.table.length(piece))
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
            is_new = self._set(piece, PROVED)
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
        is_doubtful = self._is_distrusted or SUSPECT in states
        times = _DISTRUSTED if is_doubtful else (facts.st_mtime_ns, facts.st_ctime_ns)
        write_bitmap(self._bitmap, self.table, Saved(self.inode, self.born_ns, *times, states))
        with self._lock:
            self._is_saved = self._is_saved or states == self._states

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
            fd = open_growing(self.path, self.size_bytes)
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
        fd = open_growing(path, table.size_bytes) if writable else os.open(path, os.O_RDONLY | os.O_CLOEXEC)
    except OSError as error:
        raise storage_error(error, f"open {folder / name}") from error
    saved = read_bitmap(bitmap, table)
    if saved is not None and saved.inode != os.fstat(fd).st_ino:
        saved = None
    return PieceFile(path, bitmap, table, fd, saved)


def _nobody(piece: int, source: str) -> None:
    """Nobody asked to be told."""
