"""Whatever a task does, its end is a value."""

import errno

import pytest

from kilotar.errors import ArchiveRefused, OurError, OutOfMemory
from kilotar.exec.base import TaskEnded, TaskFailed, perform


def fail(error: BaseException) -> object:
    raise error


def test_a_task_that_returns_is_a_value_under_its_key() -> None:
    assert perform("n01440764", lambda: 7) == TaskEnded("n01440764", 7)


@pytest.mark.parametrize("error", [ArchiveRefused("cut short"), OSError(errno.EIO, "input/output error")])
def test_errors_of_the_tree_and_of_the_system_travel_as_they_are(error: Exception) -> None:
    assert perform("a", lambda: fail(error)) == TaskFailed("a", error)  # type: ignore[arg-type]


@pytest.mark.parametrize("error", [ZeroDivisionError("by zero"), SystemExit(3), KeyboardInterrupt()])
def test_anything_else_is_our_bug_and_keeps_its_traceback(error: BaseException) -> None:
    result = perform("a", lambda: fail(error))
    assert isinstance(result, TaskFailed)
    assert isinstance(result.error, OurError)
    assert result.error.__cause__ is error
    assert error.__traceback__ is not None
    assert f"{type(error).__name__}: {error} (in fail" in result.error.seen


def test_want_of_memory_is_the_machines_fault_not_ours() -> None:
    result = perform("a", lambda: fail(MemoryError()))
    assert isinstance(result, TaskFailed)
    assert isinstance(result.error, OutOfMemory)
