"""Words about the network become numbers."""

from __future__ import annotations

import pytest

from kilotar.errors import UsageError
from kilotar.shell.network import Network, parse_ports, parse_rate


@pytest.mark.parametrize(
    ("word", "bytes_s"),
    [("", 0), ("0", 0), ("800", 800), ("500k", 500_000), ("2M", 2_000_000), ("1.5MB/s", 1_500_000), ("1Mi", 1 << 20)],
)
def test_a_rate_is_bytes_a_second_with_its_unit(word: str, bytes_s: int) -> None:
    assert parse_rate("--upload-limit", word) == bytes_s


@pytest.mark.parametrize("word", ["fast", "-1", "1T", "1e6", "k", "2 Mbit", "\u0661k"])
def test_what_is_no_rate_is_refused(word: str) -> None:
    with pytest.raises(UsageError, match="--upload-limit"):
        parse_rate("--upload-limit", word)


def test_one_port_is_a_range_too() -> None:
    assert parse_ports("6881") == range(6881, 6882)


def test_many_connections_to_peers_are_few_to_a_web_server() -> None:
    fetching = Network(connections=200).fetching()

    assert (fetching.swarm.connections, fetching.http.connections) == (200, 16)
    assert (Network().fetching().swarm.connections, Network().fetching().http.connections) == (100, 4)
