"""`get`: the archives, from peers and web servers, every piece proved; no output is made.

Rules guarded: terms are settled before the first byte; what is there is not fetched again, so that the same request
resumes and another adds to it; an archive that is whole gets its own name only then.
"""

from __future__ import annotations

import shlex
import time
from collections.abc import Callable
from contextlib import closing, nullcontext

from kilotar.events import Emit, Outcome, RunStarted, ignore
from kilotar.model.report import Report
from kilotar.plan.schedule import Scheduler
from kilotar.plan.steps import StepDone
from kilotar.store.lock import hold_lock
from kilotar.store.workspace import Workspace
from kilotar.work.arriving import Arrivals
from kilotar.work.ending import one_by_one, telling_end
from kilotar.work.engine import Engine, Job
from kilotar.work.extras import fetch_extras
from kilotar.work.forecast import forecast_run
from kilotar.work.inputs import Inputs
from kilotar.work.reporting import seeding_steps
from kilotar.work.request import Request
from kilotar.work.settling import edition_for, settle
from kilotar.work.space import refuse_when_full
from kilotar.work.survey import Survey, survey
from kilotar.work.unpacking import unpacked

__all__ = ["fetch_archives", "get"]


def get(request: Request, emit: Emit = ignore, *, kit: bool = False) -> Report:
    """Fetch and prove the archives of a request; its formats are not made.

    Args:
        kit: fetch the development kit too.
    Raises: as `prepare`.
    """
    started, emit = time.monotonic(), one_by_one(emit)
    workspace = Workspace(request.root)
    edition = edition_for(request, workspace)
    settled = settle(request, edition, workspace)
    workspace.create()
    with (
        telling_end("get", emit),
        hold_lock(workspace.lock),
        nullcontext(unpacked(request, edition, workspace, emit)) as (request, edition),
        closing(Inputs.open_for(request, workspace, edition, emit)) as inputs,
    ):
        workspace.sweep()
        extras = fetch_extras(request, edition, inputs, workspace.archives, emit, kit=kit)
        surveyed = survey(request, edition, workspace, inputs, emit, kits=False)
        expected = forecast_run(request, surveyed.foreseen(), (), workspace, inputs.downloads, measure=False)
        refuse_when_full(expected)
        workspace.write_facts(settled)
        emit(RunStarted("get", str(workspace.root), 0, 0, expected.write_bytes))
        surveyed = fetch_archives(surveyed, inputs, emit)
        inputs.settle()
        return _report(request, surveyed, inputs, workspace, bool(extras), time.monotonic() - started)


def fetch_archives(surveyed: Survey, inputs: Inputs, emit: Emit) -> Survey:
    """Bring and prove the archives; give the survey with the parts that are there then. Raises as `get`."""
    arrivals, proofs = Arrivals(surveyed), inputs.proofs()
    scheduler = Scheduler((), {n: p.total_bytes for n, p in proofs.items()}, growing=arrivals.names, slots=1)
    job = Job(scheduler, _no_step, proofs, _nothing, _record_none, _nothing, arrivals.outlines(lambda _, span: ()))
    Engine(job, 1, emit).run()
    return arrivals.settled()


def _no_step(key: str) -> Callable[[], StepDone]:
    raise AssertionError(f"nothing is written, and no step {key} was planned")


def _record_none(parts: tuple[StepDone, ...]) -> None:
    """No step was planned."""


def _nothing() -> None:
    """Pieces are kept as they land: there is nothing to commit and nothing to complete."""


def _report(
    request: Request, surveyed: Survey, inputs: Inputs, workspace: Workspace, extras: bool, seconds: float
) -> Report:
    archives = tuple(inputs.fact(archive.local.name) for archive in surveyed.archives)
    downloads = inputs.downloads.facts()
    came = extras or any(fact.brought for fact in downloads)
    return Report(
        verb="get",
        root=str(workspace.root),
        edition=surveyed.edition.name,
        outcome=Outcome.DONE if came else Outcome.KEPT,
        archives=archives,
        findings=surveyed.findings,
        seconds=seconds,
        verified=all(archive.published for archive in archives),
        next_steps=(_next_step(request, workspace), *seeding_steps(workspace, inputs)),
        downloads=downloads,
    )


def _next_step(request: Request, workspace: Workspace) -> str:
    """Give the command that makes something of what was fetched."""
    words = ["kilotar", "prepare", str(workspace.root)]
    for flag, values in (("--classes", request.classes), ("--splits", request.splits)):
        words += [flag, ",".join(values)] if values else []
    return shlex.join([*words, *(["--boxes"] if request.boxes else [])])
