"""The fetchers that are at work for one archive: made when the ladder says so, asked, counted, closed.

Rules guarded: a new profile is a new client, made after the old one is closed; a server that was given up is asked for
nothing; addresses that are held back are known to nobody until nothing else brings a byte.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field

from kilotar.errors import KilotarError
from kilotar.events import Trouble
from kilotar.model.fetching import Fetcher, HttpFacts, PieceWish, SwarmFacts, Tell
from kilotar.model.profile import Profile
from kilotar.plan.share import Bringer
from kilotar.sources.external import External
from kilotar.store.pieces import PieceFile
from kilotar.work.meter import Pace

__all__ = ["Fleet", "MakeServer", "MakeSwarm", "Ways"]

PACE_S = 3.0
MakeSwarm = Callable[[Profile, PieceFile, Tell], Fetcher]
MakeServer = Callable[[PieceFile, Tell], Fetcher]


def _explain_nothing(swarm: SwarmFacts | None, http: tuple[HttpFacts, ...]) -> tuple[Trouble, ...]:
    return ()


@dataclass(frozen=True, slots=True)
class Ways:
    """How the sources of an archive are made.

    Attributes:
        swarm:    makes the client of peers for a profile; None where there is no torrent or no client.
        servers:  make the web servers that may be asked at once, by their address as it may be shown.
        reserve:  those that are asked only when nothing else brings a byte.
        explain:  what a doctor makes of a silence, as troubles.
    """

    swarm: MakeSwarm | None = None
    servers: Mapping[str, MakeServer] = field(default_factory=dict)
    reserve: Mapping[str, MakeServer] = field(default_factory=dict)
    explain: Callable[[SwarmFacts | None, tuple[HttpFacts, ...]], tuple[Trouble, ...]] = _explain_nothing

    @property
    def is_none(self) -> bool:
        """Whether nothing may be fetched."""
        return self.swarm is None and not self.servers and not self.reserve


class Fleet:
    """The fetchers of one archive.

    Args:
        pieces: where they land.
        ways:   how they are made.
        tell:   hears of their troubles.
    """

    def __init__(self, pieces: PieceFile, ways: Ways, tell: Tell) -> None:
        self._pieces, self._ways, self._tell = pieces, ways, tell
        self._swarm: Fetcher | None = None
        self.servers: dict[str, Fetcher] = {}
        self._waiting = dict(ways.servers)
        self._reserve = dict(ways.reserve)
        self._last_able: tuple[str, ...] = ()
        self._is_new = False
        self._sent_before = 0
        self._pace = Pace(PACE_S)

    @property
    def sent_bytes(self) -> int:
        """Bytes sent to peers by all clients of this run."""
        facts = self._swarm.facts() if self._swarm is not None else None
        return self._sent_before + (facts.sent_bytes if isinstance(facts, SwarmFacts) else 0)

    def swarm(self, now_s: float) -> Bringer | None:
        """Give the client of peers as the division sees it: with what it received in the last seconds."""
        if self._swarm is None:
            return None
        facts = self._swarm.facts()
        self._pace.see(now_s, facts.received_bytes)
        return Bringer(self._swarm.name, self._pace.bytes_s, takes_parts=not isinstance(self._swarm, External))

    @property
    def failure(self) -> KilotarError | None:
        """Why an installed client brings nothing any more."""
        return self._swarm.failure if isinstance(self._swarm, External) else None

    def use_profile(self, profile: Profile) -> None:
        """Start the client of peers, or start it anew with another profile."""
        self._leave()
        self._swarm = self._ways.swarm(profile, self._pieces, self._tell) if self._ways.swarm else None
        self._is_new, self._pace = True, Pace(PACE_S)

    def use_servers(self) -> None:
        """Start the web servers that wait."""
        for name, make in self._waiting.items():
            self.servers[name] = make(self._pieces, self._tell)
        self._waiting = {}

    def use_reserve(self) -> None:
        """Let the ladder know of the addresses that were held back."""
        self._waiting |= self._reserve
        self._reserve = {}
        if self.servers:
            self.use_servers()

    def able_servers(self) -> tuple[str, ...]:
        """Give the names of the servers that were not given up; beside peers not those that pause after a failure.

        What a server claims no peer is asked for: a dead one would keep pieces that a connected seed has.
        """
        facts = {name: server.facts() for name, server in self.servers.items()}
        return tuple(name for name, fact in facts.items() if isinstance(fact, HttpFacts) and self._is_able(fact))

    def _is_able(self, fact: HttpFacts) -> bool:
        is_pausing = self._swarm is not None and fact.failures > 0 and fact.retry_in_s > 0
        return not (fact.is_given_up or is_pausing)

    def bringers(self, able: Iterable[str]) -> tuple[Bringer, ...]:
        """Give servers as the division sees them."""
        facts = {name: self.servers[name].facts() for name in able}
        return tuple(_bringer(name, fact) for name, fact in facts.items() if isinstance(fact, HttpFacts))

    def changed(self, able: tuple[str, ...]) -> bool:
        """Tell whether there are other sources than when they were last asked."""
        before, self._last_able = self._last_able, able
        is_new, self._is_new = self._is_new, False
        return is_new or before != able

    def want(self, wishes: Mapping[str, PieceWish]) -> None:
        """Give every source its wish; an empty one to those without."""
        for name, server in self.servers.items():
            server.want(wishes.get(name, PieceWish()))
        if self._swarm is not None:
            self._swarm.want(wishes.get(self._swarm.name, PieceWish()))

    def facts(self) -> tuple[SwarmFacts | None, tuple[HttpFacts, ...]]:
        """Give the counters of all sources; of those that wait, none but their names."""
        swarm = self._swarm.facts() if self._swarm is not None else None
        http = [fact for server in self.servers.values() if isinstance(fact := server.facts(), HttpFacts)]
        http += [HttpFacts(name) for name in self._waiting]
        return (swarm if isinstance(swarm, SwarmFacts) else None), tuple(http)

    def close(self) -> None:
        """Close all of them; nothing lands afterwards."""
        for server in self.servers.values():
            server.close()
        self._leave()

    def _leave(self) -> None:
        if self._swarm is not None:
            self._sent_before = self.sent_bytes
            self._swarm.close()
            self._swarm = None


def _bringer(name: str, fact: HttpFacts) -> Bringer:
    rate = fact.rate_bytes_s if fact.received_bytes else -1.0
    return Bringer(name, rate, is_failing=fact.failures > 0)
