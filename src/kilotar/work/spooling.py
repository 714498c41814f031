"""Recodes images into spools, a part at a time, in processes that may die of an image.

Rules guarded: a part is read once for all that is made of it; a part that is there is not made again; an image that
cannot be decoded, or kills or hangs its worker twice, is left out of the output and told by name (where only odd images
are converted it stays as it is, and is told); the order of ends never shows in what is written.
"""

from __future__ import annotations

import os
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import asdict, dataclass
from itertools import islice
from pathlib import Path
from queue import SimpleQueue
from typing import Any

from kilotar.errors import storage_error
from kilotar.events import Emit, Finding, Found, Outcome, StepEnded, StepStarted
from kilotar.exec.base import TaskFailed, TaskResult
from kilotar.exec.batch import Batch, Sifted
from kilotar.exec.child import WorkerLimits
from kilotar.exec.processes import ProcessExecutor
from kilotar.model.sample import Split
from kilotar.model.seams import Collection
from kilotar.model.table import Part, RowsBuilder
from kilotar.store.recoded import SpooledPart
from kilotar.work.recoding import BAD, DISK, MADE
from kilotar.work.spool import Spool
from kilotar.work.survey import Survey, SurveyedArchive

__all__ = ["fill_spools", "spool_part"]

_LIMITS = WorkerLimits(file_bytes=64 << 30)  # of a part; raw pixels of a thousand large photographs take a tenth


@dataclass(frozen=True, slots=True)
class _Job:
    """A part on its way into the spools that lack it."""

    key: str
    archive: SurveyedArchive
    part: Part
    spools: tuple[Spool, ...]
    rows: tuple[int, ...]
    files: tuple[Path, ...]

    def batch(self) -> Batch:
        rows, odd = self.part.rows, self.spools[0].is_odd
        items = ((rows.name(row), rows.offsets[row], rows.sizes[row]) for row in self.rows)
        targets = [[str(file), asdict(spool.pixels)] for file, spool in zip(self.files, self.spools, strict=True)]
        common = (str(self.archive.local.path.absolute()), targets)
        return Batch("kilotar.work.recoding:recode_extents", common, tuple((*item, odd(item[0])) for item in items))


def fill_spools(spools: Iterable[Spool], collection: Collection, surveyed: Survey, jobs: int, emit: Emit) -> None:
    """Recode what the spools lack of a collection, in `jobs` processes (0: one a core).

    Raises: MachineError; OurError; KeyboardInterrupt, after which the parts that are made are not made again.
    """
    parts = ((table.split, part) for table in collection.tables for part in table.parts)
    different = {(spool.pixels, spool.recoder): spool for spool in spools}
    _perform(_jobs(tuple(different.values()), parts, surveyed), jobs or os.cpu_count() or 1, emit)


def spool_part(spool: Spool, archive: SurveyedArchive, part: Part, emit: Emit) -> None:
    """Recode what a spool lacks of one part. Raises as `fill_spools`."""
    job = _begin((spool,), archive, part)
    if job is not None:
        _perform(iter((job,)), 1, emit)


def _jobs(spools: Sequence[Spool], parts: Iterable[tuple[Split, Part]], surveyed: Survey) -> Iterator[_Job]:
    for split, part in parts:
        archive = surveyed.archive_of(split)
        job = _begin(spools, archive, part) if archive is not None else None
        if job is not None:
            yield job


def _begin(spools: Sequence[Spool], archive: SurveyedArchive, part: Part) -> _Job | None:
    lacking = tuple(spool for spool in spools if spool.lacks(archive, part))
    if not lacking:
        return None
    rows = sorted({row for spool in lacking for row in spool.wanted(part)})
    files = tuple(spool.folder_of(archive).begin(part.key) for spool in lacking)
    return _Job(f"pixels/{archive.split}/{part.key}", archive, part, lacking, tuple(rows), files)


def _perform(waiting: Iterator[_Job], jobs: int, emit: Emit) -> None:
    """Do the jobs, few ahead of the workers; nothing is started where there are none."""
    first = next(waiting, None)
    if first is None:
        return
    inbox: SimpleQueue[TaskResult] = SimpleQueue()
    under_way: dict[str, _Job] = {}
    with ProcessExecutor(jobs, inbox.put, limits=_LIMITS, emit=emit) as executor:
        ahead = 2 * executor.free_slots

        def submit(job: _Job) -> None:
            under_way[job.key] = job
            emit(StepStarted(job.key))
            executor.submit(job.key, job.batch())

        submit(first)
        while under_way:
            for job in islice(waiting, ahead - len(under_way)):
                submit(job)
            result = inbox.get()
            _keep(under_way.pop(result.key), result, emit)


def _keep(job: _Job, result: TaskResult, emit: Emit) -> None:
    """Publish what a worker made of a part."""
    if isinstance(result, TaskFailed):
        error = result.error
        raise error if not isinstance(error, OSError) else storage_error(error, "recode images") from error
    sifted: Sifted = result.value
    answers: dict[str, Any] = dict(sifted.values)
    answers |= {lost.item[0]: [[BAD, lost.kind, lost.why]] * len(job.spools) for lost in sifted.lost}
    for number, (spool, file) in enumerate(zip(job.spools, job.files, strict=True)):
        part = _spooled(job, spool, {name: given[number] for name, given in answers.items()})
        spool.folder_of(job.archive).publish(job.part.key, file, part)
        for finding in part.findings:
            emit(Found(finding))
    emit(StepEnded(job.key, Outcome.DONE, len(job.rows), sum(job.part.rows.sizes[row] for row in job.rows)))


def _spooled(job: _Job, spool: Spool, answers: dict[str, list[Any]]) -> SpooledPart:
    rows, made, findings, dropped = RowsBuilder(), bytearray(), [], []
    known, where = job.part.rows, job.archive.local.name
    for row in spool.wanted(job.part):
        name, offset = known.name(row), known.offsets[row]
        answer = answers[name]
        if answer[0] == DISK:
            raise storage_error(OSError(answer[1], os.strerror(answer[1])), f"recode {where}: {name}")
        if answer[0] == BAD:
            end = "left out" if spool.pixels.every else "kept as it is"
            findings.append(Finding(answer[1], f"{where}: {name}", f"{answer[2]}; {end}", offset))
            if spool.pixels.every:
                dropped.append(name)
            else:
                rows.add(name, offset, known.sizes[row], known.digest(row) or bytes(32))
                made.append(0)
        elif answer[0] == MADE:
            rows.add(name, answer[1], answer[2], bytes.fromhex(answer[3]))
            made.append(1)
        else:
            rows.add(name, offset, known.sizes[row], bytes.fromhex(answer[1]))
            made.append(0)
    return SpooledPart(rows.rows(), bytes(made), tuple(findings), tuple(dropped))
