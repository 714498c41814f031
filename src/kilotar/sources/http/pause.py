"""How long to leave a failing server alone.

Rules guarded: waits double, with jitter, up to a minute; what the server asks for is waited for; one event that hits
four connections counts once; after enough failures in a row, or one that asking again cannot mend, the server is given
up.
"""

from __future__ import annotations

import random
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass

from kilotar.sources.http.failing import Cause, Failure

__all__ = ["Clock", "Pause"]

_FIRST_S = 1.0
_LONGEST_S = 60.0
_MOST_IN_A_ROW = 12  # about six minutes: a router that starts again is waited for
_MOST_FINAL_IN_A_ROW = 3  # of what "cannot be mended", from a server that has given pieces before


def _wait(condition: threading.Condition, seconds: float) -> None:
    condition.wait(seconds)


@dataclass(frozen=True, slots=True)
class Clock:
    """Time, for tests to replace: seconds that only grow, waiting on a condition, and a number in [0, 1)."""

    now: Callable[[], float] = time.monotonic
    wait: Callable[[threading.Condition, float], None] = _wait
    chance: Callable[[], float] = random.random


class Pause:
    """The failures of one server in a row. Not for several threads without a lock.

    Attributes:
        epoch:    grows with every failure that counts; a request carries that in which it was begun.
        failures: in a row.
        until_s:  when it may be asked again, by the clock.
        is_over:  it is given up.
    """

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._has_worked = False
        self.epoch = self.failures = 0
        self.until_s = 0.0
        self.is_over = False

    @property
    def left_s(self) -> float:
        return max(0.0, self.until_s - self._clock.now())

    def works(self) -> None:
        """Count a good piece: the row of failures has ended."""
        self._has_worked, self.failures = True, 0

    def fails(self, failure: Failure, epoch: int) -> bool:
        """Count a failure of a request begun in `epoch`; False where it is part of one that counted already."""
        if epoch != self.epoch:
            return False
        self.epoch += 1
        self.failures += 1
        most = _MOST_IN_A_ROW
        if failure.cause.is_final:
            most = _MOST_FINAL_IN_A_ROW if self._has_worked and failure.cause is not Cause.CHANGED else 1
        self.is_over = self.is_over or self.failures >= most
        step_s = min(_FIRST_S * 2 ** (self.failures - 1), _LONGEST_S)
        self.until_s = self._clock.now() + max(step_s * (0.5 + self._clock.chance() / 2), failure.wait_s)
        return True
