"""Which pieces are still to be asked for, and by whom they are being fetched.

Rules guarded: a piece is asked for by one connection at a time; one that is there, or no longer wished for, is not
asked for; the end is shared out in ever smaller runs, so that no connection is left with much while others have none.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable

from kilotar.model.fetching import PieceWish

__all__ = ["Wanted"]


class Wanted:
    """The pieces of one wish. Not for several threads without a lock.

    Args:
        has: tells whether a piece is there already.
    """

    def __init__(self, has: Callable[[int], bool]) -> None:
        self._has = has
        self._todo: deque[range] = deque()
        self._wish = PieceWish()
        self._busy: set[int] = set()

    def replace(self, wish: PieceWish) -> None:
        """Forget what was wished for; what is being fetched stays so."""
        self._wish = wish
        self._todo = deque(range(piece, piece + 1) for piece in wish.urgent)
        self._todo.extend(run for run in wish.wanted if run)

    def next(self, at_most: int, sharers: int) -> range:
        """Give the next run of pieces to fetch, and count them as being fetched; an empty run where there is none.

        Args:
            at_most: pieces.
            sharers: connections that work on the rest; a run is at most half of the share of each.
        """
        self._skip()
        if not self._todo:
            return range(0)
        fair = sum(map(len, self._todo)) // (2 * sharers)
        most = max(1, min(at_most, fair))
        start = stop = self._todo[0].start
        while self._todo and stop - start < most and self._todo[0].start == stop and self._is_free(stop):
            stop += 1
            self._cut_front()
        self._busy.update(range(start, stop))
        return range(start, stop)

    def _skip(self) -> None:
        while self._todo and not self._is_free(self._todo[0].start):
            self._cut_front()

    def _cut_front(self) -> None:
        first = self._todo.popleft()
        if len(first) > 1:
            self._todo.appendleft(first[1:])

    def _is_free(self, piece: int) -> bool:
        return piece not in self._busy and not self._has(piece)

    def is_wished(self, piece: int) -> bool:
        """Tell whether a piece is part of the wish and not there yet."""
        named = piece in self._wish.urgent or any(piece in run for run in self._wish.wanted)
        return named and not self._has(piece)

    def give_back(self, run: range) -> None:
        """Count pieces as not being fetched any more; those that are missing are the next to be asked for."""
        self._busy.difference_update(run)
        for piece in reversed(run):
            if self.is_wished(piece):
                self._todo.appendleft(range(piece, piece + 1))

    def next_wished(self, piece: int) -> int:
        """Give the lowest piece from `piece` on that is wished for and missing, -1 where there is none."""
        runs = (*(range(one, one + 1) for one in self._wish.urgent), *self._wish.wanted)
        firsts = (_first_missing(range(max(run.start, piece), run.stop), self._has) for run in runs)
        return min((found for found in firsts if found >= 0), default=-1)


def _first_missing(run: range, has: Callable[[int], bool]) -> int:
    return next((piece for piece in run if not has(piece)), -1)
