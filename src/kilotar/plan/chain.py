"""The way of a byte from a swarm: disk, proxy, listening, somebody who knows peers, a seed, a connection, a handshake,
leave to take, bytes. Each link says whether it holds, by the counters of a client.

Rules guarded: a link is judged only when those before it hold, so the first that fails is the cause that is told; what
cannot be known yet (a client of a few seconds) is a note, not a problem.
Source: the signature of each trouble was measured with libtorrent 2.1.1 and Transmission 3.00 in a network that was
made to have it; they are recorded in the tests.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from kilotar.model.checkup import Line, Mark
from kilotar.model.fetching import SwarmFacts
from kilotar.plan.plural import plural
from kilotar.plan.tracker_words import tracker_advice

__all__ = ["CHAIN", "Link"]

YOUNG_S = 20.0
HTTP = "--from http takes the archive from web servers, checked by the torrent's hashes, into the same file"
Judge = Callable[[SwarmFacts], Line]


@dataclass(frozen=True, slots=True)
class Link:
    """One link: its name, who judges it, and whether a mere note lets the next be judged."""

    name: str
    judge: Judge
    is_passed_with_a_note: bool = False


def disk(facts: SwarmFacts) -> Line:
    """A full disk stops libtorrent in silence: state "downloading", no error, upload mode on."""
    if facts.is_upload_only:
        seen = facts.file_errors[-1] if facts.file_errors else "the client stopped to download by itself"
        return Line(Mark.PROBLEM, "disk", seen, "make room, or run it on another disk; what has arrived is kept")
    if facts.file_errors:
        return Line(Mark.NOTE, "disk", facts.file_errors[-1], "look at the disk: dmesg, df, df -i")
    return Line(Mark.OK, "disk", "the client writes without errors")


def listening(facts: SwarmFacts) -> Line:
    """Without a listening port libtorrent never asks a tracker."""
    if facts.listening:
        return Line(Mark.OK, "listening", ", ".join(facts.listening))
    if not facts.listen_errors:
        return Line(Mark.NOTE, "listening", "the client has not said where it listens")
    error = facts.listen_errors[-1]
    return Line(Mark.PROBLEM, "listening", f"no port could be opened: {error}", _listen_fix(error.lower()))


def _listen_fix(error: str) -> str:
    if "permission" in error:
        return "ports below 1024 are for root; leave --port away and a free high port is taken"
    if "in use" in error:
        return "another client has this port; close it, or give another --port"
    if "assign" in error:
        return "this machine has no such address; see --interface"
    return "give another --port, or leave it away"


def proxy(facts: SwarmFacts) -> Line:
    if facts.proxy_error:
        return Line(Mark.PROBLEM, "proxy", facts.proxy_error, "check --proxy or ALL_PROXY: address, port, password")
    return Line(Mark.OK, "proxy", "no error")


def peer_sources(facts: SwarmFacts) -> Line:
    """Anybody who names peers will do: a tracker, the DHT, or a peer that came by itself."""
    known = max(facts.peers_known, facts.peers)
    if known > 0 or facts.incoming > 0:
        return Line(Mark.OK, "peer sources", f"{plural(known, 'peer')} known; {_who_answered(facts)}")
    seen = f"nobody named a peer: {_who_answered(facts)}; DHT {max(facts.dht_nodes_v4, 0)} nodes"
    if facts.age_s < YOUNG_S:
        return Line(
            Mark.NOTE, "peer sources", f"{seen}, after {facts.age_s:.0f} s", "wait: the first answers take a while"
        )
    if any(one.answered for one in facts.trackers):
        return Line(Mark.PROBLEM, "peer sources", seen, f"the trackers answer and know nobody now; {HTTP}")
    errors = [
        advice for one in facts.trackers if (advice := tracker_advice(one.error, is_udp=one.url.startswith("udp")))
    ]
    cause = errors[0] if errors else "this network most likely blocks BitTorrent (common at universities and companies)"
    return Line(Mark.PROBLEM, "peer sources", seen, f"{cause}; {HTTP}")


def _who_answered(facts: SwarmFacts) -> str:
    answered = sum(one.answered for one in facts.trackers)
    return f"{answered} of {len(facts.trackers)} trackers answered"


def seeds(facts: SwarmFacts) -> Line:
    """Peers that lack the same pieces as we do cannot help, however many there are."""
    if facts.seeds > 0 or facts.seeds_known > 0 or facts.copies >= 1:
        return Line(Mark.OK, "seeds", f"{max(facts.seeds_known, facts.seeds)} known, {facts.seeds} connected")
    if facts.seeds_known == 0 and not facts.received_bytes and facts.age_s >= YOUNG_S:
        return Line(Mark.PROBLEM, "seeds", "the trackers know of nobody who has all of it", HTTP)
    return Line(Mark.NOTE, "seeds", "nobody has told of a complete copy")


def connections(facts: SwarmFacts) -> Line:
    """A histogram of how connects fail tells a network that drops from peers that are gone."""
    if not facts.received_bytes and facts.utp_read_timeouts:
        return _swallowed(facts)
    if facts.peers > 0 or facts.handshakes > 0 or facts.received_bytes > 0:
        return Line(Mark.OK, "connections", f"{plural(facts.peers, 'peer')} connected, {facts.seeds} of them seeds")
    failed = facts.tcp_timeouts + facts.tcp_refused + facts.resets + facts.utp_timeouts + facts.utp_read_timeouts
    if facts.resets and not facts.handshakes:
        return _cut(facts)
    if not failed:
        return Line(Mark.NOTE, "connections", "no peer was reached yet, and no connect has failed", "wait a little")
    return _unreached(facts, failed)


def _unreached(facts: SwarmFacts, failed: int) -> Line:
    seen = f"{facts.tcp_timeouts} of {failed} connects time out, {facts.tcp_refused} are refused"
    if facts.tcp_refused > facts.tcp_timeouts:
        return Line(Mark.PROBLEM, "connections", seen, f"these peers are gone, or the network refuses for them; {HTTP}")
    fix = f"your network drops connects to high ports: try another network, a VPN or --proxy; {HTTP}"
    return Line(Mark.PROBLEM, "connections", seen, fix)


def _swallowed(facts: SwarmFacts) -> Line:
    seen = f"{plural(facts.utp_read_timeouts, 'µTP connection')} went silent: small UDP passes, large UDP is dropped"
    return Line(Mark.PROBLEM, "µTP", seen, "switch µTP off in any client on this network; kilotar uses TCP first")


def _cut(facts: SwarmFacts) -> Line:
    seen = (
        f"{plural(facts.resets, 'connection')} cut before the BitTorrent handshake ended: somebody inspects the traffic"
    )
    return Line(Mark.PROBLEM, "handshake", seen, f"--encryption forced; a VPN or --proxy; {HTTP}")


def handshake(facts: SwarmFacts) -> Line:
    if facts.handshakes > 0 or facts.received_bytes > 0:
        if facts.peers == 0 and not facts.received_bytes:
            return _one_seat(facts)
        return Line(Mark.OK, "handshake", f"{plural(facts.handshakes, 'peer')} greeted us")
    if facts.resets:
        return _cut(facts)
    if facts.age_s < YOUNG_S:
        return Line(Mark.NOTE, "handshake", "connected, no greeting yet", "wait a little")
    seen = f"{plural(facts.peers, 'open connection')}, and nobody greets"
    return Line(Mark.PROBLEM, "handshake", seen, f"--encryption forced; a VPN or --proxy; {HTTP}")


def _one_seat(facts: SwarmFacts) -> Line:
    seen = f"{plural(facts.handshakes, 'peer')} greeted us and hung up: most take one connection for each address"
    fix = "is another client at work behind this router? Let one download, and share it with --peer HOST:PORT"
    return Line(Mark.PROBLEM, "one seat", seen, fix)


def unchoke(facts: SwarmFacts) -> Line:
    """To be choked is to stand in a queue, not an error."""
    if facts.received_bytes == 0 and facts.choked > 0 and facts.choked >= facts.peers:
        seen = f"{plural(facts.choked, 'connected peer')}, and all let us wait: their upload slots are taken"
        return Line(Mark.PROBLEM, "unchoke", seen, f"wait, it is their queue, and a restart loses the place; {HTTP}")
    return Line(Mark.OK, "unchoke", f"{facts.peers - facts.choked} of {facts.peers} peers let us take")


def bytes_come(facts: SwarmFacts) -> Line:
    if facts.rate_bytes_s > 0:
        return Line(Mark.OK, "bytes", f"{facts.rate_bytes_s / 1e6:.1f} MB/s from {plural(facts.peers, 'peer')}")
    if facts.age_s < YOUNG_S:
        return Line(Mark.NOTE, "bytes", "none yet", "wait a little")
    if facts.hash_failures and facts.received_bytes <= facts.wasted_bytes:
        seen = f"{plural(facts.hash_failures, 'wrong piece')} thrown away, {plural(facts.banned, 'peer')} shut out"
        return Line(Mark.PROBLEM, "bytes", seen, f"the peers that are left have bad copies; {HTTP}")
    if 0 <= facts.copies < 1 and facts.peers > 0:
        seen = f"{plural(facts.peers, 'peer')}, and none has the pieces that are missing ({facts.copies:.2f} copies)"
        return Line(Mark.PROBLEM, "bytes", seen, f"waiting costs nothing, a seed may come back; {HTTP}")
    if facts.received_bytes:
        waiting = f"{facts.choked} of {facts.peers} peers let us wait"
        seen = f"{facts.received_bytes / 1e6:.1f} MB came, and nothing comes now; {waiting}"
        return Line(Mark.PROBLEM, "bytes", seen, f"the last pieces often hang on one slow peer; {HTTP}")
    return Line(Mark.PROBLEM, "bytes", f"{plural(facts.peers, 'peer')} connected and nothing comes", HTTP)


CHAIN = (
    Link("disk", disk, is_passed_with_a_note=True),
    Link("proxy", proxy),
    Link("listening", listening, is_passed_with_a_note=True),
    Link("peer sources", peer_sources),
    Link("seeds", seeds, is_passed_with_a_note=True),
    Link("connections", connections),
    Link("handshake", handshake),
    Link("unchoke", unchoke),
    Link("bytes", bytes_come),
)
