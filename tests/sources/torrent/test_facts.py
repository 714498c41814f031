"""Alerts become counters: each row with an alert as libtorrent 2.1.1 gave it."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import pytest

from kilotar.model.fetching import SwarmFacts, TrackerFact
from kilotar.sources.torrent.facts import ROWS, Ledger, snapshot

PEER = ("10.77.0.10", 7000)
NOBODY, SOMEBODY = "0" * 40, "2d4c5432" + "1" * 32
COUNTERS = ("tcp_timeouts", "tcp_refused", "resets", "utp_timeouts", "utp_read_timeouts", "incoming", "hash_failures")
TRACKER = "https://tracker.example/announce"


def an_error(message: str, value: int = 1) -> Any:
    return SimpleNamespace(message=lambda: message, value=lambda: value)


def an_alert(what: str, **fields: Any) -> Any:
    return SimpleNamespace(what=lambda: what, **fields)


def disconnected(transport: str, step: str, why: str, pid: str = NOBODY) -> Any:
    return an_alert(
        "peer_disconnected", socket_type=transport, op=step, error=an_error(why), pid=pid, endpoint=PEER, ip=PEER
    )


def tracker_error(why: str, times: int = 1, status: int = -1, reason: str = "") -> Any:
    return an_alert(
        "tracker_error",
        url=TRACKER,
        error=an_error(why),
        times_in_row=times,
        status_code=status,
        failure_reason=lambda: reason,
    )


def facts_after(*alerts: Any) -> SwarmFacts:
    """Give the facts of a torrent and a session that both heard these alerts."""
    ledger = Ledger()
    for alert in alerts:
        ledger.hear(alert)
    return snapshot("libtorrent", ledger, ledger)


@pytest.mark.parametrize(
    ("alert", "field"),
    [
        (disconnected("tcp", "connect", "timed out"), "tcp_timeouts"),
        (disconnected("tcp", "connect", "Connection refused"), "tcp_refused"),
        (disconnected("tcp", "connect", "No route to host"), "tcp_refused"),
        (disconnected("tcp", "sock_read", "Connection reset by peer"), "resets"),
        (disconnected("tcp", "sock_read", "End of file"), "resets"),
        (disconnected("udp", "connect", "Connection timed out"), "utp_timeouts"),
        (disconnected("utp", "connect", "Connection timed out"), "utp_timeouts"),
        (disconnected("udp", "sock_read", "Connection timed out", SOMEBODY), "utp_read_timeouts"),
        (disconnected("tcp", "bittorrent", "torrent paused", SOMEBODY), "handshakes"),
        (an_alert("incoming_connection"), "incoming"),
        (an_alert("hash_failed", piece_index=3), "hash_failures"),
        (an_alert("peer_ban"), "banned"),
    ],
)
def test_one_alert_counts_one(alert: Any, field: str) -> None:
    counted = {name: getattr(facts_after(alert), name) for name in COUNTERS}

    assert getattr(facts_after(alert), field) == 1
    assert sum(counted.values()) == (field in COUNTERS)


def test_a_peer_that_leaves_after_the_handshake_was_not_cut_off() -> None:
    assert facts_after(disconnected("tcp", "sock_read", "End of file", SOMEBODY)).resets == 0


def test_a_connection_to_ourselves_is_nobody() -> None:
    ends = disconnected("tcp", "sock_read", "End of file"), disconnected("tcp", "bittorrent", "connected to ourselves")

    assert (facts_after(*ends).resets, facts_after(*ends).handshakes) == (0, 0)


def test_a_tracker_is_asked_answers_and_fails() -> None:
    asked = an_alert("tracker_announce", url=TRACKER)
    reply = an_alert("tracker_reply", url=TRACKER, num_peers=7)

    assert facts_after(asked).trackers == (TrackerFact(TRACKER),)
    assert facts_after(asked, reply).trackers == (TrackerFact(TRACKER, answered=True, peers=7),)
    assert facts_after(asked, tracker_error("Connection refused")).trackers == (
        TrackerFact(TRACKER, error="Connection refused", failures=1),
    )


def test_a_tracker_s_own_words_and_status_are_kept() -> None:
    said = facts_after(tracker_error("tracker failure", reason="not registered")).trackers[0]
    forbidden = facts_after(tracker_error("HTTP error", status=403)).trackers[0]

    assert said.error == "not registered"
    assert forbidden.error == "status 403: HTTP error"


def test_an_answer_over_one_address_outweighs_a_failure_over_another() -> None:
    reply = an_alert("tracker_reply", url=TRACKER, num_peers=7)

    assert facts_after(reply, tracker_error("No route to host")).trackers[0].answered
    assert not facts_after(reply, tracker_error("No route to host", times=2)).trackers[0].answered


def test_secrets_of_an_announce_address_are_not_kept() -> None:
    url = "https://me:pass@tracker.example/announce?passkey=0123456789abcdef"

    assert "pass" not in repr(facts_after(an_alert("tracker_reply", url=url, num_peers=1)))


def test_doors_that_open_and_doors_that_do_not() -> None:
    opened = an_alert("listen_succeeded", address="10.0.0.1", port=7000, socket_type="udp")
    shut = an_alert("listen_failed", listen_interface=lambda: "10.0.0.9", error=an_error("Cannot assign"))

    assert facts_after(opened).listening == ("10.0.0.1:7000/udp",)
    assert facts_after(shut, shut).listen_errors == ("10.0.0.9: Cannot assign",)


def test_a_full_disk_that_says_it_256_times_is_one_error() -> None:
    ledger = Ledger()
    for _ in range(256):
        ledger.hear(an_alert("file_error", error=an_error("No space left on device", 28)))

    assert ledger.file_errors == ["No space left on device"]
    assert ledger.error_number == 28


def test_what_others_see_of_us_and_the_proxy_s_failure() -> None:
    facts = facts_after(
        an_alert("external_ip", external_address="192.0.2.7"),
        an_alert("portmap", external_port=7000, map_protocol="tcp"),
        an_alert("socks5", error=an_error("Connection refused")),
        an_alert("session_stats", values={"dht.dht_bytes_in": 5, "dht.dht_bytes_out": 9}),
    )

    assert (facts.external_ip, facts.mapped_ports) == ("192.0.2.7", ("7000/tcp",))
    assert (facts.proxy_error, facts.dht_received_bytes, facts.dht_sent_bytes) == ("Connection refused", 5, 9)


def test_totals_go_on_when_the_torrent_is_added_again() -> None:
    ledger = Ledger()
    ledger.status = SimpleNamespace(
        total_payload_download=100, total_redundant_bytes=10, total_failed_bytes=5, total_payload_upload=7
    )
    ledger.restart()

    assert ledger.totals() == (100, 10, 5, 7)


def test_peers_that_have_not_shaken_hands_are_nobody() -> None:
    bits = SimpleNamespace(connecting=1, handshake=2, interesting=4, remote_choked=8)
    peers = [SimpleNamespace(flags=flags, ip=(f"10.0.0.{flags}", 1), **vars(bits)) for flags in (1, 2, 4, 8, 4 | 8)]
    ledger = Ledger()
    ledger.meet(peers)

    assert ledger.shaken == {"10.0.0.4", "10.0.0.8", "10.0.0.12"}
    assert ledger.choked == 1


def test_an_alert_without_a_row_changes_nothing() -> None:
    before = Ledger(started_s=0.0)
    after = Ledger(started_s=0.0)
    after.hear(an_alert("log"))

    assert after == before
    assert "log" not in ROWS
