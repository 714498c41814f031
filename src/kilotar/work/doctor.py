"""`doctor`: this machine and its network, looked at from all sides at once, and told in lines that may be shown.

Rules guarded: the whole takes less than 15 seconds, whatever hangs; nothing is left on the disk or open on the network;
the lines hold no passkey, no password, and no path of the home folder, so they can be pasted into an issue.
"""

from __future__ import annotations

import re
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from kilotar.editions.load import DEFAULT_EDITION, load_edition
from kilotar.events import Trouble
from kilotar.model.checkup import (
    Checkup,
    DhtAnswer,
    DiskFact,
    Line,
    MachineFacts,
    Mark,
    NatFact,
    TrackerAnswer,
    WebAnswer,
)
from kilotar.model.edition import Archive, Edition
from kilotar.model.fetching import HttpFacts, SwarmFacts
from kilotar.parse.address import plain_url
from kilotar.plan.diagnose import diagnose
from kilotar.plan.ladder import OTHER_PORT
from kilotar.plan.machine_lines import machine_lines
from kilotar.sources.probe import programs
from kilotar.sources.probe.at_once import at_once
from kilotar.sources.probe.dht import BOOTSTRAP, FAMILIES, ask_dht
from kilotar.sources.probe.gateway import ask_gateway
from kilotar.sources.probe.ports import bind_port, connect_peers
from kilotar.sources.probe.trackers import Question, ask_tracker
from kilotar.sources.probe.web import ask_web
from kilotar.sources.torrent.library import trust_roots
from kilotar.store.workspace import Workspace
from kilotar.work.disk_facts import disk_fact
from kilotar.work.settling import edition_source

__all__ = ["Inquiry", "doctor", "explain_silence", "silence_troubles"]

DEADLINE_S = 8.0


@dataclass(frozen=True, slots=True)
class Inquiry:
    """What to look at.

    Attributes:
        root:     whose disk and edition are meant; None for no disk.
        edition:  name or file; "" for the root's, else ilsvrc2012.
        trackers: announce addresses beside the edition's.
        ports:    that a client would listen on; 0 stands for any.
        is_offline: leave the network alone.
        allow_private: trackers, nodes and peers may lie inside this network.
        bootstrap: known nodes of the DHT.
        gateway:  of this network, "" for that of the default route.
        timeout_s: for each question.
    """

    root: Path | None = None
    edition: str = ""
    trackers: tuple[str, ...] = ()
    ports: tuple[int, ...] = (0,)
    is_offline: bool = False
    allow_private: bool = False
    bootstrap: tuple[tuple[str, int], ...] = BOOTSTRAP
    gateway: str = ""
    timeout_s: float = 5.0


def doctor(inquiry: Inquiry) -> Checkup:
    """Look at this machine and its network. Raises: UsageError, EditionRefused, LayoutRefused."""
    began_s = time.monotonic()
    edition = _edition(inquiry)
    facts = MachineFacts(
        python=programs.python_version(),
        glibc=programs.glibc_version(),
        system=programs.system_name(),
        libtorrent=programs.libtorrent_version(),
        tls_roots=trust_roots(),
        extras=programs.extras(),
        ports=tuple(map(bind_port, inquiry.ports)),
        proxies=programs.proxies(),
        is_offline=inquiry.is_offline,
    )
    lines = machine_lines(_ask(facts, inquiry, edition))
    return Checkup(tuple(map(_to_be_shown, lines)), time.monotonic() - began_s)


def _edition(inquiry: Inquiry) -> Edition:
    facts = Workspace(inquiry.root).read_facts() if inquiry.root else None
    return load_edition(inquiry.edition or (edition_source(facts) if facts else DEFAULT_EDITION))


def _ask(facts: MachineFacts, inquiry: Inquiry, edition: Edition) -> MachineFacts:
    """Ask disk and network at once, then the peers that the trackers named."""
    urls = _trackers(inquiry, edition)
    calls: list[Callable[[], object]] = [_asks_disk(inquiry, edition)] if inquiry.root else []
    if not inquiry.is_offline:
        calls += [_asks_tracker(url, inquiry, edition) for url in urls]
        calls += _asks_web(inquiry, edition)
        calls += [_asks_dht(family, inquiry) for family in FAMILIES]
        calls.append(lambda: ask_gateway(inquiry.gateway))
    answers = at_once(calls, max(DEADLINE_S, inquiry.timeout_s + 1))
    disk = next((one for one in answers if isinstance(one, DiskFact)), None)
    if disk is None and inquiry.root:
        disk = DiskFact(str(inquiry.root), error=f"no answer within {DEADLINE_S:.0f} s: a network disk that is away?")
    facts = replace(facts, disk=disk)
    return facts if inquiry.is_offline else _with_network(facts, inquiry, urls, answers)


def _with_network(
    facts: MachineFacts, inquiry: Inquiry, urls: Sequence[str], answers: Sequence[object]
) -> MachineFacts:
    heard = {one.url: one for one in answers if isinstance(one, TrackerAnswer)}
    silent = "timed out: no answer in time, perhaps from the resolver (DNS)"
    trackers = tuple(heard.get(plain_url(url)) or TrackerAnswer(plain_url(url), error=silent) for url in urls)
    named = list(dict.fromkeys(peer for one in trackers for peer in one.peers))
    nodes = {one.family: one for one in answers if isinstance(one, DhtAnswer)}
    return replace(
        facts,
        trackers=trackers,
        web=tuple(one for one in answers if isinstance(one, WebAnswer)),
        peers=connect_peers(named, allow_private=inquiry.allow_private),
        dht=tuple(
            nodes.get(family) or DhtAnswer(family, error="no answer from the resolver (DNS)") for family in FAMILIES
        ),
        nat=next((one for one in answers if isinstance(one, NatFact)), NatFact()),
    )


def _trackers(inquiry: Inquiry, edition: Edition) -> tuple[str, ...]:
    return tuple(dict.fromkeys((*inquiry.trackers, *edition.trackers)))


def _asks_disk(inquiry: Inquiry, edition: Edition) -> Callable[[], DiskFact]:
    root = inquiry.root or Path()
    return lambda: disk_fact(root, _archives(edition))


def _asks_tracker(url: str, inquiry: Inquiry, edition: Edition) -> Callable[[], TrackerAnswer]:
    about = next((archive for archive in _archives(edition) if archive.infohash), None)
    question = Question(
        about.infohash if about else "0" * 40,
        left_bytes=(about.size_bytes or 1) if about else 1,
        port=next((port for port in inquiry.ports if port), OTHER_PORT),
        timeout_s=inquiry.timeout_s,
        allow_private=inquiry.allow_private,
    )
    return lambda: ask_tracker(url, question)


def _asks_dht(family: str, inquiry: Inquiry) -> Callable[[], DhtAnswer]:
    return lambda: ask_dht(family, inquiry.bootstrap, timeout_s=inquiry.timeout_s, allow_private=inquiry.allow_private)


def _asks_web(inquiry: Inquiry, edition: Edition) -> list[Callable[[], WebAnswer]]:
    """Ask for the .torrent and the addresses of the first archive that has one; the others lie beside it."""
    about = next((archive for archive in _archives(edition) if archive.infohash), None)
    if about is None:
        return []
    site = f"{edition.torrent_site}/download/{about.infohash}.torrent"
    places = [(".torrent", site, 0)] if edition.torrent_site else []
    places += [("archive", url, about.size_bytes or 0) for url in about.urls]
    return [
        lambda place=place: ask_web(*place, timeout_s=inquiry.timeout_s, allow_private=inquiry.allow_private)  # type: ignore[misc]
        for place in places
    ]


def _archives(edition: Edition) -> tuple[Archive, ...]:
    return tuple(archive for archive in edition.archives if archive.default)


def _to_be_shown(line: Line) -> Line:
    return replace(line, seen=_without_home(line.seen), fix=_without_home(line.fix))


def _without_home(text: str) -> str:
    home = str(Path.home())
    return re.sub(rf"{re.escape(home)}(?=/|$|[^\w.-])", "~", text) if len(home) > 1 else text


def explain_silence(facts: SwarmFacts | None, http: Sequence[HttpFacts] = ()) -> tuple[Line, ...]:
    """Say why no byte comes: the first failing link, then what else can be helped; nothing of what is in order."""
    lines = (
        line for line in diagnose(facts, http) if line.state is Mark.PROBLEM or (line.state is Mark.NOTE and line.fix)
    )
    return tuple(map(_to_be_shown, lines))


def silence_troubles(facts: SwarmFacts | None, http: Sequence[HttpFacts] = ()) -> tuple[Trouble, ...]:
    """Give the same as troubles: kind "doctor", where the link that fails."""
    return tuple(Trouble("doctor", line.what, line.seen, line.fix) for line in explain_silence(facts, http))
