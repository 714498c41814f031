"""`prepare`: from archives on disk to verified outputs. `plan` and `why`: the same, without doing it.

Rules guarded: one run at a time under a root; everything is looked at, and refused if need be, before the first byte is
written; the same request again goes on where it stopped.
"""

from __future__ import annotations

import tempfile
import time
from collections.abc import Iterator
from contextlib import ExitStack, closing, contextmanager, nullcontext
from dataclasses import replace
from pathlib import Path

from kilotar.events import Emit, Note, Outcome, RunStarted, ignore
from kilotar.model.edition import Edition
from kilotar.model.report import Forecast, Report, WhyRow
from kilotar.plan.steps import Reason, Step
from kilotar.sinks.base import find_sink
from kilotar.sinks.options import parse_options
from kilotar.store.disks import turns
from kilotar.store.lock import hold_lock
from kilotar.store.manifest import read_manifest
from kilotar.store.workspace import Workspace
from kilotar.work.early_shards import can_be_early
from kilotar.work.ending import one_by_one, telling_end
from kilotar.work.extras import fetch_extras
from kilotar.work.forecast import forecast_run
from kilotar.work.gathering import Gatherer
from kilotar.work.get import fetch_archives
from kilotar.work.inputs import Inputs
from kilotar.work.linking import find_tree, finished_trees
from kilotar.work.making import Making, Setting
from kilotar.work.output import Output
from kilotar.work.outputs import drop_spools
from kilotar.work.packed import find_packed
from kilotar.work.picking import is_unpicked, pick_images
from kilotar.work.planning import plan_outputs, with_boxes
from kilotar.work.recalling import recalled
from kilotar.work.reporting import report_run
from kilotar.work.request import Request
from kilotar.work.settling import edition_for, settle
from kilotar.work.shard_writers import ShardCrew
from kilotar.work.space import refuse_when_full
from kilotar.work.spooling import fill_spools
from kilotar.work.survey import Survey, survey
from kilotar.work.together import make_together, sharing_read
from kilotar.work.unpacking import unpack

__all__ = ["plan", "prepare", "why"]


def prepare(request: Request, emit: Emit = ignore) -> Report:
    """Make every output that was asked for; give the report, which is also stored as `report.json`.

    Raises: KilotarError; KeyboardInterrupt after a clean stop, when the same request resumes.
    """
    started, emit = time.monotonic(), one_by_one(emit)
    for name in request.formats:
        parse_options(find_sink(name), request.options_of(name))  # a wrong word is told before anything is made
    workspace = Workspace(request.root)
    edition = edition_for(request, workspace)
    request = with_boxes(request, edition)
    settled = settle(request, edition, workspace)
    workspace.create()
    with (
        telling_end("prepare", emit),
        hold_lock(workspace.lock),
        nullcontext(_unpacked(request, edition, workspace, emit)) as (request, edition),
        closing(Inputs.open_for(request, workspace, edition, emit)) as inputs,
        ExitStack() as stack,
    ):
        workspace.sweep()
        fetch_extras(request, edition, inputs, workspace.archives, emit)
        surveyed = survey(request, edition, workspace, inputs, emit)
        crew = stack.enter_context(closing(ShardCrew(_slots(request, surveyed), workspace.state, emit)))
        _expect(crew, request, surveyed, workspace)
        surveyed = pick_images(surveyed)
        outputs = plan_outputs(request, surveyed, workspace)
        foreseen = surveyed.foreseen()
        planned = outputs if foreseen is surveyed else plan_outputs(request, foreseen, workspace)
        expected = forecast_run(request, foreseen, planned, workspace, inputs.downloads, measure=False)
        refuse_when_full(expected)
        workspace.write_facts(settled)
        steps = sum(len(output.steps) for output in planned if output.manifest is None)
        images = sum(step.images for step in expected.steps)
        emit(RunStarted("prepare", str(workspace.root), steps, images, expected.write_bytes))
        for output in planned:
            for doubt in output.sharding.doubts() if output.sharding and output.manifest is None else ():
                emit(Note("warning", f"{output.name}: {doubt}"))
        surveyed, made = _make_all(request, surveyed, inputs, outputs, workspace, crew, emit)
        inputs.settle()
        return report_run(surveyed.standing(inputs.found), inputs, made, outputs, workspace, time.monotonic() - started)


def plan(request: Request, emit: Emit = ignore) -> Forecast:
    """Say what `prepare` would do and need; nothing is changed. Raises as `prepare`, but for terms and space."""
    edition = edition_for(request, Workspace(request.root))
    request = with_boxes(request, edition)
    with _untouched(request.root) as workspace:
        return _foresee(request, edition, workspace, emit, measure=True)


def _foresee(request: Request, edition: Edition, workspace: Workspace, emit: Emit, *, measure: bool) -> Forecast:
    request, edition, inputs = _look(request, workspace, edition, emit)
    surveyed = pick_images(survey(request, edition, workspace, inputs, emit)).foreseen()
    outputs = plan_outputs(request, surveyed, workspace)
    return forecast_run(request, surveyed, outputs, workspace, inputs.downloads, measure=measure)


def _unpacked(request: Request, edition: Edition, workspace: Workspace, emit: Emit) -> tuple[Request, Edition]:
    """Give request and edition with what a packed archive holds; refused first where all of it has no room."""
    packed = find_packed(request, edition, workspace)
    if packed is None:
        return request, edition
    if packed.local is not None and packed.current is None:
        refuse_when_full(_foresee(request, edition, workspace, ignore, measure=False))
    return unpack(packed, request, emit)


def why(request: Request, emit: Emit = ignore) -> tuple[WhyRow, ...]:
    """Give every step with what `prepare` would do with it, and the reason; nothing is changed. Raises as `plan`.

    A request that says no more than the name of an output that was begun is one for that output as it is.
    """
    request = recalled(request, Workspace(request.root))
    edition = edition_for(request, Workspace(request.root))
    request = with_boxes(request, edition)
    rows: list[WhyRow] = []
    with _untouched(request.root) as workspace:
        request, edition, inputs = _look(request, workspace, edition, emit)
        surveyed = pick_images(survey(request, edition, workspace, inputs, emit)).foreseen()
        for output in plan_outputs(request, surveyed, workspace):
            tree = find_tree(output, finished_trees(workspace), request.link)
            shares = tree is not None and output.manifest is None and output.shares_tree_with(tree)
            for step, reason in output.todo(output.recorded(workspace), surveyed.trusted):
                rows.append(_why(output, step, Reason.SHARED if shares else reason))
    return tuple(rows)


def _look(request: Request, workspace: Workspace, edition: Edition, emit: Emit) -> tuple[Request, Edition, Inputs]:
    """Give request and edition with what a packed archive holds or will hold, and inputs."""
    packed = find_packed(request, edition, workspace)
    made = packed and (packed.current if packed.local else packed.made)
    promised = packed.promised(request) if packed and not made else ()
    if packed and made:
        request, edition = packed.taken(request, made)
    inputs = Inputs.look(workspace, edition, unverified=request.unverified, emit=emit, fetching=request.fetching)
    inputs.promise(promised)
    return request, edition, inputs


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
    crew: ShardCrew,
    emit: Emit,
) -> tuple[Survey, tuple[Output, ...]]:
    """Make what is not complete; give the survey with all parts known, and the outputs as they are then, as asked."""
    slots = _slots(request, surveyed)
    made: list[Output] = []
    if is_unpicked(surveyed) and any(output.manifest is None for output in outputs):
        surveyed = pick_images(fetch_archives(surveyed, inputs, emit))  # the names of all images are known then
        outputs = plan_outputs(request, surveyed, workspace)
    for number in range(len(outputs)):
        output = outputs[number]
        is_unplanned = output.manifest is None and output.sink.ABOUT.shards and output.sharding is None
        must_be_proved = output.manifest is None and output.remote is not None  # nothing can be taken back there
        if must_be_proved or (is_unplanned and not can_be_early(output, surveyed)):
            surveyed = fetch_archives(surveyed, inputs, emit)  # which sample stands where is known with the last header
            outputs = plan_outputs(request, surveyed, workspace)
            output = outputs[number]
        if output.lacks_pixels and not can_be_early(output, surveyed):
            surveyed = _recode(request, surveyed, inputs, outputs, emit)
            outputs = plan_outputs(request, surveyed, workspace)
            output = outputs[number]
        beside = sharing_read(output, [(at, outputs[at]) for at in range(number + 1, len(outputs))])
        if beside:
            setting = Setting(surveyed, inputs, workspace, Gatherer(surveyed), slots, request.sync, emit, crew)
            make_together(setting, [outputs[at] for at in (number, *beside)])
            outputs = tuple(_as_stored(o) if at in (number, *beside) else o for at, o in enumerate(outputs))
        elif output.manifest is None:
            setting = Setting(surveyed, inputs, workspace, Gatherer(surveyed), slots, request.sync, emit, crew)
            tree = find_tree(output, (*made, *finished_trees(workspace)), request.link)
            surveyed = Making(setting, output, tree).run()
            if surveyed is not setting.survey:
                outputs = plan_outputs(request, surveyed, workspace)  # parts that arrived meanwhile are steps now
        made.append(_as_stored(outputs[number]))
    drop_spools(workspace)
    return surveyed, tuple(made)


def _slots(request: Request, surveyed: Survey) -> int:
    """Give how many may write at once: one beside a disk that turns."""
    turning = not request.jobs and any(turns(archive.local.path) for archive in surveyed.archives)
    return 1 if turning else request.threads


def _expect(crew: ShardCrew, request: Request, surveyed: Survey, workspace: Workspace) -> None:
    """Have the crew ready for shards that can be written at once."""
    unmade = (find_sink(name) for name in request.formats if read_manifest(workspace.export(name)) is None)
    if any(sink.ABOUT.shards for sink in unmade) and not any(archive.is_coming for archive in surveyed.archives):
        crew.expect(sum(archive.local.size_bytes for archive in surveyed.archives))


def _as_stored(output: Output) -> Output:
    return replace(output, manifest=read_manifest(output.facts))


def _recode(request: Request, surveyed: Survey, inputs: Inputs, outputs: tuple[Output, ...], emit: Emit) -> Survey:
    """Recode the images of all outputs in one pass; give the survey with all archives there."""
    if any(archive.is_coming for archive in surveyed.archives):
        surveyed = fetch_archives(surveyed, inputs, emit)
    spools = [output.spool for output in outputs if output.spool is not None and output.lacks_pixels]
    fill_spools(spools, Gatherer(surveyed).gather(False), surveyed, request.jobs, emit)
    return surveyed
