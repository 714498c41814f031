"""Listeners: however a run ends they are told, and never two things at once."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager

from kilotar.errors import KilotarError
from kilotar.events import Emit, Event, Outcome, RunEnded

__all__ = ["one_by_one", "telling_end"]


@contextmanager
def telling_end(verb: str, emit: Emit) -> Iterator[None]:
    """Emit `RunEnded` when the block ends: DONE, FAILED with the reason, or BLOCKED when a person stopped it."""
    try:
        yield
    except KilotarError as error:
        emit(RunEnded(verb, Outcome.FAILED, f"{error.code} {error.what}"))
        raise
    except KeyboardInterrupt:
        emit(RunEnded(verb, Outcome.BLOCKED, "stopped on request; the same command resumes"))
        raise
    emit(RunEnded(verb, Outcome.DONE))


def one_by_one(emit: Emit) -> Emit:
    """Give a listener that may be called from any thread."""
    turn = threading.RLock()

    def tell(event: Event) -> None:
        with turn:
            emit(event)

    return tell
