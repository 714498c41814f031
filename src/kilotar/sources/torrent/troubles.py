"""What a person should hear of the swarm while it goes on, once each.

Rules guarded: a state that the library keeps silent about (a full disk, a port that cannot be bound, trackers that all
fail, peers shut out for bad pieces) is told with its evidence and what helps; the same trouble is told again only after
it was over. Why nothing comes at all is another question: `plan.diagnose` answers it from the same facts.
"""

from __future__ import annotations

import errno
from collections.abc import Iterator

from kilotar.events import Trouble
from kilotar.model.fetching import SwarmFacts, Tell
from kilotar.model.profile import ClientOptions

__all__ = ["Troubles", "find_troubles"]

DHT_PATIENCE_S = 30.0
_FULL = {errno.ENOSPC: "no space left", errno.EDQUOT: "the quota is used up", errno.EFBIG: "a limit on file size"}


class Troubles:
    """Tells what is wrong and was not told yet."""

    def __init__(self, name: str, options: ClientOptions, tell: Tell) -> None:
        self._name, self._options, self._tell = name, options, tell
        self._told: dict[str, Trouble] = {}

    def look(self, facts: SwarmFacts, error_number: int = 0) -> None:
        """Compare facts with what was told."""
        found = {trouble.kind: trouble for trouble in find_troubles(facts, self._name, self._options, error_number)}
        for kind, trouble in found.items():
            if kind not in self._told:
                self._tell(trouble)
        self._told = found


def find_troubles(facts: SwarmFacts, name: str, options: ClientOptions, error_number: int = 0) -> Iterator[Trouble]:
    """Give what is wrong now, at most one trouble a kind.

    Args:
        name:         of the archive.
        error_number: errno of the last error of the disk, 0 for none.
    """
    if facts.is_upload_only:
        yield _disk(name, facts, error_number)
    if facts.listen_errors and not facts.listening:
        yield Trouble(
            "listen", "this machine", facts.listen_errors[-1], "no port can be listened on: try --port or --interface"
        )
    if facts.proxy_error and not facts.peers:
        yield Trouble("proxy", options.proxy, facts.proxy_error, "check the address given with --proxy")
    failed = [fact for fact in facts.trackers if fact.error]
    if failed and len(failed) == len(facts.trackers):
        seen = "; ".join(f"{fact.url}: {fact.error}" for fact in failed[:3])
        yield Trouble("tracker", name, f"no tracker answers: {seen}", "peers are sought in the DHT and remembered ones")
    if facts.hash_failures or facts.banned:
        yield Trouble(
            "bad-peer",
            name,
            f"{facts.hash_failures} wrong pieces, {facts.banned} peers shut out",
            "nothing wrong was kept; other sources are asked",
        )
    if options.dht and facts.age_s > DHT_PATIENCE_S and _is_alone(facts):
        yield Trouble("dht", "this network", _dht(facts), "UDP may be filtered here; trackers over TCP do without")


def _is_alone(facts: SwarmFacts) -> bool:
    """Tell whether nobody is known from anywhere: with a tracker or a peer, an empty DHT is no trouble."""
    has_nodes = facts.dht_nodes_v4 > 0 or facts.dht_nodes_v6 > 0
    return not (has_nodes or facts.peers or facts.peers_known or any(fact.answered for fact in facts.trackers))


def _disk(name: str, facts: SwarmFacts, error_number: int) -> Trouble:
    seen = _FULL.get(error_number) or "; ".join(facts.file_errors) or "the client stopped to write"
    if error_number in _FULL:
        return Trouble("disk-full", name, seen, "nothing is lost; make room, and the download goes on by itself")
    return Trouble("disk", name, seen, "the run ends; check the disk (dmesg, smartctl) and run the same command again")


def _dht(facts: SwarmFacts) -> str:
    traffic = f"{facts.dht_sent_bytes} bytes sent, {facts.dht_received_bytes} received"
    return f"the DHT knows no node after {facts.age_s:.0f} s: {traffic}"
