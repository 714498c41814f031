"""Pieces that came from elsewhere, handed to the client so that it can pass them on.

Rules guarded: only while somebody is connected who may want them, a few at a time; a piece is read and hashed before it
is handed over, for a pipeline may have given its blocks back to the disk; the client writes what it is given into the
same place again, so this is never done for a seed alone.
"""

from __future__ import annotations

import hashlib
import os
from collections.abc import Iterator

from kilotar.model.fetching import Landing

__all__ = ["Offers"]

AT_ONCE = 8
SCAN = 10_000


class Offers:
    """Goes round the pieces of a landing."""

    def __init__(self, landing: Landing) -> None:
        self._landing, self._next = landing, 0

    def some(self, given: bytearray) -> Iterator[tuple[int, bytes]]:
        """Give at most eight pieces, with their bytes, that the landing has and the client has not; mark them as given.

        Args:
            given: one byte a piece, not 0 where the client has it.
        """
        left = AT_ONCE
        for _ in range(min(SCAN, len(given))):
            piece, self._next = self._next, (self._next + 1) % len(given)
            if not given[piece] and self._landing.has(piece):
                given[piece] = 1
                data = self._read(piece)
                if data:
                    yield piece, data
                    left -= 1
            if not left:
                return

    def _read(self, piece: int) -> bytes:
        """Give the bytes of a piece, b"" where the file has it no more."""
        table = self._landing.table
        try:
            with self._landing.path.open("rb") as file:
                data = os.pread(file.fileno(), table.length(piece), table.start(piece))
        except OSError:
            return b""
        return data if hashlib.sha1(data, usedforsecurity=False).digest() == table.sha1(piece) else b""
