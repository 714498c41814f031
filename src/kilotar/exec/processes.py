"""Processes: for work on hostile bytes (decoding), where a crash, a hang or a flood of memory must stay inside.

Rules guarded: a worker's death is seen at once and its batch goes on in a new one at the item it died under; that item
is tried again while no other worker works, so that one who died for want of memory has it all; an item that ends its
worker twice is given back as `Lost`, all others are done; nothing waits without a deadline; no worker outlives this
process, however it ends, and none holds a descriptor of it (a lock!).

Each worker belongs to one thread, which starts it, feeds it, watches it and replaces it.
"""

from __future__ import annotations

import dataclasses
import threading
from queue import SimpleQueue
from types import TracebackType
from typing import Self

from kilotar.errors import WorkerLost
from kilotar.events import Emit, Note, ignore
from kilotar.exec.base import Put, TaskResult
from kilotar.exec.batch import Batch, Lost, Sifted
from kilotar.exec.child import Child, Run, WorkerLimits
from kilotar.exec.gate import Gate
from kilotar.exec.threads import ThreadExecutor

__all__ = ["ProcessExecutor"]

_LIMITS = WorkerLimits()


class ProcessExecutor:
    """Runs batches in up to `workers` processes of their own; a `TaskEnded` holds a `Sifted`.

    Args:
        workers: how many are wanted. Where the system refuses more (EAGAIN, ENOMEM), as many as it gives, with a Note.
        put:     gets each result.
        limits:  of each worker.
        emit:    gets the Note.
    Raises: WorkerLost where not a single process can be started.
    """

    def __init__(self, workers: int, put: Put, *, limits: WorkerLimits = _LIMITS, emit: Emit = ignore) -> None:
        self._put = put
        self._limits = limits
        self._lock = threading.RLock()
        self._gate = Gate()
        self._children: set[Child] = set()
        self._closing = False
        self._idle: SimpleQueue[Child | None] = SimpleQueue()  # as many as threads; None is one to be started
        started = self._start(workers, emit)
        try:
            self._threads = ThreadExecutor(started, self._pass_on, name="kilotar-supervisor")
        except WorkerLost:
            self._drop(0)
            raise

    def _start(self, workers: int, emit: Emit) -> int:
        """Start the workers; where the system gives no more, half of them go again, to leave room for our threads."""
        for number in range(workers):
            try:
                self._idle.put(self._new_child())
            except OSError as error:
                if not number:
                    raise _no_process(error) from error
                keep = (number + 1) // 2
                self._drop(keep)
                emit(Note("warning", f"{keep} of {workers} worker processes run: {error.strerror} (see ulimit -u)"))
                return keep
        return workers

    def _drop(self, keep: int) -> None:
        while len(self._children) > keep:
            child = self._idle.get()
            if child:
                child.kill()
                child.close()
                self._still(child)

    @property
    def free_slots(self) -> int:
        return self._threads.free_slots

    @property
    def pids(self) -> tuple[int, ...]:
        """The processes at work now."""
        with self._lock:
            return tuple(child.pid for child in self._children)

    def submit(self, key: str, task: Batch) -> None:
        """Queue a batch. Raises: OurError after `close`."""
        self._threads.submit(key, lambda: self._sift(task))

    def close(self) -> None:
        """Drop what is not done, end all workers and wait until they are gone."""
        with self._lock:
            self._closing = True
            children = tuple(self._children)
        for child in children:
            child.kill()
        self._threads.close()
        for child in children:
            child.close()

    def _pass_on(self, result: TaskResult) -> None:
        with self._lock:
            if not self._closing:  # else it is the failure of a batch whose worker `close` has killed
                self._put(result)

    def _sift(self, batch: Batch) -> Sifted:
        """Do a batch; an item under which a worker dies is tried once more, by itself while no other work goes on."""
        values: list[object] = []
        lost: list[Lost] = []
        start = 0
        while start < len(batch.items):
            with self._gate.together():
                run = self._run(batch, slice(start, None))
            values += run.values
            if run.death is None:
                break
            start += max(run.at, 0)
            with self._gate.alone():
                again = self._run(batch, slice(start, start + 1))
            values += again.values
            if again.death:
                if again.at < 0:
                    raise WorkerLost(
                        "worker processes die before they begin",
                        seen=again.death.why,
                        fix="free memory, or use fewer jobs (-j 1)",
                    )
                lost.append(Lost(batch.items[start], again.death.kind, again.death.why))
            start += 1
        return Sifted(tuple(values), tuple(lost))

    def _run(self, batch: Batch, items: slice) -> Run:
        """Do items of a batch in an idle child, or in a new one where the last has died."""
        child = self._idle.get()
        try:
            child = child or self._new_child()
            return child.run(dataclasses.replace(batch, items=batch.items[items]))
        except OSError as error:
            raise _no_process(error) from error
        finally:
            self._idle.put(self._still(child))

    def _still(self, child: Child | None) -> Child | None:
        """Give the child if it can do more, else forget it."""
        if child is None or not child.is_over:
            return child
        with self._lock:
            self._children.discard(child)
        return None

    def _new_child(self) -> Child:
        with self._lock:
            if self._closing:
                raise WorkerLost("the executor was closed")
            child = Child(self._limits)
            self._children.add(child)
            return child

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()


def _no_process(error: OSError) -> WorkerLost:
    return WorkerLost(
        "no worker process can be started",
        seen=str(error),
        fix="raise the limit of processes (ulimit -u) or use fewer jobs",
    )
