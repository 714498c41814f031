"""A landing for the tests of fetchers: a sparse file, its pieces in memory, and a record of every call.

It believes what the seam says and no more: `take` writes only what hashes right (anything of the right length where no
hashes are known), `check` reads what somebody else wrote. Nothing is kept for a next run.
"""

from __future__ import annotations

import hashlib
import os
import threading
from collections import Counter
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from pathlib import Path

from kilotar.errors import MachineError
from kilotar.model.pieces import PieceTable

__all__ = ["Call", "FileLanding", "payload", "table_of"]


def payload(size_bytes: int, seed: int = 0) -> bytes:
    """Give bytes that look like an archive (not text, no two pieces alike), the same for the same seed."""
    return hashlib.shake_128(f"payload {seed}".encode()).digest(size_bytes)


def table_of(data: bytes, piece_bytes: int, name: str = "archive.tar", infohash: str = "1" * 40) -> PieceTable:
    """Give the table, with hashes, of what an archive holds."""
    pieces = (data[start : start + piece_bytes] for start in range(0, len(data), piece_bytes))
    sha1s = b"".join(hashlib.sha1(piece, usedforsecurity=False).digest() for piece in pieces)
    return PieceTable(name, len(data), piece_bytes, sha1s, infohash)


@dataclass(frozen=True, slots=True)
class Call:
    """One call of the landing: `verb` is "take" or "check", `good` what it answered."""

    verb: str
    piece: int
    source: str
    good: bool


class FileLanding:
    """A `Landing` over a file that it makes with full length.

    Args:
        table:  of the archive.
        folder: where the file `NAME.part` is made.
        have:   pieces that count as verified from the start.

    Attributes:
        calls:   every call, in order.
        failure: raised by the next calls when set (a full disk).
    """

    def __init__(self, table: PieceTable, folder: Path, have: Iterable[int] = ()) -> None:
        self._table = table
        self._path = folder / f"{table.name}.part"
        self._have = set(have)
        self._changed = threading.Condition()
        self.calls: list[Call] = []
        self.failure: MachineError | None = None
        self._file = os.open(self._path, os.O_RDWR | os.O_CREAT, 0o644)
        os.truncate(self._file, table.size_bytes)

    @property
    def table(self) -> PieceTable:
        return self._table

    @property
    def path(self) -> Path:
        return self._path

    def has(self, piece: int) -> bool:
        return piece in self._have

    def take(self, piece: int, data: bytes | memoryview, source: str) -> bool:
        good = self._is_good(piece, data)
        if good:
            os.pwrite(self._file, data, self._table.start(piece))
        return self._note(Call("take", piece, source, good))

    def check(self, piece: int, source: str) -> bool:
        data = os.pread(self._file, self._table.length(piece), self._table.start(piece))
        return self._note(Call("check", piece, source, self._is_good(piece, data)))

    def _is_good(self, piece: int, data: bytes | memoryview) -> bool:
        if self.failure is not None:
            raise self.failure
        if len(data) != self._table.length(piece):
            return False
        return not self._table.has_hashes or hashlib.sha1(data).digest() == self._table.sha1(piece)

    def _note(self, call: Call) -> bool:
        with self._changed:
            self.calls.append(call)
            if call.good:
                self._have.add(call.piece)
            self._changed.notify_all()
        return call.good

    @property
    def have(self) -> frozenset[int]:
        """The verified pieces."""
        with self._changed:
            return frozenset(self._have)

    @property
    def sources(self) -> Counter[str]:
        """How many good pieces each source brought."""
        with self._changed:
            return Counter(call.source for call in self.calls if call.good)

    @property
    def bad(self) -> list[Call]:
        """The calls that were answered with False."""
        with self._changed:
            return [call for call in self.calls if not call.good]

    def wait_for(self, pieces: Iterable[int] | None = None, timeout_s: float = 30.0) -> bool:
        """Wait until all these pieces (of the whole archive if None) are verified; False when they were not in time."""
        wanted = set(range(self._table.count) if pieces is None else pieces)
        with self._changed:
            return self._changed.wait_for(lambda: wanted <= self._have, timeout_s)

    def wait_until(self, true: Callable[[], bool], timeout_s: float = 30.0) -> bool:
        """Wait until something is true; it is asked after every call, and when `stir` is called."""
        with self._changed:
            return self._changed.wait_for(true, timeout_s)

    def stir(self) -> None:
        """Let those who wait look again."""
        with self._changed:
            self._changed.notify_all()

    def read(self) -> bytes:
        """Give the bytes of the file."""
        return self._path.read_bytes()

    def forget(self, pieces: Iterable[int]) -> None:
        """Count pieces as not verified again, as after damage of the disk."""
        with self._changed:
            self._have -= set(pieces)

    def close(self) -> None:
        os.close(self._file)
