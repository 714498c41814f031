"""Rates: what counts as too slow, and what is shown."""

from __future__ import annotations

import socket

import pytest

from kilotar.sources.http.failing import Failure
from kilotar.sources.http.meter import MeteredStream, RecentRate


class Trickle:
    """A socket on which `count` bytes arrive after `wait_s` seconds, again and again."""

    def __init__(self, count: int, wait_s: float) -> None:
        self.count, self.wait_s, self.clock_s = count, wait_s, 0.0

    def recv_into(self, buffer: memoryview) -> int:
        self.clock_s += self.wait_s
        return min(self.count, len(buffer))


def stream_of(trickle: Trickle, least: int = 1000) -> MeteredStream:
    stream = MeteredStream(trickle, least, lambda: trickle.clock_s)  # type: ignore[arg-type]
    stream.begin()
    stream.allow(1 << 40)
    return stream


def reads(stream: MeteredStream, count: int) -> None:
    buffer = bytearray(1 << 20)
    for _ in range(count):
        stream.readinto(buffer)


def test_a_drip_is_noticed_after_a_minute() -> None:
    stream = stream_of(Trickle(1, 1.0))
    reads(stream, 59)
    with pytest.raises(Failure, match="only 1 bytes a second arrived over 60 s"):
        reads(stream, 1)


def test_a_rate_just_high_enough_is_let_through() -> None:
    reads(stream_of(Trickle(1000, 1.0)), 600)


def test_a_fast_minute_does_not_pay_for_a_slow_one() -> None:
    trickle = Trickle(1 << 20, 1.0)
    stream = stream_of(trickle)
    reads(stream, 60)
    trickle.count = 1
    with pytest.raises(Failure, match="arrived over 60 s"):
        reads(stream, 60)


def test_time_in_which_nobody_reads_is_not_held_against_the_server() -> None:
    trickle = Trickle(100, 0.001)
    stream = stream_of(trickle)
    for _ in range(100):
        reads(stream, 1)
        trickle.clock_s += 100.0  # a slow disk


def test_more_than_was_announced_is_refused() -> None:
    stream = stream_of(Trickle(1 << 20, 0.0))
    stream.begin()
    stream.allow(1 << 20)
    reads(stream, 1)
    with pytest.raises(Failure, match="longer than it may be"):
        reads(stream, 1)


def test_a_muted_stream_gives_nothing_and_asks_nobody() -> None:
    here, there = socket.socketpair()
    with here, there:
        stream = MeteredStream(here, 0)
        stream.is_muted = True
        assert stream.readinto(bytearray(1)) is None


def test_the_rate_is_that_of_the_last_ten_seconds() -> None:
    rate = RecentRate()
    assert rate.at(0.0) == 0
    for second in range(100):
        rate.add(float(second), 500)
    assert rate.at(99.0) == pytest.approx(500, rel=0.15)
    assert rate.at(200.0) == 0
