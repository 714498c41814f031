"""What was told already: the same thing is told once, and again only when it still lasts long after.

Rules guarded: numbers in a sentence do not make it new, so that a counter which rises every second is not news every
second; what is remembered is bounded.
"""

from __future__ import annotations

import re
from collections.abc import Callable

from kilotar.events import Trouble

__all__ = ["Memory", "trouble_key"]

AGAIN_S = 590.0  # just below the ten minutes after which a silence is told again
MOST = 1000
_NUMBERS = re.compile(r"[0-9][0-9.,]*")


class Memory:
    """Remembers what was told, and when.

    Args:
        clock: seconds, rising.
    """

    def __init__(self, clock: Callable[[], float]) -> None:
        self._clock = clock
        self._told: dict[tuple[str, ...], float] = {}

    def is_news(self, *key: str) -> bool:
        """Tell whether something is to be told now; it counts as told then."""
        now_s = self._clock()
        if now_s - self._told.get(key, -AGAIN_S) < AGAIN_S:
            return False
        if len(self._told) >= MOST:
            self._told.clear()
        self._told[key] = now_s
        return True


def trouble_key(trouble: Trouble) -> tuple[str, str, str]:
    """Give what makes a trouble the same as another: its kind, its place, and what was seen without numbers."""
    return trouble.kind, trouble.where, _NUMBERS.sub("#", trouble.seen)
