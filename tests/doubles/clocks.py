"""A clock that runs when it is asked to, for tests of waiting."""

from __future__ import annotations

import threading
from collections.abc import Callable
from dataclasses import dataclass, field

__all__ = ["StillClock"]


@dataclass(slots=True)
class StillClock:
    """Time stands still; waiting takes no time but moves the clock, and is written down in `waits`.

    Args:
        step_s:  how far each look at the clock moves it.
        on_wait: called with the number of waits so far, before each returns.
    """

    step_s: float = 0.0
    on_wait: Callable[[int], object] | None = None
    seconds: float = 0.0
    waits: list[float] = field(default_factory=list)
    _seen_s: float = -1.0
    _looked: threading.Condition = field(default_factory=threading.Condition)

    def now(self) -> float:
        with self._looked:
            self.seconds += self.step_s
            self._looked.notify_all()
            return self.seconds

    def wait(self, condition: threading.Condition, seconds: float) -> None:
        self.waits.append(seconds)
        self.seconds += seconds
        if self.on_wait is not None:
            self.on_wait(len(self.waits))

    def wait_for_look(self) -> None:
        """Wait until somebody has looked at the clock since the last call; not for ever, for nobody may be left to."""
        with self._looked:
            self._looked.wait_for(lambda: self.seconds != self._seen_s, 5)
            self._seen_s = self.seconds
