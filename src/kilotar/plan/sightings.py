"""Which class was seen where, and where the tar of another must therefore begin.

Rules guarded: classes ascend with the offset, so that what was seen on both sides of a class encloses its tar; a
sighting that contradicts an earlier one is not taken but told to the caller.
"""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import accumulate

from kilotar.parse.glimpse import Mark

__all__ = ["Bracket", "Sightings"]

_LEAN = 0.7  # a look into the class that is sought is no loss, its bytes are wanted; one into the class before it is


@dataclass(frozen=True, slots=True)
class Bracket:
    """The bytes `[start, stop)` in which the header of a class must begin, and the best guess where.

    Attributes:
        below:     the class seen last before it, -1 for none.
        is_inside: an image of the class was seen at `stop`, so that the class must be there.
    """

    start: int
    stop: int
    guess: int
    below: int
    is_inside: bool


class Sightings:
    """Headers seen, by offset and by class at once, as both ascend.

    Args:
        size_bytes: of the archive.
        weights:    expected bytes of each class in the order of the archive, in any unit.
    """

    def __init__(self, size_bytes: int, weights: Sequence[int]) -> None:
        self._size_bytes = size_bytes
        self._weights = [max(1, weight) for weight in weights]
        self._before = [0, *accumulate(self._weights)]
        self._offsets: list[int] = []
        self._ranks: list[int] = []
        self._marks: list[Mark] = []

    def add(self, mark: Mark, rank: int) -> bool:
        """Take what was seen of the class of this rank; False where it contradicts the order of the classes."""
        row = bisect_left(self._offsets, mark.at)
        if row < len(self._offsets) and self._offsets[row] == mark.at:
            return self._ranks[row] == rank and self._marks[row].is_outer == mark.is_outer
        if row and self._ranks[row - 1] > rank - mark.is_outer:
            return False
        if row < len(self._ranks) and self._ranks[row] < rank + self._marks[row].is_outer:
            return False
        self._offsets.insert(row, mark.at)
        self._ranks.insert(row, rank)
        self._marks.insert(row, mark)
        return True

    def bracket(self, rank: int) -> Bracket:
        """Give where the tar of a class must begin, unless it is absent."""
        row = bisect_left(self._ranks, rank)
        start, low = self._low(row)
        stop, high, is_inside = self._high(row, rank)
        target = self._before[rank]
        below = self._ranks[row - 1] if row else -1
        if (is_inside and below == rank - 1) or high <= low:
            share = _LEAN
        else:
            share = min(1.0, max(0.0, (target - low) / (high - low)))
        return Bracket(start, stop, start + int((stop - start) * share), below, is_inside)

    def _low(self, row: int) -> tuple[int, float]:
        """Give the first byte that is not known to lie before the class, and the weight of what lies before it."""
        if not row:
            return 0, 0.0
        rank = self._ranks[row - 1]
        first = self._marks[bisect_left(self._ranks, rank)]
        if first.is_outer:
            return first.beyond, self._before[rank + 1]
        return self._marks[row - 1].next_at, self._before[rank] + self._weights[rank] / 2

    def _high(self, row: int, rank: int) -> tuple[int, float, bool]:
        if row == len(self._ranks):
            return self._size_bytes, self._before[-1], False
        mark, seen = self._marks[row], self._ranks[row]
        weight = self._before[seen] + (0 if mark.is_outer else self._weights[seen] / 2)
        return mark.at, weight, seen == rank and not mark.is_outer
