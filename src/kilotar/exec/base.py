"""What an executor is: it takes tasks by a key and hands every end back as a value, in one place, the caller's.

Rules guarded: one result for each task, never an exception out of a worker; a task's own failure and the death of
its worker look alike to the caller; an executor never calls the caller back but through `put`, and never after
`close` has returned. The caller owns the queue, so that results stand in one line with whatever else it waits for::

    inbox: SimpleQueue[TaskResult | Landed] = SimpleQueue()
    with ThreadExecutor(4, inbox.put) as executor:
        executor.submit("n01440764", task)
        match inbox.get(): ...
"""

from __future__ import annotations

import traceback
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from kilotar.errors import KilotarError, OurError, OutOfMemory

__all__ = ["Put", "Task", "TaskEnded", "TaskFailed", "TaskResult", "perform"]

Task = Callable[[], object]


@dataclass(frozen=True, slots=True)
class TaskEnded:
    """A task returned; the type of `value` is between the one who submitted and the task."""

    key: str
    value: Any


@dataclass(frozen=True, slots=True)
class TaskFailed:
    """A task raised, or could not be carried out. Anything but the two named kinds comes wrapped as `OurError`."""

    key: str
    error: KilotarError | OSError


TaskResult = TaskEnded | TaskFailed
Put = Callable[[TaskResult], None]


def perform(key: str, task: Task) -> TaskResult:
    """Carry out a task here and now; whatever happens becomes a value."""
    try:
        return TaskEnded(key, task())
    except (KilotarError, OSError) as error:
        return TaskFailed(key, error)
    except MemoryError as error:
        return TaskFailed(key, _caused(OutOfMemory(f"not enough memory for {key}", fix="use fewer jobs (-j 1)"), error))
    except BaseException as error:  # noqa: BLE001 - a thread that dies in silence would be waited for without end
        return TaskFailed(key, _caused(OurError(f"task {key} failed", seen=_last_line(error)), error))


def _caused(outer: KilotarError, inner: BaseException) -> KilotarError:
    outer.__cause__ = inner
    return outer


def _last_line(error: BaseException) -> str:
    """Name the exception and the line that raised it."""
    frames = traceback.extract_tb(error.__traceback__)
    where = f" (in {frames[-1].name}, {frames[-1].filename}:{frames[-1].lineno})" if frames else ""
    return f"{type(error).__name__}: {error}{where}"
