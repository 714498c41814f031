"""A person's wish to stop, as a message in the queue that the engine waits at.

Rules guarded: a KeyboardInterrupt can come between any two steps of Python, also just after a message was taken and
before anything knows of it; so while the engine runs, what a signal's handler raises is caught in the handler and put
into the queue (`SimpleQueue.put` is made for that). The second wish is raised where it comes: it means at once.
"""

from __future__ import annotations

import signal
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from types import FrameType

__all__ = ["interrupts_as_messages"]

_SIGNALS = tuple(getattr(signal, name) for name in ("SIGINT", "SIGTERM", "SIGHUP") if hasattr(signal, name))


@contextmanager
def interrupts_as_messages(put: Callable[[KeyboardInterrupt], None], at_once: Callable[[], bool]) -> Iterator[None]:
    """Give `put` the KeyboardInterrupt that a signal's present handler raises; raise it while `at_once` says so.

    Outside the main thread signals cannot be handled, and nothing is changed.
    """
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    before = {number: signal.getsignal(number) for number in _SIGNALS}

    def on_signal(number: int, frame: FrameType | None) -> None:
        handler = before[number]
        try:
            if callable(handler):
                handler(number, frame)
        except KeyboardInterrupt as error:
            if at_once():
                raise
            put(error)

    handled = [number for number, handler in before.items() if callable(handler)]
    for number in handled:
        signal.signal(number, on_signal)
    try:
        yield
    finally:
        for number in handled:
            if signal.getsignal(number) is on_signal:
                signal.signal(number, before[number])
