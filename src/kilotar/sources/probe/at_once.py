"""Several questions to the network at once, with one end for all of them.

Rules guarded: what has no answer at the deadline is given up, whatever it waits for; a thread that hangs in a system
call (a resolver) does not hold up the end of the process.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Sequence
from typing import TypeVar

__all__ = ["at_once"]

T = TypeVar("T")


def at_once(calls: Sequence[Callable[[], T]], deadline_s: float) -> list[T | None]:
    """Make all calls, each in a thread of its own; None for those that have not ended in time.

    Raises: what a call raised, after the deadline or the last end; questions tell their failures as values.
    """
    answers: list[T | None] = [None] * len(calls)
    raised: list[Exception] = []

    def answer(at: int) -> None:
        try:
            answers[at] = calls[at]()
        except Exception as error:  # noqa: BLE001 - raised again where somebody can see it
            raised.append(error)

    threads = [
        threading.Thread(target=answer, args=(at,), name="kilotar-probe", daemon=True) for at in range(len(calls))
    ]
    ends_s = time.monotonic() + deadline_s
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(max(0.0, ends_s - time.monotonic()))
    if raised:
        raise raised[0]
    return list(answers)
