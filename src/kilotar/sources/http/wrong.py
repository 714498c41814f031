"""Pieces that came with a wrong hash, and how many of them are too many.

Rules guarded: one wrong piece may be the fault of the way, so it is asked for once more; a piece that is wrong twice,
or two that are wrong at a time, are the fault of the server; so are many that each come right at the second time.
"""

from __future__ import annotations

__all__ = ["WrongPieces"]

_MOST_AT_A_TIME = 2
_MOST_MENDED = 8


class WrongPieces:
    """The wrong pieces of one server."""

    def __init__(self) -> None:
        self._wrong: set[int] = set()
        self._mended = 0

    def add(self, piece: int) -> bool:
        """Count a wrong piece; True where the server is to be given up."""
        again = piece in self._wrong
        self._wrong.add(piece)
        return again or len(self._wrong) >= _MOST_AT_A_TIME or self._mended >= _MOST_MENDED

    def mend(self, piece: int) -> None:
        """Count a good piece, which may have been wrong before."""
        if piece in self._wrong:
            self._wrong.discard(piece)
            self._mended += 1
