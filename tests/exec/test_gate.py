"""Many together, or one alone."""

from __future__ import annotations

import threading

import pytest

from kilotar.exec.gate import Gate

BOUND_S = 20.0


def test_many_are_inside_together() -> None:
    gate, meet = Gate(), threading.Barrier(3, timeout=BOUND_S)

    def go() -> None:
        with gate.together():
            meet.wait()

    threads = [threading.Thread(target=go, daemon=True) for _ in range(3)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(BOUND_S)
    assert not meet.broken


def test_who_goes_alone_waits_for_the_others_and_meets_nobody() -> None:
    gate, order = Gate(), list[str]()
    entered, wants = threading.Event(), threading.Event()

    def together() -> None:
        with gate.together():
            entered.set()
            assert wants.wait(BOUND_S)
            order.append("the other is out")

    def alone() -> None:
        assert entered.wait(BOUND_S)
        wants.set()
        with gate.alone():
            order.append("the loner is in")

    threads = [threading.Thread(target=go, daemon=True) for go in (together, alone)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(BOUND_S)
    assert order == ["the other is out", "the loner is in"]


def test_nobody_comes_in_while_one_is_alone() -> None:
    gate, came = Gate(), threading.Event()

    def together() -> None:
        with gate.together():
            came.set()

    thread = threading.Thread(target=together, daemon=True)
    with gate.alone():
        thread.start()
        assert not came.wait(0.2)
    assert came.wait(BOUND_S)


def test_work_under_many_threads_never_meets_a_loner() -> None:
    gate, count, inside, met = Gate(), threading.Lock(), [0], list[int]()

    def step(change: int) -> int:
        with count:
            inside[0] += change
            return inside[0]

    def go(number: int) -> None:
        for turn in range(200):
            loner = (turn + number) % 5 == 0
            with gate.alone() if loner else gate.together():
                if step(+1) != 1 and loner:
                    met.append(number)
                if step(-1) != 0 and loner:
                    met.append(number)

    threads = [threading.Thread(target=go, args=(n,), daemon=True) for n in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(BOUND_S)
    assert not any(thread.is_alive() for thread in threads)
    assert met == []


def test_an_error_inside_opens_the_gate_again() -> None:
    gate = Gate()
    for way in (gate.alone, gate.together):
        with pytest.raises(ZeroDivisionError), way():
            raise ZeroDivisionError
    with gate.alone():
        pass
