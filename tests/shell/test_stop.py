"""Signals, sent for real to a process of its own."""

from __future__ import annotations

import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager, suppress

import pytest

from kilotar.shell.stop import Stop

PROGRAM = """
import signal, sys, threading
import kilotar
from kilotar.shell.cli import main

def prepare(root, **words):
    try:
        print("working", file=sys.stderr, flush=True)
        threading.Event().wait()
    except KeyboardInterrupt:
        print("stopping", file=sys.stderr, flush=True)
        if "stubborn" in sys.argv:
            threading.Event().wait()
        raise

if "nohup" in sys.argv:
    signal.signal(signal.SIGHUP, signal.SIG_IGN)
kilotar.prepare = prepare
sys.exit(main(["prepare", "data"]))
"""


@contextmanager
def working(*words: str) -> Iterator[subprocess.Popen[str]]:
    """Start a command whose work only ends when it is told to."""
    command = [sys.executable, "-c", PROGRAM, *words]
    with subprocess.Popen(command, stderr=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as process:
        assert process.stderr is not None
        assert process.stderr.readline() == "working\n"
        try:
            yield process
        finally:
            process.kill()


@pytest.mark.parametrize(
    ("number", "code"), [(signal.SIGINT, 130), (signal.SIGTERM, 143), (signal.SIGHUP, 129)], ids=lambda v: str(v)
)
def test_the_first_signal_stops_cleanly_and_says_how_to_go_on(number: signal.Signals, code: int) -> None:
    with working() as process:
        process.send_signal(number)
        out, err = process.communicate(timeout=30)

    assert process.returncode == code
    assert (out, err) == ("", "stopping\nstopped; nothing is lost; run the same command again\n")


def test_the_second_signal_leaves_at_once() -> None:
    with working("stubborn") as process:
        process.send_signal(signal.SIGINT)
        assert process.stderr is not None
        assert process.stderr.readline() == "stopping\n"
        for _ in range(300):
            process.send_signal(signal.SIGINT)
            with suppress(subprocess.TimeoutExpired):
                process.wait(timeout=0.1)
                break
        err = process.communicate(timeout=30)[1]

    assert process.returncode == 130
    assert "Traceback" not in err


def test_a_burst_of_signals_is_one_wish_to_stop() -> None:
    with working() as process:
        process.send_signal(signal.SIGTERM)
        process.send_signal(signal.SIGTERM)
        process.send_signal(signal.SIGINT)
        err = process.communicate(timeout=30)[1]

    assert process.returncode in (130, 143)
    assert err.endswith("stopped; nothing is lost; run the same command again\n")


def test_a_hang_up_that_nohup_ignores_stays_ignored() -> None:
    with working("nohup") as process:
        process.send_signal(signal.SIGHUP)
        process.send_signal(signal.SIGTERM)
        process.communicate(timeout=30)

    assert process.returncode == 143


def test_handlers_are_put_back() -> None:
    before = signal.getsignal(signal.SIGTERM)
    with Stop():
        assert signal.getsignal(signal.SIGTERM) is not before

    assert signal.getsignal(signal.SIGTERM) is before


def test_an_interrupt_without_a_signal_is_130() -> None:
    assert Stop().exit_code == 130
