"""See `kilotar.work.signals`."""

from __future__ import annotations

import signal
import threading

import pytest

from kilotar.work.signals import interrupts_as_messages


def test_an_interrupt_becomes_a_message_and_does_not_break_into_the_work() -> None:
    messages: list[KeyboardInterrupt] = []

    with interrupts_as_messages(messages.append, lambda: False):
        signal.raise_signal(signal.SIGINT)
        reached = True

    assert reached
    assert len(messages) == 1


def test_an_interrupt_is_raised_where_it_comes_when_it_need_not_wait() -> None:
    messages: list[KeyboardInterrupt] = []

    with pytest.raises(KeyboardInterrupt), interrupts_as_messages(messages.append, lambda: True):
        signal.raise_signal(signal.SIGINT)

    assert messages == []


def test_handlers_are_put_back() -> None:
    before = signal.getsignal(signal.SIGINT)

    with interrupts_as_messages(lambda error: None, lambda: False):
        assert signal.getsignal(signal.SIGINT) is not before

    assert signal.getsignal(signal.SIGINT) is before


def test_what_was_ignored_stays_ignored() -> None:
    before = signal.signal(signal.SIGHUP, signal.SIG_IGN)
    try:
        with interrupts_as_messages(lambda error: None, lambda: False):
            assert signal.getsignal(signal.SIGHUP) is signal.SIG_IGN
    finally:
        signal.signal(signal.SIGHUP, before)


def test_another_thread_is_left_alone() -> None:
    before = signal.getsignal(signal.SIGINT)
    seen: list[object] = []

    def work() -> None:
        with interrupts_as_messages(lambda error: None, lambda: False):
            seen.append(signal.getsignal(signal.SIGINT))

    thread = threading.Thread(target=work)
    thread.start()
    thread.join()

    assert seen == [before]
