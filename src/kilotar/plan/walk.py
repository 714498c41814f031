"""The walk over the headers of all class tars, from the first byte on: slow, and misled by nothing.

Rules guarded: each header stands exactly behind the tar before it; no class has two tars; a class tar counts as found
only after what stands behind it was read.
"""

from __future__ import annotations

from kilotar.parse.glimpse import Mark
from kilotar.plan.outer import Contradiction, End, Missing, OuterHeaders

__all__ = ["Walk"]


class Walk:
    """Walks from header to header.

    Args:
        outer: reads them.
    """

    def __init__(self, outer: OuterHeaders) -> None:
        self._outer = outer
        self._at = 0
        self._last: Mark | None = None
        self._passed: set[str] = set()

    def step(self) -> Mark | Missing | End:
        """Give the next class tar whose end was read too, the block that is missing, or the end of the archive.

        Raises: Contradiction.
        """
        while True:
            found = self._outer.at(self._at)
            if isinstance(found, Missing):
                return found
            if isinstance(found, Mark) and found.wnid in self._passed:
                raise Contradiction(f"class {found.wnid} has two tars, the second at byte {found.at}")
            done, self._last = self._last, None
            if isinstance(found, Mark):
                self._last, self._at = found, found.beyond
                self._passed.add(found.wnid)
            if done:
                return done
            if isinstance(found, End):
                return found
