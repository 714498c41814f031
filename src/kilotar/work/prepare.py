"""`prepare`: from archives on disk to verified outputs. `plan` and `why`: the same, without doing it.

Rules guarded: one run at a time under a root; everything is looked at, and refused if need be, before the first byte is
written; the same request again goes on where it stopped.
"""

from __future__ import annotations

import tempfile
import time
from collections.abc import Iterator
from contextlib import closing, contextmanager
from dataclasses import replace
from pathlib import Path

from kilotar.events import Emit, Outcome, RunStarted, ignore
from kilotar.model.report import Forecast, Report, WhyRow
from kilotar.plan.steps import Reason, Step
from kilotar.sinks.base import find_sink, parse_options
from kilotar.store.disks import turns
from kilotar.store.lock import hold_lock
from kilotar.store.manifest import read_manifest
from kilotar.store.workspace import Workspace
from kilotar.work.ending import telling_end
from kilotar.work.forecast import forecast_run
from kilotar.work.gathering import Gatherer
from kilotar.work.inputs import Inputs
from kilotar.work.linking import find_tree, finished_trees
from kilotar.work.making import Making, Setting
from kilotar.work.output import Output
from kilotar.work.planning import plan_outputs
from kilotar.work.reporting import report_run
from kilotar.work.request import Request
from kilotar.work.settling import edition_for, settle
from kilotar.work.space import refuse_when_full
from kilotar.work.survey import Survey, survey

__all__ = ["plan", "prepare", "why"]


def prepare(request: Request, emit: Emit = ignore) -> Report:
    """Make every output that was asked for; give the report, which is also stored as `report.json`.

    Raises: KilotarError; KeyboardInterrupt after a clean stop, when the same request resumes.
    """
    started = time.monotonic()
    for name in request.formats:
        parse_options(find_sink(name), request.options_of(name))  # a wrong word is told before anything is made
    workspace = Workspace(request.root)
    edition = edition_for(request, workspace)
    settled = settle(request, edition, workspace)
    workspace.create()
    with (
        telling_end("prepare", emit),
        hold_lock(workspace.lock),
        closing(Inputs.open(workspace, edition, unverified=request.unverified, emit=emit)) as inputs,
    ):
        workspace.sweep()
        surveyed = survey(request, edition, workspace, inputs, emit)
        outputs = plan_outputs(request, surveyed, workspace)
        expected = forecast_run(request, surveyed, outputs, workspace, measure=False)
        refuse_when_full(expected)
        workspace.write_facts(settled)
        steps = sum(len(output.steps) for output in outputs if output.manifest is None)
        images = sum(step.images for step in expected.steps)
        emit(RunStarted("prepare", str(workspace.root), steps, images, expected.write_bytes))
        made = _make_all(request, surveyed, inputs, outputs, workspace, emit)
        return report_run(surveyed, inputs, made, outputs, workspace, time.monotonic() - started)


def plan(request: Request, emit: Emit = ignore) -> Forecast:
    """Say what `prepare` would do and need; nothing is changed. Raises as `prepare`, but for terms and space."""
    edition = edition_for(request, Workspace(request.root))
    with _untouched(request.root) as workspace:
        inputs = Inputs.look(workspace, edition, unverified=request.unverified, emit=emit)
        surveyed = survey(request, edition, workspace, inputs, emit)
        outputs = plan_outputs(request, surveyed, workspace)
        return forecast_run(request, surveyed, outputs, workspace, measure=True)


def why(request: Request, emit: Emit = ignore) -> tuple[WhyRow, ...]:
    """Give every step with what `prepare` would do with it, and the reason; nothing is changed. Raises as `plan`."""
    edition = edition_for(request, Workspace(request.root))
    rows: list[WhyRow] = []
    with _untouched(request.root) as workspace:
        inputs = Inputs.look(workspace, edition, unverified=request.unverified, emit=emit)
        surveyed = survey(request, edition, workspace, inputs, emit)
        for output in plan_outputs(request, surveyed, workspace):
            tree = find_tree(output, finished_trees(workspace), request.link)
            shares = tree is not None and output.manifest is None and output.shares_tree_with(tree)
            for step, reason in output.todo(output.recorded(workspace), surveyed.trusted):
                rows.append(_why(output, step, Reason.SHARED if shares else reason))
    return tuple(rows)


def _why(output: Output, step: Step, reason: Reason) -> WhyRow:
    outcome = Outcome.KEPT if reason in (Reason.RECORDED, Reason.SHARED) else Outcome.DONE
    return WhyRow(output.name, step.key, outcome, reason)


@contextmanager
def _untouched(root: Path) -> Iterator[Workspace]:
    """Give a workspace to look with: the root's own where it has one, else one whose state is thrown away."""
    workspace = Workspace(root)
    if workspace.state.is_dir():
        yield workspace
        return
    with tempfile.TemporaryDirectory(prefix="kilotar-plan-") as folder:
        workspace = Workspace(root, state=Path(folder))
        workspace.create()
        yield workspace


def _make_all(
    request: Request,
    surveyed: Survey,
    inputs: Inputs,
    outputs: tuple[Output, ...],
    workspace: Workspace,
    emit: Emit,
) -> tuple[Output, ...]:
    """Make what is not complete; give the outputs as they are then, in the order asked."""
    one_by_one = not request.jobs and any(turns(archive.local.path) for archive in surveyed.archives)
    slots = 1 if one_by_one else request.threads
    setting = Setting(surveyed, inputs, workspace, Gatherer(surveyed), slots, request.sync, emit)
    made: list[Output] = []
    for output in outputs:
        if output.manifest is None:
            Making(setting, output, find_tree(output, (*made, *finished_trees(workspace)), request.link)).run()
        made.append(replace(output, manifest=read_manifest(output.facts)))
    return tuple(made)
