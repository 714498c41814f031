"""Whether the DHT answers, with nodes on loopback."""

from __future__ import annotations

import ipaddress

from kilotar.sources.probe.dht import ask_dht, ask_nodes
from tests.doubles.udp import dht_node, serve_udp


def node(port: int, ip: str = "127.0.0.1") -> bytes:
    return b"i" * 20 + ipaddress.ip_address(ip).packed + port.to_bytes(2)


def test_known_nodes_and_those_they_name_are_asked() -> None:
    with serve_udp(dht_node()) as (second, _), serve_udp(dht_node(node(second))) as (first, _):
        answer = ask_dht("IPv4", [("127.0.0.1", first)], timeout_s=2, allow_private=True)

    assert (answer.asked, answer.answered, answer.error) == (2, 2, "")


def test_nodes_inside_this_network_that_anybody_named_are_not_asked() -> None:
    with serve_udp(dht_node(node(1) + node(1, "10.0.0.1"))) as (port, _):
        answer = ask_nodes("IPv4", [("127.0.0.1", port)], timeout_s=2)

    assert (answer.asked, answer.answered) == (1, 1)


def test_silent_nodes_are_counted_as_asked() -> None:
    with serve_udp(lambda packet: None) as (port, _):
        answer = ask_dht("IPv4", [("127.0.0.1", port)], timeout_s=0.2, allow_private=True)

    assert (answer.asked, answer.answered) == (1, 0)


def test_garbage_is_no_answer() -> None:
    with serve_udp(lambda packet: b"d1:t4:xxxx1:rdee" if packet[-1:] == b"e" else b"\0") as (port, _):
        answer = ask_dht("IPv4", [("127.0.0.1", port)], timeout_s=0.2, allow_private=True)

    assert (answer.asked, answer.answered) == (1, 0)


def test_names_that_lead_nowhere_are_an_error_in_words() -> None:
    assert ask_dht("IPv4", [("127.0.0.1", 9)], timeout_s=0.2).error == "no known node could be looked up"


def test_over_ipv6_a_failure_is_a_value_too() -> None:
    answer = ask_dht("IPv6", [("::1", 9)], timeout_s=0.2, allow_private=True)

    assert answer.family == "IPv6"
    assert answer.answered == 0
