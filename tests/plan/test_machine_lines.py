"""Facts about a machine in lines."""

from __future__ import annotations

from dataclasses import replace

import pytest

from kilotar.model.checkup import (
    DhtAnswer,
    DiskFact,
    ExtraFact,
    Line,
    MachineFacts,
    Mark,
    NatFact,
    PeerAnswers,
    PortFact,
    TrackerAnswer,
    WebAnswer,
)
from kilotar.plan.machine_lines import machine_lines
from kilotar.plan.tracker_words import tracker_advice

GOOD = MachineFacts(
    python="3.12.9",
    glibc="2.27",
    system="Linux",
    libtorrent="2.1.1",
    tls_roots="/etc/ssl/certs/ca-certificates.crt",
    extras=(ExtraFact("fast", (), ""),),
    disk=DiskFact("~/imagenet", "ext4", 612 * 10**9, 38_000_000, 410e6, 154 * 10**9),
    ports=(PortFact(42042),),
    trackers=(
        TrackerAnswer("https://a/announce", 0.12, 9, 4, date_s=1000.0, asked_at_s=1000.4),
        TrackerAnswer("udp://b:1337", 0.03, 9, 4),
    ),
    peers=PeerAnswers(8, 6, 1, 1),
    dht=(DhtAnswer("IPv4", 20, 14), DhtAnswer("IPv6", 10, 4)),
    nat=NatFact(("UPnP",), "203.0.113.9"),
)


def line(facts: MachineFacts, what: str) -> Line:
    return next(one for one in machine_lines(facts) if one.what == what)


def test_a_machine_in_order_has_nothing_but_ok() -> None:
    facts = replace(GOOD, nat=NatFact(("UPnP",), "8.8.8.8"))

    assert {one.state for one in machine_lines(facts)} == {Mark.OK}


@pytest.mark.parametrize(
    ("change", "what", "state", "seen"),
    [
        ({"libtorrent": ""}, "libtorrent", Mark.NOTE, "not installed"),
        ({"tls_roots": ""}, "TLS roots", Mark.PROBLEM, "no root certificates"),
        ({"extras": (ExtraFact("cloud", ("obstore",), "pip install x"),)}, "extras", Mark.OK, "not installed: cloud"),
        ({"disk": DiskFact("d", free_bytes=10**8)}, "disk", Mark.PROBLEM, "0.1 GB free"),
        ({"disk": DiskFact("d", free_bytes=10**10, needed_bytes=10**11)}, "disk", Mark.NOTE, "need 100.0 GB"),
        ({"disk": DiskFact("d", free_bytes=10**10, free_inodes=0)}, "disk", Mark.PROBLEM, "0 inodes free"),
        ({"disk": DiskFact("d", free_bytes=10**10, write_bytes_per_s=8e6)}, "disk", Mark.NOTE, "writes 8 MB/s"),
        ({"disk": DiskFact("d", error="Read-only file system")}, "disk", Mark.PROBLEM, "Read-only"),
        ({"ports": (PortFact(80, "Permission denied"),)}, "port", Mark.PROBLEM, "80: TCP Permission denied"),
        ({"ports": (PortFact(80, "Permission denied"), PortFact(0))}, "port", Mark.NOTE, "any free one can be opened"),
        ({"proxies": (("ALL_PROXY", "socks5://p:1"),)}, "proxy", Mark.NOTE, "ALL_PROXY=socks5://p:1"),
        ({"is_offline": True}, "network", Mark.NOTE, "--offline"),
        ({"peers": PeerAnswers(8, 0, 0, 8)}, "TCP out", Mark.PROBLEM, "0 of 8 peers took a connection, 8 timed out"),
        ({"peers": PeerAnswers(3, 0, 3, 0)}, "TCP out", Mark.NOTE, "3 refused"),
        ({"peers": None}, "TCP out", Mark.OK, "no peer was at hand"),
        ({"nat": NatFact()}, "gateway", Mark.NOTE, "neither UPnP nor NAT-PMP"),
        ({"nat": NatFact(("UPnP",), "100.64.1.1")}, "gateway", Mark.NOTE, "shared or private"),
        ({"web": (WebAnswer("archive", "https://m/a", error="404", fix="x"),)}, "web", Mark.NOTE, "https://m/a: 404"),
        ({"web": (WebAnswer("archive", "https://m/a", 0.1),)}, "web", Mark.NOTE, "it gives no parts"),
        ({"web": (WebAnswer(".torrent", "https://m/a", 0.1),)}, "web", Mark.OK, ".torrent at https://m/a: 100 ms"),
        ({"dht": (DhtAnswer("IPv4", 4, 0),)}, "DHT IPv4", Mark.NOTE, "none of 4"),
        ({"dht": (DhtAnswer("IPv6", error="no IPv6 here"),)}, "DHT IPv6", Mark.OK, "not needed"),
    ],
)
def test_each_fact_has_its_line(change: dict[str, object], what: str, state: Mark, seen: str) -> None:
    found = line(replace(GOOD, **change), what)  # type: ignore[arg-type]

    assert found.state is state
    assert seen in found.seen
    assert found.fix or state is Mark.OK or what == "network" or "refused" in seen


@pytest.mark.parametrize(("off_s", "state"), [(1, Mark.OK), (-90, Mark.NOTE), (4000, Mark.PROBLEM)])
def test_a_wrong_clock_is_told_by_that_of_a_tracker(off_s: float, state: Mark) -> None:
    tracker = TrackerAnswer("https://a/announce", date_s=10_000.0, asked_at_s=10_000.0 + off_s)

    assert line(replace(GOOD, trackers=(tracker,)), "clock").state is state


def test_one_cause_of_all_failures_is_what_to_mend_first() -> None:
    deaf = tuple(TrackerAnswer(url, error="Name or service not known") for url in ("https://a/", "udp://b:1"))
    facts = replace(GOOD, trackers=deaf, dht=())

    found = line(facts, "peer sources")

    assert found.state is Mark.PROBLEM
    assert found.fix.startswith("its name could not be looked up")
    mixed = (deaf[0], TrackerAnswer("udp://b:1", error="timed out"))
    assert line(replace(facts, trackers=mixed), "peer sources").fix.startswith("try --from http")


def test_trackers_that_know_nobody_are_a_note() -> None:
    assert line(replace(GOOD, trackers=(TrackerAnswer("udp://b:1", seeds=0, leechers=0),)), "seeds").state is Mark.NOTE


def test_the_outer_address_is_not_shown() -> None:
    assert "203.0.113.9" not in repr(machine_lines(GOOD))


@pytest.mark.parametrize(
    ("error", "advice"),
    [
        ("certificate verify failed (SSL routines)", "SSL_CERT_FILE"),
        ("Name or service not known", "DNS"),
        ("Connection refused", "nobody listens"),
        ("status 403 Forbidden", "robots"),
        ("Network is unreachable", "network connection"),
        ("unregistered torrent", "does not know"),
        ("something new", ""),
    ],
)
def test_the_words_of_a_tracker_have_advice(error: str, advice: str) -> None:
    assert advice in tracker_advice(error)
    assert bool(tracker_advice(error)) == bool(advice)
