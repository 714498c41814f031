"""The doctor as a whole, with trackers, peers and nodes on loopback."""

from __future__ import annotations

import socket
import threading
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from kilotar.editions.load import load_edition
from kilotar.errors import AccessDenied
from kilotar.model.checkup import Checkup, Line, Mark, NatFact
from kilotar.parse.bencode import encode
from kilotar.work import disk_facts, doctor
from kilotar.work.doctor import Inquiry, explain_silence, silence_troubles
from tests.doubles.udp import dht_node, serve_udp, udp_tracker
from tests.plan import swarms
from tests.sources.probe.pages import http_answer, serve_bytes

PUBLISHED = load_edition("ilsvrc2012")
EDITION = replace(
    PUBLISHED,
    trackers=(),
    torrent_site="",
    archives=tuple(replace(archive, urls=()) for archive in PUBLISHED.archives),
)


@pytest.fixture(autouse=True)
def no_network(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Let nothing but loopback be asked."""
    monkeypatch.setattr(doctor, "load_edition", lambda name: EDITION)
    monkeypatch.setattr(doctor, "ask_gateway", lambda gateway: NatFact())
    monkeypatch.setattr(doctor, "DEADLINE_S", 3.0)
    monkeypatch.setenv("SSL_CERT_FILE", "/etc/ssl/cert.pem")
    for name in ("http_proxy", "https_proxy", "all_proxy", "HTTP_PROXY", "HTTPS_PROXY", "ALL_PROXY"):
        monkeypatch.delenv(name, raising=False)
    yield


def look(*trackers: str, node: int = 9, root: Path | None = None, timeout_s: float = 0.3) -> Checkup:
    return doctor.doctor(
        Inquiry(
            root,
            trackers=trackers,
            allow_private=True,
            bootstrap=(("127.0.0.1", node),),
            timeout_s=timeout_s,
        )
    )


def said(checkup: Checkup, what: str) -> Line:
    return next(line for line in checkup.lines if line.what == what)


def test_a_network_in_which_all_is_well_has_no_problem(tmp_path: Path) -> None:
    with (
        socket.create_server(("127.0.0.1", 0)) as peer,
        serve_udp(dht_node()) as (node, _),
        serve_udp(udp_tracker()) as (udp, _),
    ):
        named = bytes([127, 0, 0, 1]) + peer.getsockname()[1].to_bytes(2)
        with serve_bytes(http_answer(encode({b"complete": 9, b"incomplete": 4, b"peers": named}))) as (http, _):
            checkup = look(http, f"udp://127.0.0.1:{udp}", node=node, root=tmp_path, timeout_s=5)

    assert checkup.problems == 0
    assert said(checkup, "tracker").seen.endswith("9 seeds, 4 others")
    assert said(checkup, "TCP out").seen == "1 of 1 peers took a connection"
    assert said(checkup, "UDP out").state is Mark.OK
    assert said(checkup, "DHT IPv4").seen == "1 of 1 nodes answered"
    assert "GB free" in said(checkup, "disk").seen


def test_where_nobody_answers_the_problem_is_told_once(tmp_path: Path) -> None:
    with serve_udp(lambda packet: None) as (dead, _):
        checkup = look(f"udp://127.0.0.1:{dead}", node=dead)

    assert [line.what for line in checkup.lines if line.state is Mark.PROBLEM] == ["peer sources"]
    assert "dropped" in said(checkup, "tracker").fix
    assert said(checkup, "UDP out").state is Mark.NOTE


def test_one_tracker_of_two_that_fails_is_a_note() -> None:
    with (
        serve_udp(udp_tracker()) as (udp, _),
        serve_bytes(http_answer(b"<html><title>Log in</title>")) as (http, _),
    ):
        checkup = look(http, f"udp://127.0.0.1:{udp}", timeout_s=2)

    assert checkup.problems == 0
    assert "Log in with a browser" in said(checkup, "tracker").fix


def test_a_question_that_hangs_does_not_hold_up_the_rest(monkeypatch: pytest.MonkeyPatch) -> None:
    never = threading.Event()
    monkeypatch.setattr(doctor, "ask_tracker", lambda url, question: never.wait(60))
    monkeypatch.setattr(doctor, "DEADLINE_S", 0.3)

    checkup = look("http://127.0.0.1:1/announce", timeout_s=0.1)

    never.set()
    assert said(checkup, "tracker").seen.startswith("http://127.0.0.1:1/announce: timed out")
    assert checkup.seconds < 10


def test_a_disk_that_hangs_or_cannot_be_written_is_a_problem(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    def refuse(folder: Path) -> None:
        raise AccessDenied("could not write", seen="EACCES Permission denied", fix="")

    monkeypatch.setattr(disk_facts, "measure_disk", refuse)

    line = said(doctor.doctor(Inquiry(tmp_path, is_offline=True)), "disk")

    assert line.state is Mark.PROBLEM
    assert "Permission denied" in line.seen


def test_the_site_of_the_torrents_is_asked_too(monkeypatch: pytest.MonkeyPatch) -> None:
    with serve_bytes(http_answer(b"<!DOCTYPE html>Log in", "403 Forbidden")) as (url, asked):
        site = url.removesuffix("/announce")
        monkeypatch.setattr(doctor, "load_edition", lambda name: replace(EDITION, torrent_site=site))
        line = said(look(timeout_s=2), "web")

    assert asked[0].startswith("GET /download/a306397ccf9c2ead27155983c254227c0fd938e2.torrent")
    assert line.state is Mark.NOTE
    assert "does not let us have it" in line.seen


def test_offline_nothing_is_asked(monkeypatch: pytest.MonkeyPatch) -> None:
    def asked(*_: object, **__: object) -> None:
        pytest.fail("the network was touched")

    for name in ("ask_tracker", "ask_dht", "ask_gateway", "ask_web", "connect_peers"):
        monkeypatch.setattr(doctor, name, asked)

    checkup = doctor.doctor(Inquiry(trackers=("http://127.0.0.1:1/a",), is_offline=True))

    assert said(checkup, "network").seen == "not touched (--offline)"


def test_what_is_shown_holds_neither_passkey_nor_home(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    key = "0123456789abcdef0123456789abcdef"
    monkeypatch.setenv("HOME", str(tmp_path))

    checkup = look(f"http://127.0.0.1:1/{key}/announce?passkey={key}", root=tmp_path / "imagenet")

    text = repr(checkup)
    assert key not in text
    assert str(tmp_path) not in text
    assert said(checkup, "disk").seen.startswith("~/imagenet: ")


def test_archives_that_are_there_are_not_needed_again(tmp_path: Path) -> None:
    train = next(one for one in EDITION.archives if one.default and one.infohash)
    (tmp_path / "archives").mkdir()
    before = disk_facts.disk_fact(tmp_path, [train])
    (tmp_path / "archives" / f"{train.name}.part").write_bytes(b"x" * (1 << 20))

    after = disk_facts.disk_fact(tmp_path, [train])

    assert before.needed_bytes == train.size_bytes
    assert 0 < before.needed_bytes - after.needed_bytes <= 2 << 20
    assert after.kind


def test_a_silence_is_explained_without_what_is_in_order() -> None:
    lines = explain_silence(swarms.UTP_HOLE, [swarms.WEB_503])

    assert (lines[0].state, lines[0].what) == (Mark.PROBLEM, "µTP")
    assert all(line.state is not Mark.OK and line.fix for line in lines)
    assert any("503" in line.seen for line in lines)


def test_a_silence_as_troubles_has_a_stable_kind_and_advice() -> None:
    first = silence_troubles(swarms.TCP_DROPPED)[0]

    assert (first.kind, first.where) == ("doctor", "connections")
    assert "41 of 41" in first.seen
    assert first.advice
