"""Pieces of work spread over threads, answers in the order in which they come; few are under way at a time."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from itertools import islice
from queue import SimpleQueue
from typing import TypeVar, cast

from kilotar.errors import storage_error
from kilotar.events import Emit, Outcome, StepEnded
from kilotar.exec.base import TaskFailed, TaskResult
from kilotar.exec.threads import ThreadExecutor

__all__ = ["spread"]

Answer = TypeVar("Answer")


def spread(work: Iterable[Callable[[], Answer]], threads: int, name: str, emit: Emit) -> Iterator[Answer]:
    """Give the answer of every piece.

    Args:
        work:    taken from as threads get free, at most two pieces a thread ahead.
        threads: how many run at once.
        name:    of the events that tell of each piece's end.
    Raises: what a piece raised; OSError as MachineError.
    """
    inbox: SimpleQueue[TaskResult] = SimpleQueue()
    numbered = enumerate(work)
    under_way = 0
    with ThreadExecutor(threads, inbox.put) as executor:
        while True:
            for number, piece in islice(numbered, 2 * threads - under_way):
                executor.submit(f"{name} {number}", piece)
                under_way += 1
            if not under_way:
                return
            result = inbox.get()
            under_way -= 1
            if isinstance(result, TaskFailed):
                error = result.error
                raise storage_error(error, name) if isinstance(error, OSError) else error
            emit(StepEnded(result.key, Outcome.DONE))
            yield cast(Answer, result.value)
