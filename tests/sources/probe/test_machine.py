"""Facts about this machine: programs, ports, gateway, and questions at once."""

from __future__ import annotations

import importlib.metadata
import socket
import threading
from pathlib import Path

import pytest

from kilotar.model.checkup import NatFact, PeerAnswers, PortFact
from kilotar.sources.probe import programs
from kilotar.sources.probe.at_once import at_once
from kilotar.sources.probe.compact import compact_nodes, compact_peers
from kilotar.sources.probe.gateway import ask_gateway, default_gateway
from kilotar.sources.probe.ports import bind_port, connect_peers
from tests.doubles.udp import serve_udp


def test_passwords_of_proxies_are_cut() -> None:
    environment = {
        "HTTPS_PROXY": "http://me:secret@proxy:3128",
        "all_proxy": "socks5://proxy:1080",
        "http_proxy": "me:secret@proxy",
        "NO_PROXY": "",
        "PATH": "/bin",
    }

    assert programs.proxies(environment) == (
        ("HTTPS_PROXY", "http://***@proxy:3128"),
        ("all_proxy", "socks5://proxy:1080"),
        ("http_proxy", "***@proxy"),
    )


def test_an_extra_that_lacks_a_package_has_the_line_that_installs_it(monkeypatch: pytest.MonkeyPatch) -> None:
    lines = [
        "rich>=13",
        "pytest>=8; extra == 'dev'",
        "no-such-package>=1; extra == 'cloud'",
        "google-crc32c>=1.5 ; python_version < '3.99' and extra == \"tfrecord\"",
    ]
    monkeypatch.setattr(importlib.metadata, "requires", lambda name: lines)

    found = {extra.name: extra for extra in programs.extras()}

    assert set(found) == {"cloud", "tfrecord"}
    assert found["cloud"].missing == ("no-such-package",)
    assert found["cloud"].install == "pip install 'kilotar[cloud]'"


def test_a_libtorrent_that_does_not_load_is_none(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(__import__("sys").modules, "libtorrent", None)

    assert programs.libtorrent_version() == ""


def test_the_programs_have_versions() -> None:
    assert programs.python_version()[0] == "3"
    assert programs.system_name()


def test_a_free_port_can_be_opened_and_is_free_again() -> None:
    fact = bind_port(0)

    assert fact == PortFact(0)


def test_a_port_in_use_is_told_by_transport() -> None:
    with socket.create_server(("", 0)) as taken:
        fact = bind_port(taken.getsockname()[1])

    assert "in use" in fact.tcp_error
    assert fact.udp_error == ""


def test_peers_are_counted_by_how_they_answer() -> None:
    with socket.create_server(("127.0.0.1", 0)) as listener, socket.socket() as shut:
        shut.bind(("127.0.0.1", 0))
        peers = [listener.getsockname(), shut.getsockname()]

        assert connect_peers(peers, timeout_s=2, allow_private=True) == PeerAnswers(2, 1, 1, 0)


def test_peers_inside_this_network_are_not_knocked_at() -> None:
    assert connect_peers([("127.0.0.1", 22), ("10.0.0.1", 80), ("192.0.2.1", 0)]) is None


def test_what_has_no_answer_at_the_deadline_is_given_up() -> None:
    never = threading.Event()

    assert at_once([lambda: 1, lambda: int(never.wait(20))], 0.2) == [1, None]
    never.set()


def test_what_a_question_raises_is_seen() -> None:
    def broken() -> int:
        raise ValueError("ours")

    with pytest.raises(ValueError, match="ours"):
        at_once([broken], 1.0)


def test_packed_addresses_end_where_they_end() -> None:
    assert compact_peers(b"\x7f\0\0\1\0\x50\xff", 4) == (("127.0.0.1", 80),)
    assert compact_peers(bytes(15) + b"\1\0\x50", 16) == (("::1", 80),)
    assert compact_nodes(b"i" * 20 + b"\x7f\0\0\1\0\x50", 4) == (("127.0.0.1", 80),)
    assert compact_peers([{b"ip": b"1.2.3.4"}], 4) == ()


def test_the_default_route_is_read(tmp_path: Path) -> None:
    routes = tmp_path / "route"
    routes.write_text("Iface Dest Gateway\neth0 0000FEA9 00000000 1\neth0 00000000 0101A8C0 0003\n")

    assert default_gateway(routes) == "192.168.1.1"
    assert default_gateway(tmp_path / "none") == ""


def test_a_gateway_that_opens_ports_tells_its_outer_address() -> None:
    pmp = b"\0\x80\0\0\0\0\0\1" + bytes([203, 0, 113, 9])
    with (
        serve_udp(lambda packet: pmp) as (nat_pmp, _),
        serve_udp(lambda packet: b"HTTP/1.1 200 OK\r\n\r\n") as (upnp, asked),
    ):
        fact = ask_gateway("127.0.0.1", timeout_s=2, nat_pmp_port=nat_pmp, ssdp=("127.0.0.1", upnp))

    assert fact == NatFact(("UPnP", "NAT-PMP"), "203.0.113.9")
    assert asked[0].startswith(b"M-SEARCH")


@pytest.mark.parametrize("answer", [None, b"", b"\0\x81\0\0", b"\xff" * 12], ids=["silent", "empty", "short", "other"])
def test_a_gateway_that_does_not_is_none(answer: bytes | None) -> None:
    with serve_udp(lambda packet: answer) as (port, _):
        fact = ask_gateway("127.0.0.1", timeout_s=0.2, nat_pmp_port=port, ssdp=("127.0.0.1", port))

    assert fact == NatFact()
