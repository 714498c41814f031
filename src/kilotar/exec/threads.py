"""Threads: for work that the kernel does (read, write, hash), where Python lets go of its lock.

Rules guarded: a free slot is given back before its result can be seen, so that whoever sees a result may submit at
once; threads are daemons, so that a stuck disk never keeps the interpreter from ending; after `close` no result comes.
"""

from __future__ import annotations

import os
import sys
import threading
import time
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from queue import SimpleQueue
from types import TracebackType
from typing import Self, TypeVar

from kilotar.errors import OurError, WorkerLost
from kilotar.exec.base import Put, Task, perform

__all__ = ["ThreadExecutor", "give_way", "map_in_order"]

CLOSE_GRACE_S = 10.0
Item = TypeVar("Item")
Answer = TypeVar("Answer")


def map_in_order(work: Callable[[Item], Answer], items: Iterable[Item], threads: int) -> Iterator[Answer]:
    """Give the answer to every item in the order of the items, worked on by threads.

    Raises: what `work` raised, when its turn comes.
    """
    with ThreadPoolExecutor(threads) as pool:
        yield from pool.map(work, items)


def give_way(niceness: int, process: int = 0) -> None:
    """Make another process, or the calling thread, nicer than it is; a hint.

    A thread has a niceness of its own on Linux alone.
    """
    if niceness > 0 and (process or sys.platform == "linux"):
        who = process or threading.get_native_id()
        with suppress(OSError):  # where it is forbidden, it is slower and nothing else
            os.setpriority(os.PRIO_PROCESS, who, os.getpriority(os.PRIO_PROCESS, who) + niceness)


class ThreadExecutor:
    """Runs tasks in `threads` threads, in the order of their submission.

    Args:
        threads: how many run at once, at least 1; fewer where the system gives no more.
        put:     gets each result, in the thread that made it; `SimpleQueue.put` fits.
        stop:    is set by `close`; a long task may look at it and return early.
        name:    of the threads, for a debugger.
        niceness: by how much the threads give way to others of this process, where the system can do that (Linux).
    Raises: WorkerLost where not a single thread can be started.
    """

    def __init__(
        self,
        threads: int,
        put: Put,
        *,
        stop: threading.Event | None = None,
        name: str = "kilotar",
        niceness: int = 0,
    ) -> None:
        if threads < 1:
            raise OurError(f"an executor needs a thread, not {threads}")
        self.stop = stop or threading.Event()
        self._put = put
        self._niceness = niceness
        self._tasks: SimpleQueue[tuple[str, Task] | None] = SimpleQueue()
        self._lock = threading.RLock()
        self._closing = self._closed = False
        self._threads = self._start(threads, name)
        self._free = len(self._threads)

    def _start(self, threads: int, name: str) -> list[threading.Thread]:
        """Start the threads, or as many as the system gives."""
        started: list[threading.Thread] = []
        for number in range(threads):
            thread = threading.Thread(target=self._work, name=f"{name}-{number}", daemon=True)
            try:
                thread.start()
            except RuntimeError as error:
                if not started:
                    raise WorkerLost("no thread can be started", seen=str(error), fix="ulimit -u unlimited") from error
                break
            started.append(thread)
        return started

    @property
    def free_slots(self) -> int:
        with self._lock:
            return max(0, self._free)

    def submit(self, key: str, task: Task) -> None:
        """Queue a task. Raises: OurError after `close`."""
        with self._lock:
            if self._closing:
                raise OurError(f"task {key} came after the executor was closed")
            self._free -= 1
        self._tasks.put((key, task))

    def close(self) -> None:
        """Set `stop`, drop what has not begun, and wait at most 10 s for what runs.

        What ends in that time is still `put`, so that finished work can be recorded; what ends later is not.
        """
        with self._lock:
            self._closing = True
        self.stop.set()
        for _ in self._threads:
            self._tasks.put(None)
        deadline = time.monotonic() + CLOSE_GRACE_S
        for thread in self._threads:
            thread.join(max(0.0, deadline - time.monotonic()))
        with self._lock:
            self._closed = True

    def _work(self) -> None:
        give_way(self._niceness)
        while (item := self._tasks.get()) is not None:
            key, task = item
            if self._closing:
                continue
            result = perform(key, task)
            with self._lock:
                self._free += 1
                if not self._closed:
                    self._put(result)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()
