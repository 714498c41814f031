"""Worker processes that any thread may hand a batch to and wait: a crash, a hang or a flood of memory stays inside.

Rules guarded: a worker's death is seen at once and its batch goes on in a new one at the item it died under; that item
is tried again while no other worker works, so that one who died for want of memory has it all; an item that ends its
worker twice is given back as `Lost`, all others are done; no worker outlives this process, however it ends, and none
holds a descriptor of it (a lock!) but those it is given.
"""

from __future__ import annotations

import dataclasses
import threading
from queue import SimpleQueue

from kilotar.errors import WorkerLost
from kilotar.events import Emit, Note, ignore
from kilotar.exec.batch import Batch, Lost, Sifted
from kilotar.exec.child import Child, Run, WorkerLimits
from kilotar.exec.gate import Gate
from kilotar.exec.threads import give_way

__all__ = ["ProcessPool"]

_LIMITS = WorkerLimits()


class ProcessPool:
    """Up to `workers` processes. The threads that start one must outlive it, but for those that replace a dead one.

    Args:
        workers: how many are wanted. Where the system refuses more (EAGAIN, ENOMEM), as many as it gives, with a Note.
        limits:  of each worker.
        inherits: descriptors that workers get, under their numbers.
        function: which a worker imports at its start; "": those of its batches when they come.
        emit:    gets the Note.
    Attributes:
        workers: how many there are.
        deaths: how many workers died so far.
    Raises: WorkerLost where not a single process can be started.
    """

    def __init__(
        self,
        workers: int,
        *,
        limits: WorkerLimits = _LIMITS,
        inherits: tuple[int, ...] = (),
        function: str = "",
        emit: Emit = ignore,
    ) -> None:
        self.deaths = 0
        self._inherits = inherits
        self._function = function
        self._niceness = 0
        self._limits = limits
        self._lock = threading.RLock()
        self._gate = Gate()
        self._children: set[Child] = set()
        self._closing = False
        self._idle: SimpleQueue[Child | None] = SimpleQueue()  # as many as workers; None is one to be started
        self.workers = self._start(workers, emit)

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
    def pids(self) -> tuple[int, ...]:
        """The processes at work now."""
        with self._lock:
            return tuple(child.pid for child in self._children)

    @property
    def is_closing(self) -> bool:
        return self._closing

    def give_way(self, niceness: int) -> None:
        """Make all workers nicer by so much than this process; never less nice than they are."""
        with self._lock:
            more, self._niceness = niceness - self._niceness, max(niceness, self._niceness)
            for child in self._children:
                give_way(more, child.pid)

    def sift(self, batch: Batch) -> Sifted:
        """Do a batch, and wait for it; an item under which a worker dies is tried again while no other work goes on.

        Raises: OurError where the function raised; WorkerLost where workers die before they begin, or after `kill`.
        """
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
            if again.death and self._closing:
                raise _ended()
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
            self.deaths += 1
            self._children.discard(child)
        return None

    def _new_child(self) -> Child:
        with self._lock:
            if self._closing:
                raise _ended()
            child = Child(self._limits, self._inherits, self._function)
            give_way(self._niceness, child.pid)
            self._children.add(child)
            return child

    def kill(self) -> None:
        """End all workers at once; what is waited for fails. From any thread."""
        with self._lock:
            self._closing = True
            children = tuple(self._children)
        for child in children:
            child.kill()

    def close(self) -> None:
        """End all workers and wait until they are gone; no thread may be within `sift` any more."""
        self.kill()
        for child in tuple(self._children):
            child.close()


def _ended() -> WorkerLost:
    return WorkerLost("the worker processes were ended")


def _no_process(error: OSError) -> WorkerLost:
    return WorkerLost(
        "no worker process can be started",
        seen=str(error),
        fix="raise the limit of processes (ulimit -u) or use fewer jobs",
    )
