"""Who was met on the way to an archive's bytes, in words: the evidence for a person whose download ended in nothing.

Rules guarded: what one client met is not forgotten when the next is tried; an address is named with its own words.
"""

from __future__ import annotations

from kilotar.model.fetching import HttpFacts, SwarmFacts, TrackerFact
from kilotar.plan.ladder import seen

__all__ = ["Met"]

MOST_NAMED = 3


class Met:
    """Gathers counters; as text it is one line."""

    def __init__(self) -> None:
        self._trackers: dict[str, TrackerFact] = {}
        self._http: dict[str, str] = {}
        self._swarm: SwarmFacts | None = None
        self._nodes = -1

    def see(self, swarm: SwarmFacts | None, http: tuple[HttpFacts, ...]) -> None:
        """Note the counters of all sources."""
        self._http |= {one.url: one.error for one in http if one.error}
        if swarm is None:
            return
        self._swarm = swarm
        self._nodes = max(self._nodes, swarm.dht_nodes_v4, swarm.dht_nodes_v6)
        self._trackers |= {one.url: one for one in swarm.trackers if one.answered or one.error}

    def __str__(self) -> str:
        answered = sum(one.answered for one in self._trackers.values())
        failed = [f"{one.url}: {one.error}" for one in self._trackers.values() if one.error][:MOST_NAMED]
        parts = [seen(self._swarm)]
        if self._trackers:
            parts.append("; ".join([f"{answered} of {len(self._trackers)} trackers answered", *failed]))
        if self._nodes >= 0:
            parts.append(f"DHT {self._nodes} nodes")
        parts += [f"{url}: {error}" for url, error in self._http.items()][:MOST_NAMED]
        return "; ".join(parts)
