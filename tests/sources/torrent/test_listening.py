"""The port is free when it is handed on, and is the same in the next run."""

from __future__ import annotations

import contextlib
import socket
from collections.abc import Iterator
from pathlib import Path

import pytest

from kilotar.events import Trouble
from kilotar.model.profile import FIRST, PLAIN_PORTS, ClientOptions, Profile
from kilotar.sources.torrent.listening import choose_port

HOME = ClientOptions(interface="127.0.0.1")


@pytest.fixture
def taken() -> Iterator[int]:
    with contextlib.closing(socket.create_server(("127.0.0.1", 0))) as server:
        yield server.getsockname()[1]


def test_a_port_is_chosen_once_and_remembered(tmp_path: Path) -> None:
    told: list[Trouble] = []
    port = choose_port(HOME, FIRST, tmp_path / "state", told.append)

    assert port in PLAIN_PORTS
    assert choose_port(HOME, FIRST, tmp_path / "state", told.append) == port
    assert told == []


def test_a_port_that_nobody_asked_for_and_was_taken_is_not_told(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, taken: int
) -> None:
    told: list[Trouble] = []
    monkeypatch.setattr("kilotar.sources.torrent.listening.random.sample", lambda ports, count: [taken, *ports[:count]])

    assert choose_port(HOME, FIRST, tmp_path, told.append) in PLAIN_PORTS
    assert told == []


def test_a_taken_port_is_told_and_another_taken(taken: int, tmp_path: Path) -> None:
    told: list[Trouble] = []
    port = choose_port(HOME, Profile(port=taken), tmp_path, told.append)

    assert port in PLAIN_PORTS
    assert [(trouble.kind, trouble.where) for trouble in told] == [("port", f"port {taken}")]


def test_the_person_s_ports_come_before_a_remembered_one(tmp_path: Path) -> None:
    (tmp_path / "port").write_text("20000")

    assert choose_port(ClientOptions(ports=range(31_000, 31_040)), FIRST, tmp_path, print) in range(31_000, 31_040)


def test_where_none_is_free_the_system_chooses(taken: int, tmp_path: Path) -> None:
    told: list[Trouble] = []
    options = ClientOptions(interface="127.0.0.1", ports=range(taken, taken + 1))

    assert choose_port(options, FIRST, tmp_path, told.append) == 0
    assert told[0].kind == "port"


@pytest.mark.parametrize("content", [b"", b"port", b"0", b"99999", b"-1", b"\xb2", b"123456789"])
def test_a_damaged_memory_is_no_port(content: bytes, tmp_path: Path) -> None:
    (tmp_path / "port").write_bytes(content)

    assert choose_port(HOME, FIRST, tmp_path, print) in PLAIN_PORTS
