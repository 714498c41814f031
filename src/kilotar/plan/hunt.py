"""The search for one class tar: which stretch to look at next.

Rules guarded: a look is at pieces that were not seen and in which the header may be; one that was asked for stands
until it is seen or cannot help any more; after too many looks the search is given up, however the archive is made.
"""

from __future__ import annotations

from collections.abc import Container, Iterator

from kilotar.model.pieces import PieceTable
from kilotar.plan.outer import Contradiction
from kilotar.plan.sightings import Bracket

__all__ = ["Hunt"]

LOOK_BYTES = 512 << 10  # an image has 110 kB in the mean: a stretch of this length without a header is rare
MOST_LOOKS = 64  # halving the largest archive takes 20


class Hunt:
    """Looks for the header of one class tar.

    Args:
        table: the pieces of the archive.
        seen:  pieces that were looked at; the caller adds to it.
    """

    def __init__(self, table: PieceTable, seen: Container[int]) -> None:
        self._table = table
        self._seen = seen
        self._width = max(1, LOOK_BYTES // table.piece_bytes)
        self._asked = range(0)
        self._looks = 0

    def look(self, bracket: Bracket) -> tuple[int, ...]:
        """Give the pieces to look at, () where all that might hold the header were seen.

        Raises: Contradiction where it has looked too often.
        """
        pieces = self._table.touching(bracket.start, bracket.stop)
        if not self._unseen(self._asked, pieces):
            self._asked = self._stretch(bracket.guess, pieces)
            self._looks += 1
        if self._looks > MOST_LOOKS:
            raise Contradiction(f"{MOST_LOOKS} looks have not found the class tar before byte {bracket.stop}")
        return self._unseen(self._asked, pieces)

    def _stretch(self, guess: int, pieces: range) -> range:
        """Give a stretch with an unseen piece near the best guess, an empty one where all were seen."""
        width = self._width
        middle = min(guess, self._table.size_bytes - 1) // self._table.piece_bytes // width
        for distance in _distances(len(pieces) // width + 1):
            for cell in (middle + distance, middle - distance):
                stretch = range(cell * width, (cell + 1) * width)
                if self._unseen(stretch, pieces):
                    return stretch
        return range(0)

    def _unseen(self, asked: range, pieces: range) -> tuple[int, ...]:
        return tuple(piece for piece in asked if piece in pieces and piece not in self._seen)


def _distances(most: int) -> Iterator[int]:
    """Give 0, 1, 2, 4, 8 ... to leap out of an image that fills all pieces around, then every distance."""
    yield 0
    leap = 1
    while leap <= most:
        yield leap
        leap *= 2
    yield from range(1, most + 1)
