"""A language for the tests of the scheduler, after mitmproxy's playbooks: what happens, and what is then asked for.

::

    play(scheduler) >> None << Want("a", 30)
    play(scheduler) >> LandedRange("a", 0, 10) << Start(step)

Each `>>` checks that everything asked for so far was expected; `done()` checks the last answer.
"""

from __future__ import annotations

from typing import Self

from kilotar.plan.schedule import Command, Happening, Scheduler

__all__ = ["Play", "play"]


class Play:
    """One scheduler, fed by hand."""

    def __init__(self, scheduler: Scheduler) -> None:
        self._scheduler = scheduler
        self._asked: list[Command] = list(scheduler.start())
        self._expected: list[Command] = []

    def __rshift__(self, happening: Happening) -> Self:
        self.done()
        self._asked = list(self._scheduler.on(happening))
        return self

    def __lshift__(self, command: Command) -> Self:
        self._expected.append(command)
        return self

    def done(self) -> None:
        """Check that what was expected is what was asked for, in this order."""
        expected, self._expected = self._expected, []
        assert self._asked == expected


def play(scheduler: Scheduler) -> Play:
    return Play(scheduler)
