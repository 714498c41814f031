"""What is known of each piece of an archive: proved, under suspicion, or absent. No I/O.

Rules guarded: a suspect counts as there, so that nothing is fetched twice, but never as proved.
"""

from __future__ import annotations

import hashlib
import threading
from collections.abc import Iterator

from kilotar.model.pieces import PieceTable
from kilotar.model.ranges import ByteRange, Ranges

__all__ = ["ABSENT", "PROVED", "SUSPECT", "PieceMap"]

ABSENT, PROVED, SUSPECT = 0, 1, 2


class PieceMap:
    """The states of the pieces of one table. Any thread may ask.

    Attributes:
        table: the pieces.
    """

    def __init__(self, table: PieceTable, states: bytes) -> None:
        self.table = table
        self._states = bytearray(states)
        self._lock = threading.Lock()  # held to change a state
        self._is_saved = False

    @property
    def size_bytes(self) -> int:
        return self.table.size_bytes

    def has(self, piece: int) -> bool:
        """Tell whether a piece need not be fetched: it was proved, or is a suspect that will be read again."""
        return self._states[piece] != ABSENT

    @property
    def count(self) -> int:
        """How many pieces are proved."""
        return self._states.count(PROVED)

    @property
    def holds_content(self) -> bool:
        """Whether any piece that is proved holds more than zeros: those are right in any file with a hole."""
        return self.count > sum(self._states[piece] == PROVED for piece in self._zeros())

    @property
    def is_complete(self) -> bool:
        return self.count == self.table.count

    @property
    def suspects(self) -> tuple[int, ...]:
        """Pieces that were proved before the file was last written to by nobody knows whom."""
        return tuple(piece for piece, state in enumerate(self._states) if state == SUSPECT)

    def covers(self, start: int, stop: int) -> bool:
        """Tell whether all bytes `[start, stop)` are proved."""
        pieces = self.table.touching(start, stop)
        return self._states.count(PROVED, pieces.start, pieces.stop) == len(pieces)

    def missing(self, start: int, stop: int) -> tuple[int, ...]:
        """Give the pieces of the bytes `[start, stop)` that are to be fetched."""
        return tuple(piece for piece in self.table.touching(start, stop) if self._states[piece] == ABSENT)

    def landed(self) -> Ranges:
        """Give the bytes that are proved."""
        proved = (piece for piece, state in enumerate(self._states) if state == PROVED)
        return Ranges.of(ByteRange(self.table.start(piece), self.table.stop(piece)) for piece in proved)

    def landed_bytes(self, start: int = 0, stop: int | None = None) -> int:
        """Give how many bytes of the pieces that touch `[start, stop)` are proved."""
        pieces = self.table.touching(start, self.size_bytes if stop is None else stop)
        proved = self._states.count(PROVED, pieces.start, pieces.stop)
        last = self.table.count - 1
        short = self.table.piece_bytes - self.table.length(last)
        is_last = last in pieces and self._states[last] == PROVED
        return proved * self.table.piece_bytes - short * is_last

    @property
    def is_saved(self) -> bool:
        """Whether nothing has changed since it was last kept."""
        return self._is_saved

    def _zeros(self) -> Iterator[int]:
        """Give the pieces that are nothing but zeros: a hole in the file is as good as their bytes."""
        table, last = self.table, self.table.count - 1
        inner, end = _sha1_of_zeros(table.piece_bytes), _sha1_of_zeros(table.length(last))
        return (piece for piece in range(table.count) if table.sha1(piece) == (end if piece == last else inner))

    def _set(self, piece: int, state: int) -> bool:
        """Change a state, under the lock; tell whether it was another."""
        was, self._states[piece] = self._states[piece], state
        self._is_saved = False
        return was != state


def _sha1_of_zeros(size_bytes: int) -> bytes:
    return hashlib.sha1(bytes(size_bytes), usedforsecurity=False).digest()
