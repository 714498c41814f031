"""Rules: a rate is of the last seconds alone, so that a stall shows; saves are spaced by time and bytes."""

from __future__ import annotations

from kilotar.work.meter import SAVE_BYTES, Meter, Pace


def test_a_pace_is_of_its_window_and_nothing_after_it() -> None:
    pace = Pace(3.0)

    assert [pace.see(at_s, total) for at_s, total in ((0.0, 0), (1.0, 100), (2.0, 200))] == [False, True, True]
    assert pace.bytes_s == 100
    for at_s in (3.0, 4.0, 5.0, 6.0):
        assert not pace.see(at_s, 200)
    assert pace.bytes_s == 0


def test_a_save_is_due_after_some_seconds_or_many_bytes_and_never_for_nothing() -> None:
    meter = Meter(0.0)

    assert [meter.is_save_due(now_s, total) for now_s, total in ((1.0, 9), (6.0, 9), (20.0, 9))] == [False, True, False]
    assert meter.is_save_due(20.1, 9 + SAVE_BYTES)


def test_the_last_rise_is_remembered() -> None:
    meter = Meter(0.0)
    for now_s, total in ((1.0, 0), (2.0, 5), (9.0, 5)):
        meter.see(now_s, total)

    assert meter.last_rise_s == 2.0
    assert meter.rate_bytes_s == 5 / 8
