"""Who was met on the way to an archive's bytes, in words: for a person who waits, or whose download ended in nothing.

Rules guarded: what one client met is not forgotten when the next is tried; an address is named with its own words.
"""

from __future__ import annotations

from kilotar.errors import HttpFailed, NetworkError, NoPeers
from kilotar.model.fetching import HttpFacts, SwarmFacts, TrackerFact
from kilotar.plan.ladder import seen
from kilotar.store.pieces import PieceFile
from kilotar.work.fleet import Ways

__all__ = ["Met", "given_up", "waiting"]

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


def given_up(why: str, pieces: PieceFile, ways: Ways, met: Met) -> NetworkError:
    """Give the error of a download for which no way is left."""
    name = pieces.table.name
    kept = f"what has arrived is kept: {pieces.count} of {pieces.table.count} pieces"
    if ways.is_none:
        return HttpFailed(
            f"{name} is not whole, and nothing may be fetched",
            seen=kept,
            fix="add --from torrent or --from http, or ask with --classes for what is there",
        )
    if ways.swarm is None:
        return HttpFailed(f"{name} could not be fetched", seen=why, fix=f"run the same command later; {kept}")
    return NoPeers(
        f"no way to the bytes of {name}",
        seen=f"{why}: {met}",
        fix=f"kilotar doctor shows the broken link; --from http, --proxy, --torrent are other ways; {kept}",
    )


def waiting(swarm: SwarmFacts | None, http: tuple[HttpFacts, ...]) -> str:
    """Say in a few words what is waited for while no byte comes."""
    if swarm is None:
        asked = [one for one in http if one.requests]
        return f"asking {asked[0].url}" if asked else "starting"
    answered = sum(tracker.answered for tracker in swarm.trackers)
    return (
        f"finding peers: {answered} of {len(swarm.trackers)} trackers answered, {swarm.peers_known} peers known, "
        f"{swarm.peers} connected, {swarm.age_s:.0f} s"
    )
