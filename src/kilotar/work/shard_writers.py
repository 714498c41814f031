"""Shards written by processes: each reads the archive and writes whole files, so that none waits for another's lock.

Rules guarded: what crosses is the plan, once, by a file that they inherit and map, then keys of shards, and what became
of them; never bytes of an image. A shard is the same whoever writes it. Where processes are not worth their start, or
cannot be had, the threads that ask write by themselves.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator, Sequence
from functools import lru_cache, partial
from pathlib import Path
from typing import Any

import msgspec

from kilotar import errors
from kilotar.errors import KilotarError, OurError, WorkerLost, storage_error
from kilotar.events import Emit, Note
from kilotar.exec.base import TaskEnded, TaskFailed, perform
from kilotar.exec.batch import Batch
from kilotar.exec.child import WorkerLimits
from kilotar.exec.pool import ProcessPool
from kilotar.model.seams import Written
from kilotar.plan.steps import Step, StepDone
from kilotar.work.handover import Handover, taken
from kilotar.work.sharding import Sharding

__all__ = ["ShardCrew", "ShardWriter", "write_shards"]

# A disk may take as long as it takes: writers in threads are not timed either.
_LIMITS = WorkerLimits(item_s=math.inf, memory_bytes=-1, file_bytes=-1)
_FUNCTION = f"{__name__}:write_shards"
_WORTH_IMAGES = 2_000  # a process begins its work 0.1 s of CPU after its start
_IMAGE_BYTES = 110_000


class ShardCrew:
    """Processes that write the shards of all outputs of a run. Use and close it in a thread that outlives the run.

    Args:
        processes: how many may be at work at once; with one, threads write.
        folder:    on whose file system there is room for plans.
        emit:      is told where fewer processes can be had.
    """

    def __init__(self, processes: int, folder: Path, emit: Emit) -> None:
        self._processes = processes
        self._folder = folder
        self._emit = emit
        self._handover: Handover | None = None
        self._pool: ProcessPool | None = None

    def expect(self, archive_bytes: int) -> None:
        """Start the processes before it is known what they write, if that will be enough. Raises MachineError."""
        if self._processes > 1 and archive_bytes >= _WORTH_IMAGES * _IMAGE_BYTES:
            self._started()

    def hire(
        self, sharding: Sharding | None, steps: Sequence[Step], niceness: int, *, beside: bool
    ) -> ShardWriter | None:
        """Give what has shards written; None where they are not known yet, or too few. Raises MachineError.

        Args:
            steps:    those that are to be written, and others that are written at the same time.
            beside:   whether side files that are of one shard are written with it.
            niceness: by how much the processes give way from now on.
        """
        is_worth = min(self._processes, len(steps)) > 1 and sum(step.members for step in steps) >= _WORTH_IMAGES
        if sharding is None or not is_worth:
            return None
        handover, pool = self._started()
        if pool is None:
            return None
        pool.give_way(niceness)
        return ShardWriter(pool, handover.fd, handover.add(sharding), beside)

    def _started(self) -> tuple[Handover, ProcessPool | None]:
        """Give the file for plans and the processes, which are started once; None where none can be had."""
        if self._handover is None:
            self._handover = Handover(self._folder)
            try:
                self._pool = ProcessPool(
                    self._processes,
                    limits=_LIMITS,
                    inherits=(self._handover.fd,),
                    function=_FUNCTION,
                    emit=self._emit,
                )
            except WorkerLost as error:
                self._emit(Note("warning", f"{error.what}: {error.seen}; threads write instead, which takes longer"))
        return self._handover, self._pool

    def close(self) -> None:
        """End the processes."""
        if self._pool is not None:
            self._pool.close()
        if self._handover is not None:
            self._handover.close()


class ShardWriter:
    """Has the shards of one output written; many threads may ask at once.

    Args:
        pool:  the processes.
        fd, place: where they find the plan.
        with_beside: whether they write side files.
    Attributes:
        beside: side files that were written with their shards, by path.
    """

    def __init__(self, pool: ProcessPool, fd: int, place: int, with_beside: bool) -> None:
        self.beside: dict[str, Written] = {}
        self._pool = pool
        self._task = fd, place, with_beside

    @property
    def left_files(self) -> bool:
        """Whether a process died, whose temporary file may still be there."""
        return self._pool.deaths > 0

    def write(self, key: str, folder: Path, *, durable: bool) -> StepDone:
        """Write a shard as `Sharding.write` does. Raises as that; WorkerLost where two processes died of it."""
        sifted = self._pool.sift(Batch(_FUNCTION, (*self._task, str(folder), durable), (key,)))
        for lost in sifted.lost:
            raise WorkerLost(f"two processes died while they wrote {key}", seen=lost.why, fix="use fewer jobs (-j 1)")
        done, *more = sifted.values
        if isinstance(done, list):
            raise _error_of(*map(str, done))
        self.beside |= {file.path: file for file in msgspec.convert(more, list[Written])}
        return msgspec.convert(done, StepDone)


def write_shards(
    fd: int, place: int, with_beside: bool, folder: str, durable: bool, keys: Iterable[str]
) -> Iterator[list[Any]]:
    """Write shards in this process, below a folder.

    Gives of each, as JSON, its StepDone and the files beside it, or the error that stopped it.
    """
    sharding = _taken(fd, place)
    for key in keys:
        match perform(key, partial(_write, sharding, key, Path(folder), durable, with_beside)):
            case TaskEnded(_, written):
                yield list(map(msgspec.to_builtins, written))
            case TaskFailed(_, error):
                failed = storage_error(error, f"write {key}") if isinstance(error, OSError) else error
                yield [[type(failed).__name__, failed.what, failed.seen, failed.fix]]


def _write(sharding: Sharding, key: str, folder: Path, durable: bool, with_beside: bool) -> list[StepDone | Written]:
    beside = sharding.write_beside(key, folder, durable=durable) if with_beside else ()
    return [sharding.write(key, folder, durable=durable), *beside]


_taken = lru_cache(maxsize=8)(taken)  # of formats that share a read


def _error_of(name: str, what: str, seen: str, fix: str) -> KilotarError:
    """Give the error that another process met."""
    kind: type[KilotarError] = getattr(errors, name, OurError)
    return kind(what, seen=seen, fix=fix)
