"""What the client keeps silent about is told, once while it lasts."""

from __future__ import annotations

import errno

import pytest

from kilotar.events import Trouble
from kilotar.model.fetching import SwarmFacts, TrackerFact
from kilotar.model.profile import ClientOptions
from kilotar.sources.torrent.troubles import Troubles, find_troubles

OPTIONS = ClientOptions()
FAILED = TrackerFact("udp://a", error="timed out", failures=2)
ANSWERED = TrackerFact("http://b", answered=True, peers=3)


def kinds(facts: SwarmFacts, error_number: int = 0) -> list[str]:
    return [trouble.kind for trouble in find_troubles(facts, "a.tar", OPTIONS, error_number)]


@pytest.mark.parametrize(
    ("facts", "error_number", "kind"),
    [
        (SwarmFacts(is_upload_only=True), errno.ENOSPC, "disk-full"),
        (SwarmFacts(is_upload_only=True), errno.EDQUOT, "disk-full"),
        (SwarmFacts(is_upload_only=True, file_errors=("I/O error",)), errno.EIO, "disk"),
        (SwarmFacts(listen_errors=("10.0.0.9: Cannot assign",)), 0, "listen"),
        (SwarmFacts(proxy_error="Connection refused"), 0, "proxy"),
        (SwarmFacts(trackers=(FAILED,)), 0, "tracker"),
        (SwarmFacts(hash_failures=1), 0, "bad-peer"),
        (SwarmFacts(banned=1), 0, "bad-peer"),
        (SwarmFacts(age_s=31, dht_nodes_v4=0, dht_nodes_v6=0), 0, "dht"),
    ],
)
def test_each_trouble_has_its_word(facts: SwarmFacts, error_number: int, kind: str) -> None:
    assert kinds(facts, error_number) == [kind]


@pytest.mark.parametrize(
    "facts",
    [
        SwarmFacts(),
        SwarmFacts(trackers=(FAILED, ANSWERED)),
        SwarmFacts(listen_errors=("[::]: no such address",), listening=("0.0.0.0:7000/tcp",)),
        SwarmFacts(age_s=300, dht_nodes_v4=0, trackers=(ANSWERED,)),
        SwarmFacts(age_s=300, dht_nodes_v4=0, peers_known=1),
        SwarmFacts(age_s=300, dht_nodes_v4=0, dht_nodes_v6=4),
        SwarmFacts(age_s=10, dht_nodes_v4=0),
    ],
)
def test_what_does_not_hinder_is_no_trouble(facts: SwarmFacts) -> None:
    assert kinds(facts) == []


def test_a_trouble_is_told_once_and_again_only_after_it_was_over() -> None:
    told: list[Trouble] = []
    troubles = Troubles("a.tar", OPTIONS, told.append)
    full = SwarmFacts(is_upload_only=True)
    for facts in (full, full, SwarmFacts(), full):
        troubles.look(facts, errno.ENOSPC)

    assert [trouble.kind for trouble in told] == ["disk-full", "disk-full"]
