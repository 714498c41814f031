"""However a run ends, its listeners are told."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from kilotar.errors import KilotarError
from kilotar.events import Emit, Outcome, RunEnded

__all__ = ["telling_end"]


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
