"""Workers die, hang and gorge themselves; the run goes on, and names the item."""

from __future__ import annotations

import errno
import fcntl
import json
import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from queue import SimpleQueue

import psutil
import pytest

from kilotar.errors import KilotarError, OurError, WorkerLost
from kilotar.events import Event, Note
from kilotar.exec import child as child_module
from kilotar.exec.base import TaskEnded, TaskFailed, TaskResult
from kilotar.exec.batch import Batch, Lost, Sifted, resolve
from kilotar.exec.child import WorkerLimits
from kilotar.exec.processes import ProcessExecutor
from tests.need import need, need_tool

BOUND_S = 60.0
NOBODY = 64123  # nobody else runs as this user, so that a limit on processes counts ours alone
QUICK = WorkerLimits(item_s=1.0, start_s=30.0)
ROOT = Path(__file__).parents[2]


def batch(*items: str) -> Batch:
    return Batch("tests.exec.victims:act", (), items)


def run(*batches: Batch, workers: int = 1) -> list[TaskResult]:
    """Do batches in real processes; give their results in the order of the batches."""
    inbox: SimpleQueue[TaskResult] = SimpleQueue()
    with ProcessExecutor(workers, inbox.put, limits=QUICK) as executor:
        for number, one in enumerate(batches):
            executor.submit(str(number), one)
        results = [inbox.get(timeout=BOUND_S) for _ in batches]
        pids = executor.pids
    assert not any(psutil.pid_exists(pid) for pid in pids)
    return sorted(results, key=lambda result: int(result.key))


def sift(*items: str) -> Sifted:
    (result,) = run(batch(*items))
    assert isinstance(result, TaskEnded), result
    assert isinstance(result.value, Sifted)
    return result.value


def fail(*items: str) -> KilotarError | OSError:
    (result,) = run(batch(*items))
    assert isinstance(result, TaskFailed)
    return result.error


def test_values_come_back_in_the_order_of_the_items() -> None:
    assert sift("a", "b", "c") == Sifted(("a", "b", "c"))


def test_a_batch_done_here_gives_what_a_batch_in_a_worker_gives() -> None:
    assert batch("a", "b")() == sift("a", "b")


def test_many_batches_use_all_workers_and_each_has_one_result() -> None:
    results = run(*(batch(str(n), "x") for n in range(20)), workers=2)
    assert [r.value.values for r in results if isinstance(r, TaskEnded)] == [(str(n), "x") for n in range(20)]


def test_a_name_with_bytes_that_are_no_text_crosses_both_ways() -> None:
    name = os.fsdecode(b"n\xff\n\x1b.JPEG")
    assert sift(name).values == (name,)


@pytest.mark.parametrize(
    ("number", "name"), [(signal.SIGSEGV, "SIGSEGV"), (signal.SIGKILL, "SIGKILL (out of memory?)")]
)
def test_the_sample_that_kills_its_worker_twice_is_named_and_the_rest_goes_on(number: int, name: str) -> None:
    got = sift("a", f"die {int(number)}", "b", "c")
    assert got.values == ("a", "b", "c")
    assert got.lost == (Lost(f"die {int(number)}", "crash", f"the worker process was killed by {name}"),)


def test_every_place_in_a_batch_may_kill() -> None:
    got = sift("die", "a", "die", "die", "b", "exit")
    assert got.values == ("a", "b")
    assert [lost.item for lost in got.lost] == ["die", "die", "die", "exit"]
    assert got.lost[-1].why == "the worker process ended with status 3"


def test_a_worker_that_dies_once_costs_nothing(tmp_path: Path) -> None:
    item = f"die-once {tmp_path / 'mark'}"
    assert sift("a", item, "b") == Sifted(("a", item, "b"))


@pytest.mark.parametrize("item", ["hang", f"die {int(signal.SIGSTOP)}"], ids=["endless", "stopped"])
def test_a_hang_ends_at_the_deadline_of_its_sample(item: str) -> None:
    begun = time.monotonic()
    got = sift("a", item, "b")
    assert got.values == ("a", "b")
    assert got.lost == (Lost(item, "hang", "no end of it within 1 s"),)
    assert time.monotonic() - begun < 20


def test_want_of_memory_is_met_inside_the_worker_at_its_limit() -> None:
    assert sift("eat", "a") == Sifted(("memory", "a"))


def test_a_worker_writes_no_file(tmp_path: Path) -> None:
    assert sift(f"write {tmp_path / 'f'}").values == (os.strerror(errno.EFBIG),)


def test_a_worker_has_its_limits_and_none_of_our_descriptors(tmp_path: Path) -> None:
    with open(tmp_path / "lock", "w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        os.set_inheritable(lock.fileno(), True)
        (seen,) = sift("facts").values
    assert seen["limits"] == [QUICK.memory_bytes, 0, 0]
    assert {link.partition(":")[0] for link in seen["links"]} <= {"pipe", "/dev/null", f"/proc/{os.getpid()}/fd"}
    assert sum(link.startswith("pipe:") for link in seen["links"]) == 3


def test_stray_prints_do_not_reach_the_answers() -> None:
    assert sift("print", "a").values == ("print", "a")


@pytest.mark.parametrize("words", ["no json", "[]", '{"at": "x", "values": []}', '{"end": "1"}', "[" * 100_000])
def test_a_worker_that_speaks_otherwise_is_not_believed_and_is_replaced(words: str) -> None:
    first, second = run(batch("a", f"garble {words}", "b"), batch("c"))
    assert isinstance(first, TaskFailed)
    assert isinstance(first.error, WorkerLost)
    assert second == TaskEnded("1", Sifted(("c",)))


def test_an_error_of_the_function_is_our_bug_and_the_worker_serves_on() -> None:
    first, second = run(batch("a", "raise", "b"), batch("c"))
    assert isinstance(first, TaskFailed)
    assert isinstance(first.error, OurError)
    assert first.error.seen == "ZeroDivisionError: by zero"
    assert second == TaskEnded("1", Sifted(("c",)))


@pytest.mark.parametrize("function", ["tests.exec.victims:absent", "tests.absent:act", "json"])
def test_a_function_that_is_not_there_is_our_bug(function: str) -> None:
    (result,) = run(Batch(function, (), ("a",)))
    assert isinstance(result, TaskFailed)
    assert isinstance(result.error, OurError)
    with pytest.raises(OurError, match="no function"):
        resolve(function)


def test_a_worker_that_cannot_begin_fails_its_batch_in_bounded_time(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "executable", "/bin/false")
    assert isinstance(fail("a"), WorkerLost)


def test_a_script_without_a_main_guard_is_not_run_again_in_the_workers(tmp_path: Path) -> None:
    script = tmp_path / "script.py"
    script.write_text(
        "import sys; sys.path.insert(0, sys.argv[1])\n"
        "from queue import SimpleQueue\n"
        "from kilotar.exec.batch import Batch\n"
        "from kilotar.exec.processes import ProcessExecutor\n"
        "print('run')\n"
        "inbox = SimpleQueue()\n"
        "with ProcessExecutor(2, inbox.put) as executor:\n"
        "    executor.submit('x', Batch('tests.exec.victims:act', (), ('a',)))\n"
        "    print(inbox.get().value.values)\n"
    )
    done = subprocess.run(
        [sys.executable, str(script), str(ROOT)], cwd=tmp_path, stdout=subprocess.PIPE, timeout=BOUND_S, check=True
    )
    assert done.stdout.decode() == "run\n('a',)\n"


def test_close_in_the_middle_ends_all_workers_and_puts_nothing() -> None:
    inbox: SimpleQueue[TaskResult] = SimpleQueue()
    executor = ProcessExecutor(2, inbox.put)
    for key in "abc":
        executor.submit(key, batch("hang"))
    pids = executor.pids
    begun = time.monotonic()
    executor.close()
    assert time.monotonic() - begun < 10
    assert len(pids) == 2
    assert not any(psutil.pid_exists(pid) for pid in pids)
    assert inbox.empty()


def until(condition: Callable[[], bool]) -> bool:
    """Wait for something that another process does, at most `BOUND_S`."""
    end = time.monotonic() + BOUND_S
    while not condition():
        if time.monotonic() > end:
            return False
        time.sleep(0.02)
    return True


def gone(pid: int) -> bool:
    try:
        return psutil.Process(pid).status() == psutil.STATUS_ZOMBIE
    except psutil.NoSuchProcess:
        return True


@pytest.fixture
def parent_with_workers(tmp_path: Path) -> Iterator[tuple[subprocess.Popen[bytes], list[int]]]:
    """A process with two workers that hang, and the workers' ids."""
    address = str(tmp_path / "s")
    program = f"from tests.exec.victims import tell_pids_and_hang; tell_pids_and_hang({address!r})"
    with socket.socket(socket.AF_UNIX) as listening:
        listening.bind(address)
        listening.listen()
        listening.settimeout(BOUND_S)
        parent = subprocess.Popen([sys.executable, "-c", program], cwd=ROOT)
        try:
            line, _ = listening.accept()
            with line, line.makefile() as lines:
                yield parent, json.loads(lines.readline())
        finally:
            parent.kill()
            parent.wait()


def test_no_worker_outlives_a_parent_that_was_killed(
    parent_with_workers: tuple[subprocess.Popen[bytes], list[int]],
) -> None:
    parent, pids = parent_with_workers
    assert len(pids) == 2
    assert not any(gone(pid) for pid in pids)
    parent.kill()
    parent.wait()
    assert until(lambda: all(gone(pid) for pid in pids))


def refuse_processes_after(allowed: int, monkeypatch: pytest.MonkeyPatch) -> None:
    """Have the system refuse further processes, as at a user's limit: fork's own EAGAIN."""
    start, count = child_module._start, [0]

    def refusing(beats: int, limits: WorkerLimits, inherits: tuple[int, ...]) -> subprocess.Popen[bytes]:
        count[0] += 1
        if count[0] > allowed:
            raise BlockingIOError(errno.EAGAIN, os.strerror(errno.EAGAIN))
        return start(beats, limits, inherits)

    monkeypatch.setattr(child_module, "_start", refusing)


def test_where_fewer_processes_can_be_had_fewer_do_the_work_and_say_so(monkeypatch: pytest.MonkeyPatch) -> None:
    refuse_processes_after(3, monkeypatch)
    events: list[Event] = []
    inbox: SimpleQueue[TaskResult] = SimpleQueue()
    with ProcessExecutor(4, inbox.put, emit=events.append) as executor:
        assert executor.free_slots == len(executor.pids) == 2
        executor.submit("a", batch("a"))
        assert inbox.get(timeout=BOUND_S) == TaskEnded("a", Sifted(("a",)))
    (note,) = events
    assert isinstance(note, Note)
    assert note.level == "warning"
    assert note.text.startswith("2 of 4 worker processes run")


def test_where_no_process_can_be_had_the_machine_is_blamed(monkeypatch: pytest.MonkeyPatch) -> None:
    before = set(os.listdir("/proc/self/fd"))
    refuse_processes_after(0, monkeypatch)
    with pytest.raises(WorkerLost, match="Resource temporarily unavailable"):
        ProcessExecutor(2, lambda result: None)
    assert set(os.listdir("/proc/self/fd")) == before


def test_at_the_users_own_limit_of_processes_the_work_is_done_by_fewer(tmp_path: Path) -> None:
    """The limit counts processes and threads by real user, and binds whoever may not lift it."""
    setpriv = need_tool("setpriv")
    need("root, to become a user without processes", os.getuid() == 0)
    other = [setpriv, f"--ruid={NOBODY}", "--bounding-set=-sys_admin,-sys_resource"]
    program = "from tests.exec.victims import work_at_limit; work_at_limit(processes=6, wanted=16)"
    done = subprocess.run(
        [*other, sys.executable, "-c", program], cwd=ROOT, timeout=BOUND_S, stdout=subprocess.PIPE, check=True
    )
    told = json.loads(done.stdout)
    assert told["results"] == [["a"]] * 8
    assert 1 <= told["workers"] < 6
    assert f"{told['workers']} of 16 worker processes run" in told["notes"][0]


def test_where_a_dead_worker_cannot_be_replaced_its_batch_fails(monkeypatch: pytest.MonkeyPatch) -> None:
    refuse_processes_after(1, monkeypatch)
    assert isinstance(fail("die"), WorkerLost)
