"""A language for the tests of the ladder: a clock that is set, counters that are put, and the moves that are made.

::

    climb(Ladder()).at(0, swarm=NOBODY).moves(UseProfile)
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Self

from kilotar.model.fetching import HttpFacts, SwarmFacts
from kilotar.plan.ladder import Ladder, Move, UseProfile

__all__ = ["Climb", "climb"]


class Climb:
    """One ladder, asked every second, as its caller does. The client is made anew whenever the ladder says so."""

    def __init__(self, ladder: Ladder) -> None:
        self._ladder = ladder
        self.now_s = 0.0
        self._began_s = 0.0
        self.made: list[tuple[float, Move]] = []

    def until(
        self,
        stop_s: float,
        *,
        swarm: SwarmFacts | None = None,
        http: Sequence[HttpFacts] = (),
        verified_bytes: int = 0,
        verified_per_s: int = 0,
        received_per_s: int = 0,
        wanted_bytes: int = 0,
        makes_anew: bool = True,
    ) -> Self:
        """Go on to `stop_s` with these counters; forget the moves of before."""
        self.made = []
        began_s, facts = self.now_s, swarm
        while self.now_s < stop_s:
            if swarm is not None:
                came = int(received_per_s * (self.now_s - max(began_s, self._began_s)))
                facts = with_age(swarm, self.now_s - self._began_s, came)
            verified = verified_bytes + int(verified_per_s * (self.now_s - began_s))
            for move in self._ladder.on(self.now_s, verified, facts, http, wanted_bytes=wanted_bytes):
                self.made.append((self.now_s, move))
                if isinstance(move, UseProfile) and makes_anew:
                    self._began_s = self.now_s
            self.now_s += 1.0
        return self

    def kinds(self) -> list[tuple[float, str]]:
        """Give when which move was made; of a profile, its name."""
        return [
            (at_s, move.profile.name if isinstance(move, UseProfile) else type(move).__name__)
            for at_s, move in self.made
        ]

    def why(self, kind: type[Move]) -> str:
        """Give the words of the first move of a kind."""
        return next(move.why for _, move in self.made if isinstance(move, kind))


def with_age(swarm: SwarmFacts, age_s: float, more_bytes: int) -> SwarmFacts:
    return replace(swarm, age_s=age_s, received_bytes=swarm.received_bytes + more_bytes)


def climb(ladder: Ladder) -> Climb:
    return Climb(ladder)
