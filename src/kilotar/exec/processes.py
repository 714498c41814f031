"""Processes: for work on hostile bytes (decoding), where a crash, a hang or a flood of memory must stay inside.

Rules guarded: those of `kilotar.exec.pool`; one result for each batch, in the caller's queue; nothing waits without a
deadline.

Each worker belongs to one thread at a time, which feeds it, watches it and replaces it.
"""

from __future__ import annotations

from types import TracebackType
from typing import Self

from kilotar.errors import WorkerLost
from kilotar.events import Emit, ignore
from kilotar.exec.base import Put, TaskResult
from kilotar.exec.batch import Batch
from kilotar.exec.child import WorkerLimits
from kilotar.exec.pool import ProcessPool
from kilotar.exec.threads import ThreadExecutor

__all__ = ["ProcessExecutor"]

_LIMITS = WorkerLimits()


class ProcessExecutor:
    """Runs batches in up to `workers` processes of their own; a `TaskEnded` holds a `Sifted`.

    Args:
        put:     gets each result.
        workers, limits, emit: as for `ProcessPool`.
    Raises: WorkerLost where not a single process can be started.
    """

    def __init__(self, workers: int, put: Put, *, limits: WorkerLimits = _LIMITS, emit: Emit = ignore) -> None:
        self._put = put
        self._pool = ProcessPool(workers, limits=limits, emit=emit)
        try:
            self._threads = ThreadExecutor(self._pool.workers, self._pass_on, name="kilotar-supervisor")
        except WorkerLost:
            self._pool.close()
            raise

    @property
    def free_slots(self) -> int:
        return self._threads.free_slots

    @property
    def pids(self) -> tuple[int, ...]:
        """The processes at work now."""
        return self._pool.pids

    def submit(self, key: str, task: Batch) -> None:
        """Queue a batch. Raises: OurError after `close`."""
        self._threads.submit(key, lambda: self._pool.sift(task))

    def close(self) -> None:
        """Drop what is not done, end all workers and wait until they are gone."""
        self._pool.kill()
        self._threads.close()
        self._pool.close()

    def _pass_on(self, result: TaskResult) -> None:
        if not self._pool.is_closing:  # else it is the failure of a batch whose worker `close` has killed
            self._put(result)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()
