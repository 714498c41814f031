"""A pool of worker processes that threads hand batches to; how it meets deaths is told in test_processes."""

from __future__ import annotations

import os
import threading
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import psutil
import pytest

from kilotar.errors import WorkerLost
from kilotar.exec.batch import Batch, Sifted
from kilotar.exec.child import WorkerLimits
from kilotar.exec.pool import ProcessPool

QUICK = WorkerLimits(item_s=30.0, start_s=30.0)


def batch(*items: str) -> Batch:
    return Batch("tests.exec.victims:act", (), items)


@pytest.fixture
def pool() -> Iterator[ProcessPool]:
    with closing(ProcessPool(2, limits=QUICK)) as pool:
        yield pool


def test_threads_that_ask_at_once_get_each_their_own_values(pool: ProcessPool) -> None:
    got: dict[int, Sifted] = {}
    threads = [threading.Thread(target=lambda n=n: got.update({n: pool.sift(batch(str(n)))})) for n in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(60)
    assert got == {n: Sifted((str(n),)) for n in range(8)}


def test_a_death_is_counted_and_costs_nothing(pool: ProcessPool, tmp_path: Path) -> None:
    item = f"die-once {tmp_path / 'mark'}"
    assert pool.deaths == 0
    assert pool.sift(batch(item)) == Sifted((item,))
    assert pool.deaths == 1


def test_workers_inherit_the_descriptors_they_are_given_and_no_others(tmp_path: Path) -> None:
    given, kept = (os.open(tmp_path / name, os.O_CREAT | os.O_RDWR) for name in ("given", "kept"))
    os.set_inheritable(kept, True)
    try:
        with closing(ProcessPool(1, limits=QUICK, inherits=(given,))) as pool:
            (facts,) = pool.sift(batch("facts")).values
    finally:
        os.close(given)
        os.close(kept)
    assert str(tmp_path / "given") in facts["links"] and str(tmp_path / "kept") not in facts["links"]


def test_workers_give_way_also_those_that_come_later(pool: ProcessPool, tmp_path: Path) -> None:
    before = os.getpriority(os.PRIO_PROCESS, 0)
    pool.give_way(3)
    pool.give_way(2)
    pool.sift(batch(f"die-once {tmp_path / 'mark'}"))
    assert {os.getpriority(os.PRIO_PROCESS, pid) for pid in pool.pids} == {min(19, before + 3)}


@pytest.mark.parametrize("limit", [-1, 1 << 40])
def test_a_limit_that_is_none_is_not_set(limit: int) -> None:
    with closing(ProcessPool(1, limits=WorkerLimits(memory_bytes=limit, file_bytes=limit))) as pool:
        (facts,) = pool.sift(batch("facts")).values
    assert facts["limits"] == [limit, limit, 0]


def test_a_function_that_there_is_not_fails_with_its_batch_and_not_before() -> None:
    with closing(ProcessPool(1, limits=QUICK, function="tests.exec.victims:absent")) as pool:
        assert pool.sift(batch("a")) == Sifted(("a",))


def test_who_waits_when_the_workers_are_ended_fails(pool: ProcessPool, tmp_path: Path) -> None:
    mark, ends = tmp_path / "mark", []

    def wait() -> None:
        with pytest.raises(WorkerLost, match="were ended") as info:
            pool.sift(batch(f"hang {mark}"))
        ends.append(info.value)

    thread = threading.Thread(target=wait)
    thread.start()
    while not mark.exists():
        thread.join(0.01)
    pool.kill()
    thread.join(60)
    assert len(ends) == 1


def test_no_worker_is_left_and_no_descriptor() -> None:
    before = set(os.listdir("/proc/self/fd"))
    with closing(ProcessPool(3, limits=QUICK)) as pool:
        pids = pool.pids
    assert len(pids) == 3 and not any(psutil.pid_exists(pid) for pid in pids)
    assert set(os.listdir("/proc/self/fd")) == before
