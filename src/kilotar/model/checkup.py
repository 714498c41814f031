"""What the doctor looks at, and what it says: facts about this machine and its network, and lines for a person.

Rules guarded: facts are counters, numbers and the words of whoever answered, never judgements; a line is one thing with
what was seen and what helps; nothing here holds a passkey, a password or a query.
"""

from __future__ import annotations

import enum
from dataclasses import dataclass

__all__ = [
    "Checkup",
    "DhtAnswer",
    "DiskFact",
    "ExtraFact",
    "Line",
    "MachineFacts",
    "Mark",
    "NatFact",
    "PeerAnswers",
    "PortFact",
    "TrackerAnswer",
    "WebAnswer",
]


class Mark(enum.StrEnum):
    """How a line is: in order, worth knowing, or in the way."""

    OK = "ok"
    NOTE = "note"
    PROBLEM = "problem"


@dataclass(frozen=True, slots=True)
class Line:
    """One thing that was looked at.

    Attributes:
        state: how it is.
        what:  its name, a word or two; the same word for the same thing in every run.
        seen:  the evidence.
        fix:   what helps, "" where nothing is needed.
    """

    state: Mark
    what: str
    seen: str
    fix: str = ""


@dataclass(frozen=True, slots=True)
class Checkup:
    """All lines of a run of the doctor, in the order in which they are told."""

    lines: tuple[Line, ...]
    seconds: float = 0.0

    @property
    def problems(self) -> int:
        return sum(line.state is Mark.PROBLEM for line in self.lines)


@dataclass(frozen=True, slots=True)
class ExtraFact:
    """An extra of the package: which of its packages are missing, and the line that installs it."""

    name: str
    missing: tuple[str, ...]
    install: str


@dataclass(frozen=True, slots=True)
class DiskFact:
    """The file system under a root.

    Attributes:
        path:    the root, as the person named it.
        kind:    its type ("ext4"), "" where not known.
        free_bytes, free_inodes: -1 inodes where their number is not fixed.
        write_bytes_per_s: measured, 0.0 where it was not.
        needed_bytes: of the archives that are not there yet.
        error:   why it cannot be written, "".
    """

    path: str
    kind: str = ""
    free_bytes: int = 0
    free_inodes: int = -1
    write_bytes_per_s: float = 0.0
    needed_bytes: int = 0
    error: str = ""


@dataclass(frozen=True, slots=True)
class PortFact:
    """Whether this process may listen on a port; errors are "" where it may."""

    port: int
    tcp_error: str = ""
    udp_error: str = ""


@dataclass(frozen=True, slots=True)
class TrackerAnswer:
    """What a tracker said to one question of ours.

    Attributes:
        url:     without secrets.
        took_s:  until its answer, or until it was given up.
        seeds, leechers: complete and incomplete peers it tells of, -1 where it does not.
        peers:   addresses in the answer.
        error:   of the way to it, or its own failure, "" where it answered as it should.
        date_s:  its clock, seconds since 1970, 0.0 where it told none.
        asked_at_s: ours when it answered.
    """

    url: str
    took_s: float = 0.0
    seeds: int = -1
    leechers: int = -1
    peers: tuple[tuple[str, int], ...] = ()
    error: str = ""
    date_s: float = 0.0
    asked_at_s: float = 0.0

    @property
    def is_udp(self) -> bool:
        return self.url.startswith("udp:")


@dataclass(frozen=True, slots=True)
class PeerAnswers:
    """What became of TCP connects to some peers of the swarm."""

    tried: int = 0
    connected: int = 0
    refused: int = 0
    timed_out: int = 0


@dataclass(frozen=True, slots=True)
class DhtAnswer:
    """How many nodes of the DHT answered over one family ("IPv4", "IPv6"), and why none was asked, ""."""

    family: str
    asked: int = 0
    answered: int = 0
    error: str = ""


@dataclass(frozen=True, slots=True)
class NatFact:
    """What the gateway says: who answered ("UPnP", "NAT-PMP", both or neither), and its outer address, ""."""

    answered: tuple[str, ...] = ()
    external_ip: str = ""


@dataclass(frozen=True, slots=True)
class WebAnswer:
    """What a web server said when it was asked for one byte.

    Attributes:
        what:       what should be there: ".torrent", "archive".
        url:        without secrets.
        has_ranges: whether it gives parts, so that a download can be resumed and checked piece by piece.
        error:      its true answer, "" where it has what it should.
        fix:        what helps, as far as the way there knows.
    """

    what: str
    url: str
    took_s: float = 0.0
    has_ranges: bool = False
    error: str = ""
    fix: str = ""


@dataclass(frozen=True, slots=True)
class MachineFacts:
    """This machine and its network as the doctor found them.

    Attributes:
        python:   version and interpreter.
        glibc:    version, "" with another C library.
        system:   name and release of the operating system.
        libtorrent: version, "" where it is not installed.
        tls_roots: file of root certificates, "" where none was found.
        extras:   the extras of this package.
        disk:     of the root, None where none was named.
        ports:    that a client would listen on.
        trackers: that were asked; empty when offline.
        web:      addresses of the web that were asked.
        peers:    TCP connects to peers that a tracker named, None where none was tried.
        dht:      by family; empty when offline.
        nat:      the gateway, None when offline.
        proxies:  variables of the environment that name one, with passwords cut.
        is_offline: the network was not touched, as asked for.
    """

    python: str = ""
    glibc: str = ""
    system: str = ""
    libtorrent: str = ""
    tls_roots: str = ""
    extras: tuple[ExtraFact, ...] = ()
    disk: DiskFact | None = None
    ports: tuple[PortFact, ...] = ()
    trackers: tuple[TrackerAnswer, ...] = ()
    web: tuple[WebAnswer, ...] = ()
    peers: PeerAnswers | None = None
    dht: tuple[DhtAnswer, ...] = ()
    nat: NatFact | None = None
    proxies: tuple[tuple[str, str], ...] = ()
    is_offline: bool = False
