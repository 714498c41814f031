"""Trackers of a torrent stay outside this network unless the person lets them in; the person's own are believed."""

from __future__ import annotations

import pytest

from kilotar.errors import UsageError
from kilotar.events import Trouble
from kilotar.sources.torrent.trackers import endpoints, usable


def test_tiers_are_kept_and_the_person_s_trackers_come_first() -> None:
    tiers = (("http://a.example/announce",), ("udp://b.example:80", "http://a.example/announce"))

    assert usable(tiers, ("http://mine.example/announce",), False, print) == [
        ("http://mine.example/announce", 0),
        ("http://a.example/announce", 1),
        ("udp://b.example:80", 2),
    ]


@pytest.mark.parametrize(
    "url",
    [
        "http://127.0.0.1/announce",
        "http://[::1]/announce",
        "udp://10.1.2.3:80",
        "http://169.254.169.254/latest",
        "http://localhost/announce",
    ],
)
def test_a_private_tracker_is_refused_and_told_unless_it_is_allowed(url: str) -> None:
    told: list[Trouble] = []

    assert usable(((url,),), (), False, told.append) == []
    assert [trouble.kind for trouble in told] == ["tracker-refused"]
    assert usable(((url,),), (), True, told.append) == [(url, 1)]
    assert usable((), (url,), False, told.append) == [(url, 0)]


@pytest.mark.parametrize("url", ["file:///etc/passwd", "wss://a.example", "http://", "http://a.example:port/"])
def test_what_is_no_announce_address_is_refused(url: str) -> None:
    assert usable(((url,),), (), True, lambda trouble: None) == []


def test_peers_are_addresses_with_ports() -> None:
    assert endpoints(("192.0.2.1:7000", "[2001:db8::1]:7001")) == [("192.0.2.1", 7000), ("2001:db8::1", 7001)]


def test_a_name_that_is_not_known_is_left_out() -> None:
    assert endpoints(("nobody.invalid:7000",)) == []


@pytest.mark.parametrize("peer", ["", "host", ":7000", "host:", "host:0", "host:99999", "host:x", "host:²"])
def test_what_is_no_peer_is_refused(peer: str) -> None:
    with pytest.raises(UsageError):
        endpoints((peer,))
