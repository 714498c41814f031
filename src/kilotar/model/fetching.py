"""The seam between what brings pieces (a swarm, a web server, another program) and what keeps them.

Rules guarded: a fetcher never decides that a piece is good: it hands bytes to its `Landing`, or says that they were
written, and the landing reads, hashes and marks; a fetcher never blocks its caller, and closes within its grace;
whatever it meets is told as counters (`SwarmFacts`, `HttpFacts`) and as `Trouble`, never printed, never raised out of a
thread.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

from kilotar.events import Trouble
from kilotar.model.pieces import PieceTable

__all__ = ["Fetcher", "HttpFacts", "Landing", "PieceWish", "SourceFacts", "SwarmFacts", "Tell", "TrackerFact"]

Tell = Callable[[Trouble], None]


@dataclass(frozen=True, slots=True)
class PieceWish:
    """Which pieces a fetcher is to bring, the most pressing first. Pieces not named here must not be asked for.

    Attributes:
        urgent: single pieces that somebody waits for (headers, probes).
        wanted: runs of pieces, half-open, in the order in which they are best brought.
    """

    urgent: tuple[int, ...] = ()
    wanted: tuple[range, ...] = ()

    def __bool__(self) -> bool:
        return bool(self.urgent or self.wanted)


class Landing(Protocol):
    """Where the pieces of one archive land. Any thread may call it.

    Attributes:
        path: the file, which has its full length from the start (sparse).
    """

    @property
    def table(self) -> PieceTable: ...

    @property
    def path(self) -> Path: ...

    def has(self, piece: int) -> bool:
        """Tell whether a piece was verified."""
        ...

    def take(self, piece: int, data: bytes | memoryview, source: str) -> bool:
        """Hash the bytes of a whole piece, write them into the file and mark the piece; False where the hash is wrong.

        Args:
            source: who brought them, for the report ("peers", a host name, ...).
        Raises: MachineError.
        """
        ...

    def check(self, piece: int, source: str) -> bool:
        """Read a piece back that somebody else wrote into the file, and mark it when its hash is right.

        Raises: MachineError.
        """
        ...


class Fetcher(Protocol):
    """Brings pieces of one archive. Made ready to be told what is wanted; calls its landing from threads of its own."""

    @property
    def name(self) -> str:
        """Who it is, as a person knows it: "peers", "web seed HOST", "aria2"."""
        ...

    def want(self, wish: PieceWish) -> None:
        """Replace what is wanted; pieces on their way may still arrive. Never blocks."""
        ...

    def facts(self) -> SourceFacts:
        """Give a snapshot of its counters. Never blocks for long."""
        ...

    def close(self, grace_s: float = 5.0) -> None:
        """Stop, and wait at most `grace_s` for its threads; nothing lands afterwards. May be called twice."""
        ...


@dataclass(frozen=True, slots=True)
class TrackerFact:
    """What one tracker answered last.

    Attributes:
        answered: whether it gave a list of peers.
        peers:    in its last answer.
        error:    its failure, or that of the way to it; "" where it answered or was not asked yet.
        failures: in a row.
    """

    url: str
    answered: bool = False
    peers: int = 0
    error: str = ""
    failures: int = 0


@dataclass(frozen=True, slots=True)
class SwarmFacts:
    """Counters of a BitTorrent client about one torrent: all that the ladder and the doctor judge by.

    Source: the signatures of each trouble were measured, see docs/adr and the tests of `plan.diagnose`.

    Attributes:
        client:        "libtorrent 2.1.1", "aria2 1.36.0", ...
        age_s:         since the client was started with this profile.
        received_bytes: payload from peers, good or not.
        wasted_bytes:  received twice, or thrown away for a wrong hash.
        rate_bytes_s:  download now.
        sent_bytes, sent_rate_bytes_s: upload.
        peers, seeds:  connected; of them seeds.
        peers_known:   addresses known that could be tried.
        seeds_known:   complete peers that trackers told of, -1 where none told.
        copies:        distributed copies among connected peers, -1.0 where not known.
        choked:        connected peers that hold what we want and choke us.
        tcp_timeouts, tcp_refused, resets: failed TCP connects, and connections cut before the handshake ended.
        utp_timeouts, utp_read_timeouts: µTP connects without an answer; µTP connections that went silent.
        handshakes:    connections that got as far as a BitTorrent handshake.
        incoming:      connections that came in.
        hash_failures, banned: wrong pieces; peers shut out for them.
        listening, listen_errors: "ADDRESS:PORT/tcp"; "ADDRESS: REASON".
        dht_nodes_v4, dht_nodes_v6: nodes in the routing tables, -1 where there is no table.
        dht_received_bytes, dht_sent_bytes: of the DHT.
        external_ip, mapped_ports: what others see of us; ports that the gateway opened.
        proxy_error:   of a SOCKS or HTTP proxy, "".
        file_errors:   errors of the disk as the client tells them, the latest last, at most 5.
        is_upload_only: the client stopped to download by itself (a full disk does that).
        state:         its own word.
    """

    client: str = ""
    age_s: float = 0.0
    received_bytes: int = 0
    wasted_bytes: int = 0
    rate_bytes_s: float = 0.0
    sent_bytes: int = 0
    sent_rate_bytes_s: float = 0.0
    peers: int = 0
    seeds: int = 0
    peers_known: int = 0
    seeds_known: int = -1
    copies: float = -1.0
    choked: int = 0
    tcp_timeouts: int = 0
    tcp_refused: int = 0
    resets: int = 0
    utp_timeouts: int = 0
    utp_read_timeouts: int = 0
    handshakes: int = 0
    incoming: int = 0
    hash_failures: int = 0
    banned: int = 0
    listening: tuple[str, ...] = ()
    listen_errors: tuple[str, ...] = ()
    trackers: tuple[TrackerFact, ...] = ()
    dht_nodes_v4: int = -1
    dht_nodes_v6: int = -1
    dht_received_bytes: int = 0
    dht_sent_bytes: int = 0
    external_ip: str = ""
    mapped_ports: tuple[str, ...] = ()
    proxy_error: str = ""
    file_errors: tuple[str, ...] = ()
    is_upload_only: bool = False
    state: str = ""


@dataclass(frozen=True, slots=True)
class HttpFacts:
    """Counters of one web address.

    Attributes:
        url:       without user, password, query and passkey.
        received_bytes, wasted_bytes, rate_bytes_s: payload; thrown away; now.
        requests, failures: sent; failed in a row.
        error:     why the last one failed, "".
        is_given_up: nothing more is asked of it in this run.
        retry_in_s: until it may be asked again, 0 when now.
    """

    url: str
    received_bytes: int = 0
    wasted_bytes: int = 0
    rate_bytes_s: float = 0.0
    requests: int = 0
    failures: int = 0
    error: str = ""
    is_given_up: bool = False
    retry_in_s: float = 0.0


SourceFacts = SwarmFacts | HttpFacts
