"""Threads give each task one result, and never hold up the end."""

import os
import subprocess
import sys
import threading
from queue import SimpleQueue

import pytest

from kilotar.errors import OurError
from kilotar.exec.base import TaskEnded, TaskResult
from kilotar.exec.threads import ThreadExecutor, map_in_order

BOUND_S = 20.0


def test_each_task_has_one_result() -> None:
    inbox: SimpleQueue[TaskResult] = SimpleQueue()
    with ThreadExecutor(3, inbox.put) as executor:
        for number in range(100):
            executor.submit(str(number), lambda number=number: number * 2)
        results = [inbox.get(timeout=BOUND_S) for _ in range(100)]
    assert {r.key: r.value for r in results if isinstance(r, TaskEnded)} == {str(n): n * 2 for n in range(100)}
    assert inbox.empty()


def test_tasks_run_at_once_in_as_many_threads_as_asked() -> None:
    inbox: SimpleQueue[TaskResult] = SimpleQueue()
    meet = threading.Barrier(3, timeout=BOUND_S)
    with ThreadExecutor(3, inbox.put) as executor:
        for key in "abc":
            executor.submit(key, meet.wait)
        assert all(isinstance(inbox.get(timeout=BOUND_S), TaskEnded) for _ in range(3))


def test_a_slot_is_free_again_before_its_result_is_seen() -> None:
    seen: list[int] = []
    done = threading.Event()

    def put(result: TaskResult) -> None:
        seen.append(executor.free_slots)
        done.set()

    go = threading.Event()
    with ThreadExecutor(1, put) as executor:
        executor.submit("a", lambda: go.wait(BOUND_S))
        assert executor.free_slots == 0
        go.set()
        assert done.wait(BOUND_S)
    assert seen == [1]


def test_a_result_may_submit_the_next_task() -> None:
    order: list[str] = []
    done = threading.Event()

    def put(result: TaskResult) -> None:
        order.append(result.key)
        if result.key == "a":
            executor.submit("b", lambda: None)
        else:
            done.set()

    with ThreadExecutor(1, put) as executor:
        executor.submit("a", lambda: None)
        assert done.wait(BOUND_S)
    assert order == ["a", "b"]


def test_close_drops_what_has_not_begun_and_keeps_what_ends_in_time() -> None:
    inbox: SimpleQueue[TaskResult] = SimpleQueue()
    stop, begun = threading.Event(), threading.Event()

    def until_stopped() -> str:
        begun.set()
        return "early" if stop.wait(BOUND_S) else "late"

    executor = ThreadExecutor(1, inbox.put, stop=stop)
    executor.submit("runs", until_stopped)
    executor.submit("waits", lambda: None)
    assert begun.wait(BOUND_S)
    executor.close()
    assert inbox.get_nowait() == TaskEnded("runs", "early")
    assert inbox.empty()
    with pytest.raises(OurError, match="closed"):
        executor.submit("late", lambda: None)


def test_a_stuck_thread_does_not_keep_the_interpreter_from_ending() -> None:
    program = (
        "import threading; from kilotar.exec.threads import ThreadExecutor\n"
        "begun = threading.Event()\n"
        "ThreadExecutor(1, print).submit('a', lambda: (begun.set(), threading.Event().wait()))\n"
        "begun.wait()\n"
    )
    subprocess.run([sys.executable, "-c", program], check=True, timeout=BOUND_S)


def test_answers_come_in_the_order_of_the_items_whichever_is_ready_first() -> None:
    last_is_ready = threading.Event()

    def work(item: str) -> str:
        if item == "last":
            last_is_ready.set()
        assert last_is_ready.wait(BOUND_S)
        return item.upper()

    assert list(map_in_order(work, ["first", "last"], 2)) == ["FIRST", "LAST"]


def test_a_failure_comes_when_its_turn_comes() -> None:
    answers = map_in_order(lambda item: 1 // item, [1, 0, 1], 2)

    assert next(answers) == 1
    with pytest.raises(ZeroDivisionError):
        next(answers)


@pytest.mark.skipif(sys.platform != "linux", reason="only there has a thread a niceness of its own")
def test_nicer_threads_give_way_to_the_others_of_the_process() -> None:
    def niceness() -> int:
        return os.getpriority(os.PRIO_PROCESS, threading.get_native_id())

    inbox: SimpleQueue[TaskResult] = SimpleQueue()
    usual = niceness()
    with ThreadExecutor(1, inbox.put, niceness=1) as nicer, ThreadExecutor(1, inbox.put) as other:
        nicer.submit("nicer", niceness)
        other.submit("other", niceness)
        results = [inbox.get(timeout=BOUND_S) for _ in range(2)]
    found = {result.key: result.value for result in results if isinstance(result, TaskEnded)}
    assert found == {"nicer": min(19, usual + 1), "other": usual}
    assert niceness() == usual
