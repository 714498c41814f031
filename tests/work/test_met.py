"""Rules: what was met with one client is not forgotten with the next, and every way has its own words."""

from __future__ import annotations

from kilotar.model.fetching import HttpFacts, SwarmFacts, TrackerFact
from kilotar.work.met import Met


def test_trackers_of_earlier_clients_and_web_addresses_are_all_named() -> None:
    met = Met()
    met.see(SwarmFacts(trackers=(TrackerFact("http://a", error="Connection refused", failures=1),)), ())
    met.see(SwarmFacts(dht_nodes_v4=3, tcp_timeouts=2, seeds_known=4), (HttpFacts("http://w/x", error="404"),))

    assert str(met) == (
        "4 peers known, 0 connected, 2 TCP connects timed out; 0 of 1 trackers answered; "
        "http://a: Connection refused; DHT 3 nodes; http://w/x: 404"
    )


def test_where_nothing_was_met_that_is_said() -> None:
    assert str(Met()) == "the client has said nothing yet"
