"""`index`: the archives proved and every image hashed, in one pass, without writing an image.

Rules guarded: a part's rows are remembered when its images were hashed; what was indexed before is not read again
unless its archive is another file now; the archives are believed only when their proof is done.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from contextlib import closing, nullcontext

from kilotar.events import Emit, Finding, RunStarted, ignore
from kilotar.model.report import Report
from kilotar.plan.schedule import Scheduler
from kilotar.plan.steps import Step, StepDone
from kilotar.store.index import PartSpan
from kilotar.store.lock import hold_lock
from kilotar.store.workspace import Workspace
from kilotar.work.arriving import Arrivals
from kilotar.work.ending import one_by_one, telling_end
from kilotar.work.engine import Engine, Job
from kilotar.work.inputs import Inputs
from kilotar.work.reporting import report_run
from kilotar.work.request import Request
from kilotar.work.settling import edition_for, settle
from kilotar.work.survey import Survey, SurveyedArchive, survey
from kilotar.work.tasks import write_part
from kilotar.work.unpacking import unpacked

__all__ = ["index"]


def index(request: Request, emit: Emit = ignore) -> Report:
    """Index the archives of a request; its formats are not made.

    Raises: as `prepare`.
    """
    started, emit = time.monotonic(), one_by_one(emit)
    workspace = Workspace(request.root)
    edition = edition_for(request, workspace)
    settled = settle(request, edition, workspace, terms=request.fetching is not None)
    workspace.create()
    with (
        telling_end("index", emit),
        hold_lock(workspace.lock),
        nullcontext(unpacked(request, edition, workspace, emit)) as (request, edition),
        closing(Inputs.open_for(request, workspace, edition, emit)) as inputs,
    ):
        workspace.sweep()
        surveyed = survey(request, edition, workspace, inputs, emit)
        workspace.write_facts(settled)
        surveyed, findings = _index_all(surveyed, inputs, request.threads, emit)
        inputs.settle()
        surveyed = surveyed.standing(inputs.found)
        return report_run(surveyed, inputs, (), (), workspace, time.monotonic() - started, findings, verb="index")


def _index_all(surveyed: Survey, inputs: Inputs, slots: int, emit: Emit) -> tuple[Survey, tuple[Finding, ...]]:
    arrivals = Arrivals(surveyed)
    spans = {f"{a.split}/{span.key}": (a, span) for a in surveyed.archives for span in a.chosen_parts(surveyed.chosen)}
    steps = [step for archive in surveyed.archives for step in archive.steps(surveyed.chosen)]
    waiting = [step for step in steps if not _is_hashed(*spans[step.key])]
    proofs = inputs.proofs()
    emit(RunStarted("index", "", len(waiting), -1, 0))
    findings: list[Finding] = []

    def write(key: str) -> Callable[[], StepDone]:
        archive, span = spans[key]
        return lambda: write_part(archive.task(span, None), lambda sample: sample.name, None)

    def steps_of(archive: SurveyedArchive, span: PartSpan) -> tuple[Step, ...]:
        step = archive.step(span)
        spans[step.key] = archive, span
        return () if _is_hashed(archive, span) else (step,)

    def record(parts: tuple[StepDone, ...]) -> None:
        findings.extend(finding for part in parts for finding in part.findings)

    scheduler = Scheduler(
        waiting,
        {name: proof.total_bytes for name, proof in proofs.items()},
        landed={a.local.name: a.local.size_bytes for a in surveyed.archives},
        growing=arrivals.names,
        slots=slots,
    )
    job = Job(scheduler, write, proofs, _nothing, record, _nothing, arrivals.outlines(steps_of))
    Engine(job, slots, emit).run()
    return arrivals.settled(), tuple(findings)


def _is_hashed(archive: SurveyedArchive, span: PartSpan) -> bool:
    rows = archive.index.read_part(span)
    return rows is not None and rows.has_digests


def _nothing() -> None:
    """The index is a cache: there is nothing to make durable and nothing to complete."""
