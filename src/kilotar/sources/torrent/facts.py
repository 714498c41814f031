"""From the library's alerts to counters: a table with one row an alert, and the snapshot made of them.

Rules guarded: nothing here imports the library or asks it anything, so each row is tested with an alert that was
recorded; counters only grow, gauges are replaced; addresses of trackers lose user, password and passkey before they are
kept.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from typing import Any

from kilotar.model.fetching import SwarmFacts, TrackerFact
from kilotar.parse.address import plain_url

__all__ = ["ROWS", "Ledger", "snapshot"]

FILE_ERRORS = 5
ADDRESSES = 10_000
UTP = {"utp", "udp"}  # one number in the library's table, under the name that came first
CUT = ("reset", "end of file", "broken pipe")


@dataclass(slots=True)
class Ledger:
    """Counters of one torrent, or of the session; each row of the table fills in what it knows.

    Attributes:
        before: totals of earlier handles of the same torrent: received, redundant, failed, sent.
        asked:  trackers that owe an answer.
        status: the library's last status of the torrent, None before the first.
    """

    started_s: float = field(default_factory=time.monotonic)
    before: tuple[int, int, int, int] = (0, 0, 0, 0)
    status: Any = None
    choked: int = 0
    shaken: set[str] = field(default_factory=set)
    tcp_timeouts: int = 0
    tcp_refused: int = 0
    resets: int = 0
    utp_timeouts: int = 0
    utp_read_timeouts: int = 0
    incoming: int = 0
    hash_failures: int = 0
    banned: int = 0
    listening: dict[str, None] = field(default_factory=dict)
    listen_errors: dict[str, None] = field(default_factory=dict)
    trackers: dict[str, TrackerFact] = field(default_factory=dict)
    asked: set[str] = field(default_factory=set)
    dht_nodes: tuple[int, int] = (-1, -1)
    dht_bytes: tuple[int, int] = (0, 0)
    external_ip: str = ""
    mapped_ports: dict[str, None] = field(default_factory=dict)
    proxy_error: str = ""
    file_errors: list[str] = field(default_factory=list)
    error_number: int = 0

    def hear(self, alert: Any) -> None:
        """Take an alert in; one without a row says nothing that is counted."""
        row = ROWS.get(alert.what())
        if row is not None:
            row(self, alert)

    def meet(self, peers: Iterable[Any]) -> None:
        """Take in who is connected now; those that have not shaken hands yet are nobody."""
        met = [peer for peer in peers if not peer.flags & (peer.connecting | peer.handshake)]
        if len(self.shaken) < ADDRESSES:
            self.shaken.update(peer.ip[0] for peer in met)
        self.choked = sum(bool(peer.flags & peer.interesting and peer.flags & peer.remote_choked) for peer in met)

    def restart(self) -> None:
        """Go on with a new handle of the same torrent, whose totals begin at 0."""
        self.before, self.status = self.totals(), None

    def totals(self) -> tuple[int, int, int, int]:
        """Give payload received, received twice, thrown away for a wrong hash, and payload sent."""
        now = self.status
        if now is None:
            return self.before
        received, redundant, failed, sent = self.before
        return (
            received + now.total_payload_download,
            redundant + now.total_redundant_bytes,
            failed + now.total_failed_bytes,
            sent + now.total_payload_upload,
        )


def _disconnected(ledger: Ledger, alert: Any) -> None:
    """Count by transport, step and reason: the histogram that tells a filter from a dead peer."""
    step, why, address = str(alert.op), alert.error.message().lower(), alert.endpoint[0]
    is_utp, is_silent = str(alert.socket_type) in UTP, "timed out" in why
    is_known = bool(str(alert.pid).strip("0"))  # it said who it is, so hands were shaken
    if "connected to ourselves" in why:  # trackers give us our own address; the other end counts as cut
        ledger.resets -= 1
    elif is_known:
        ledger.shaken.add(address)
    elif step == "connect" and not is_utp:
        ledger.tcp_timeouts += is_silent
        ledger.tcp_refused += not is_silent
    elif not is_utp:
        ledger.resets += any(words in why for words in CUT)
    if is_utp and is_silent:
        ledger.utp_timeouts += step == "connect"
        ledger.utp_read_timeouts += step != "connect"


def _tracker_replied(ledger: Ledger, alert: Any) -> None:
    url = plain_url(alert.url)
    ledger.asked.discard(url)
    ledger.trackers[url] = TrackerFact(url, answered=True, peers=alert.num_peers)


def _tracker_failed(ledger: Ledger, alert: Any) -> None:
    """Keep an answer that came over another of our addresses: one way that works is enough."""
    url = plain_url(alert.url)
    ledger.asked.discard(url)
    before = ledger.trackers.get(url, TrackerFact(url))
    status = f"status {alert.status_code}: " if alert.status_code > 0 else ""
    error = alert.failure_reason() or f"{status}{alert.error.message()}"
    if not before.answered or alert.times_in_row > 1:
        ledger.trackers[url] = TrackerFact(url, error=error, failures=alert.times_in_row)


def _tracker_asked(ledger: Ledger, alert: Any) -> None:
    url = plain_url(alert.url)
    ledger.asked.add(url)
    ledger.trackers.setdefault(url, TrackerFact(url))


def _listens(ledger: Ledger, alert: Any) -> None:
    transport = "udp" if str(alert.socket_type) in UTP else str(alert.socket_type)
    ledger.listening[f"{alert.address}:{alert.port}/{transport}"] = None


def _listens_not(ledger: Ledger, alert: Any) -> None:
    ledger.listen_errors[f"{alert.listen_interface()}: {alert.error.message()}"] = None


def _file_failed(ledger: Ledger, alert: Any) -> None:
    ledger.error_number = alert.error.value()
    text = alert.error.message()
    if text not in ledger.file_errors:  # a full disk says it 256 times
        ledger.file_errors = [*ledger.file_errors, text][-FILE_ERRORS:]


def _counted(ledger: Ledger, alert: Any) -> None:
    values = alert.values
    ledger.dht_bytes = (values["dht.dht_bytes_in"], values["dht.dht_bytes_out"])


def _failed_proxy(ledger: Ledger, alert: Any) -> None:
    ledger.proxy_error = alert.error.message()


def _mapped(ledger: Ledger, alert: Any) -> None:
    ledger.mapped_ports[f"{alert.external_port}/{alert.map_protocol}".lower()] = None


def _external(ledger: Ledger, alert: Any) -> None:
    ledger.external_ip = str(alert.external_address)


def _came_in(ledger: Ledger, _: Any) -> None:
    ledger.incoming += 1


def _hash_failed(ledger: Ledger, _: Any) -> None:
    ledger.hash_failures += 1


def _banned(ledger: Ledger, _: Any) -> None:
    ledger.banned += 1


ROWS: dict[str, Callable[[Ledger, Any], None]] = {
    "peer_disconnected": _disconnected,
    "tracker_announce": _tracker_asked,
    "tracker_reply": _tracker_replied,
    "tracker_error": _tracker_failed,
    "listen_succeeded": _listens,
    "listen_failed": _listens_not,
    "file_error": _file_failed,
    "torrent_error": _file_failed,
    "session_stats": _counted,
    "socks5": _failed_proxy,
    "portmap": _mapped,
    "external_ip": _external,
    "incoming_connection": _came_in,
    "hash_failed": _hash_failed,
    "peer_ban": _banned,
}


def snapshot(client: str, torrent: Ledger, session: Ledger, is_upload_only: bool = False) -> SwarmFacts:
    """Give the facts of a torrent, with what its session knows of the machine and the network."""
    now = torrent.status
    received, redundant, failed, sent = torrent.totals()
    return SwarmFacts(
        client=client,
        age_s=time.monotonic() - session.started_s,
        received_bytes=received,
        wasted_bytes=redundant + failed,
        rate_bytes_s=now.download_payload_rate if now else 0.0,
        sent_bytes=sent,
        sent_rate_bytes_s=now.upload_payload_rate if now else 0.0,
        peers=now.num_peers if now else 0,
        seeds=now.num_seeds if now else 0,
        peers_known=now.list_peers if now else 0,
        seeds_known=now.num_complete if now else -1,
        copies=now.distributed_copies if now else -1.0,
        choked=torrent.choked,
        tcp_timeouts=torrent.tcp_timeouts,
        tcp_refused=torrent.tcp_refused,
        resets=max(0, torrent.resets),
        utp_timeouts=torrent.utp_timeouts,
        utp_read_timeouts=torrent.utp_read_timeouts,
        handshakes=len(torrent.shaken),
        incoming=session.incoming,
        hash_failures=torrent.hash_failures,
        banned=torrent.banned,
        listening=tuple(session.listening),
        listen_errors=tuple(session.listen_errors),
        trackers=_sorted(torrent.trackers.values()),
        dht_nodes_v4=session.dht_nodes[0],
        dht_nodes_v6=session.dht_nodes[1],
        dht_received_bytes=session.dht_bytes[0],
        dht_sent_bytes=session.dht_bytes[1],
        external_ip=session.external_ip,
        mapped_ports=tuple(session.mapped_ports),
        proxy_error=session.proxy_error,
        file_errors=tuple(torrent.file_errors),
        is_upload_only=is_upload_only,
        state=str(now.state) if now else "",
    )


def _sorted(trackers: Iterable[TrackerFact]) -> tuple[TrackerFact, ...]:
    return tuple(sorted(trackers, key=lambda fact: fact.url))
