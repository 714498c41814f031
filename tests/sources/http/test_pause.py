"""Waiting for a server that fails, and what a failure is called."""

from __future__ import annotations

import http.client
import socket
import ssl

import pytest

from kilotar.sources.http.failing import Cause, Failure, failure_of, retry_after_s
from kilotar.sources.http.pause import Clock, Pause
from tests.doubles.clocks import StillClock

CUT = Failure(Cause.NETWORK, "cut")
NOT_FOUND = Failure(Cause.REFUSED, "404")


def pause_of(clock: StillClock, chance: float = 1.0) -> Pause:
    return Pause(Clock(clock.now, clock.wait, lambda: chance))


def fail_until_over(pause: Pause, clock: StillClock, failure: Failure) -> list[float]:
    waits = []
    while not pause.is_over:
        assert pause.fails(failure, pause.epoch)
        waits.append(pause.left_s)
        clock.seconds += pause.left_s
    return waits


def test_waits_double_up_to_a_minute_and_then_the_server_is_given_up() -> None:
    clock = StillClock()
    waits = fail_until_over(pause_of(clock), clock, CUT)
    assert waits == [1, 2, 4, 8, 16, 32, 60, 60, 60, 60, 60, 60]


def test_chance_makes_a_wait_shorter_by_half_at_most() -> None:
    clock = StillClock()
    assert fail_until_over(pause_of(clock, 0.0), clock, CUT)[:4] == [0.5, 1, 2, 4]


def test_what_the_server_asks_for_is_the_least() -> None:
    pause = pause_of(StillClock())
    pause.fails(Failure(Cause.BUSY, "503", wait_s=90.0), 0)
    assert pause.left_s == 90


def test_one_event_that_hits_all_connections_counts_once() -> None:
    pause = pause_of(StillClock())
    assert [pause.fails(CUT, 0) for _ in range(4)] == [True, False, False, False]
    assert pause.failures == 1


def test_a_good_piece_ends_the_row() -> None:
    pause = pause_of(StillClock())
    for _ in range(50):
        pause.fails(CUT, pause.epoch)
        pause.works()
    assert not pause.is_over


def test_a_refusal_is_final_at_once_or_after_three_from_a_server_that_worked() -> None:
    clock = StillClock()
    assert len(fail_until_over(pause_of(clock), clock, NOT_FOUND)) == 1
    worked = pause_of(clock)
    worked.works()
    assert len(fail_until_over(worked, clock, NOT_FOUND)) == 3


@pytest.mark.parametrize(
    ("value", "seconds"),
    [
        ("", 0),
        ("120", 120),
        ("0", 0),
        ("99999999999999999999", 300),
        ("-5", 0),
        ("soon", 0),
        ("١٢", 0),
        ("Thu, 01 Jan 1970 00:00:59 GMT", 0),
        ("Thu, 01 Jan 1970 00:20:00 GMT", 200),
        ("Thu, 01 Jan 2970 00:20:00 GMT", 300),
    ],
)
def test_retry_after_is_read_and_capped(value: str, seconds: float) -> None:
    assert retry_after_s(value, now_s=1000.0) == seconds


def certificate_error() -> ssl.SSLCertVerificationError:
    error = ssl.SSLCertVerificationError(1, "failed")
    error.verify_message = "certificate has expired"
    return error


@pytest.mark.parametrize(
    ("error", "cause", "words"),
    [
        (certificate_error(), Cause.UNTRUSTED, "the certificate of host is not valid: certificate has expired"),
        (socket.gaierror(-2, "Name or service not known"), Cause.NETWORK, "host could not be resolved: Name or"),
        (TimeoutError("timed out"), Cause.STALLED, "no byte from host for 60 s"),
        (OSError(110, "no connection within 15 s"), Cause.NETWORK, "host: no connection within 15 s"),
        (ConnectionRefusedError(111, "Connection refused"), Cause.NETWORK, "host: Connection refused"),
        (http.client.RemoteDisconnected("x"), Cause.NETWORK, "host: the connection was closed without an answer"),
        (OSError(101, "Network is unreachable"), Cause.NETWORK, "host: Network is unreachable"),
        (ssl.SSLError(1, "wrong version number"), Cause.NETWORK, "host: wrong version number"),
        (http.client.IncompleteRead(b""), Cause.TRUNCATED, "host broke its answer off"),
        (http.client.BadStatusLine("x"), Cause.ANSWER, "host gave no valid HTTP answer (BadStatusLine)"),
    ],
    ids=lambda value: type(value).__name__,
)
def test_a_failure_on_the_wire_is_told_in_words(error: Exception, cause: Cause, words: str) -> None:
    failure = failure_of(error, "host", 60.0)
    assert (failure.cause, words in failure.text) == (cause, True)
