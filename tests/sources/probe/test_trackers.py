"""Every answer that a tracker may give, over HTTP and UDP."""

from __future__ import annotations

import socket

import pytest

from kilotar.parse.bencode import encode
from kilotar.sources.probe.trackers import Question, ask_tracker
from tests.doubles.udp import serve_udp, udp_tracker
from tests.sources.probe.pages import http_answer, serve_bytes

HASH = "a306397ccf9c2ead27155983c254227c0fd938e2"
QUESTION = Question(HASH, left_bytes=147_897_477_120, timeout_s=0.3, allow_private=True)
PATIENT = Question(HASH, timeout_s=5, allow_private=True)
PEERS = bytes([192, 0, 2, 1, 0x1A, 0xE1, 192, 0, 2, 2, 0x1A, 0xE2])
GOOD = encode({b"interval": 1800, b"complete": 9, b"incomplete": 4, b"peers": PEERS})


def test_a_tracker_tells_of_seeds_others_and_addresses() -> None:
    with serve_bytes(http_answer(GOOD)) as (url, asked):
        answer = ask_tracker(url, PATIENT)

    assert (answer.error, answer.seeds, answer.leechers) == ("", 9, 4)
    assert answer.peers == (("192.0.2.1", 6881), ("192.0.2.2", 6882))
    assert 0 < answer.took_s < 5
    assert "info_hash=%A3%069%7C%CF" in asked[0]


def test_its_clock_is_kept_beside_ours() -> None:
    with serve_bytes(http_answer(GOOD, date="Thu, 01 Jan 1970 00:10:00 GMT")) as (url, _):
        answer = ask_tracker(url, PATIENT, clock=lambda: 1000.0)

    assert (answer.date_s, answer.asked_at_s) == (600.0, 1000.0)


def test_a_clock_that_is_none_is_no_clock() -> None:
    with serve_bytes(http_answer(GOOD, date="yesterday")) as (url, _):
        assert ask_tracker(url, PATIENT).date_s == 0.0


@pytest.mark.parametrize(
    ("answer", "error"),
    [
        (http_answer(encode({b"failure reason": b"Invalid info_hash (0 - )\n\x1b"})), "Invalid info_hash (0 - )"),
        (http_answer(b"<html><title>Log in</title>"), 'a log-in page or the error of a server or proxy ("Log in")'),
        (http_answer(b"d8:completei9e"), "not what a tracker says"),
        (http_answer(b"li1ee"), "not what a tracker says"),
        (http_answer(b""), "it is empty"),
        (http_answer(b"no robots", "403 Forbidden"), "status 403 Forbidden"),
        (http_answer(encode({b"failure reason": b"passkey"}), "400 Bad Request"), "status 400 passkey"),
        (http_answer(b"", "302 Found"), "status 302"),
        (b"SSH-2.0-OpenSSH\r\n", "no valid HTTP answer"),
        (b"", "closed"),
    ],
    ids=["reason", "page", "cut", "list", "empty", "403", "400", "redirect", "ssh", "nothing"],
)
def test_what_is_no_list_of_peers_is_told_as_what_it_is(answer: bytes, error: str) -> None:
    with serve_bytes(answer) as (url, _):
        assert error in ask_tracker(url, PATIENT).error


def test_a_tracker_that_never_answers_is_given_up() -> None:
    with serve_bytes(None) as (url, _):
        answer = ask_tracker(url, QUESTION)

    assert "no byte" in answer.error
    assert answer.took_s < 3


def test_a_body_without_end_is_cut() -> None:
    with serve_bytes(b"HTTP/1.1 200 OK\r\n\r\nd8:interval" + b"9" * (1 << 20)) as (url, _):
        assert ask_tracker(url, PATIENT).error


def shut_port(kind: socket.SocketKind) -> int:
    with socket.socket(socket.AF_INET, kind) as sock:
        sock.bind(("127.0.0.1", 0))
        return int(sock.getsockname()[1])


@pytest.mark.parametrize(("scheme", "kind"), [("http", socket.SOCK_STREAM), ("udp", socket.SOCK_DGRAM)])
def test_where_nobody_listens_it_is_refused(scheme: str, kind: socket.SocketKind) -> None:
    answer = ask_tracker(f"{scheme}://127.0.0.1:{shut_port(kind)}/announce", QUESTION)

    assert "refused" in answer.error


def test_a_udp_tracker_tells_the_same() -> None:
    with serve_udp(udp_tracker(PEERS)) as (port, _):
        answer = ask_tracker(f"udp://127.0.0.1:{port}/announce", PATIENT)

    assert (answer.error, answer.seeds, answer.leechers) == ("", 3, 4)
    assert answer.peers == (("192.0.2.1", 6881), ("192.0.2.2", 6882))
    assert answer.is_udp


def test_a_packet_that_was_lost_is_sent_again() -> None:
    with serve_udp(udp_tracker(PEERS, drops=1)) as (port, came):
        assert ask_tracker(f"udp://127.0.0.1:{port}/announce", PATIENT).seeds == 3

    assert came[0][:12] == came[1][:12]


def test_a_udp_tracker_that_refuses_says_why() -> None:
    with serve_udp(udp_tracker(refuses=b"unregistered torrent")) as (port, _):
        assert ask_tracker(f"udp://127.0.0.1:{port}", PATIENT).error.endswith("unregistered torrent")


def test_a_silent_udp_tracker_times_out() -> None:
    with serve_udp(lambda packet: None) as (port, _):
        assert ask_tracker(f"udp://127.0.0.1:{port}", QUESTION).error.startswith("timed out")


def test_packets_with_another_number_are_no_answer() -> None:
    with serve_udp(lambda packet: b"\0\0\0\0abcd" + bytes(8)) as (port, _):
        assert ask_tracker(f"udp://127.0.0.1:{port}", QUESTION).error.startswith("timed out")


def test_an_answer_to_another_question_is_refused() -> None:
    with serve_udp(lambda packet: b"\0\0\0\2" + packet[12:16] + bytes(8)) as (port, _):
        assert "action 2" in ask_tracker(f"udp://127.0.0.1:{port}", PATIENT).error


@pytest.mark.parametrize("url", ["http://127.0.0.1:1/a", "udp://10.0.0.1:1", "ftp://example.org/", "udp://[::1]:1/"])
def test_addresses_that_a_torrent_may_not_ask_for_are_not_asked(url: str) -> None:
    answer = ask_tracker(url, Question(HASH, timeout_s=0.3))

    assert answer.error.startswith("not asked: ")


def test_a_passkey_is_not_kept() -> None:
    key = "0123456789abcdef0123456789abcdef"

    answer = ask_tracker(f"http://user:pass@127.0.0.1:1/{key}/announce?passkey={key}", QUESTION)

    assert key not in answer.url + answer.error
    assert "pass" not in answer.url
