"""From a request and a survey to outputs: their recipes, their steps, and what stands in their way.

Rules guarded: an output is planned the same whoever asks (`prepare`, `plan`, `why`); what cannot be made, or may not be
kept, is refused here, before anything is written.
"""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

from kilotar.errors import LayoutRefused, SettingsDiffer, UsageError
from kilotar.model.edition import ArchiveRole, Edition
from kilotar.model.pixels import AS_PUBLISHED
from kilotar.parse.remote import Remote
from kilotar.plan.recipe import Recipe
from kilotar.plan.steps import Step
from kilotar.sinks.base import DataclassLike, Sink, as_shards, check_needs, find_sink, find_sinks
from kilotar.sinks.options import parse_options
from kilotar.store.manifest import Manifest, read_manifest
from kilotar.store.objects import open_store
from kilotar.store.workspace import Workspace
from kilotar.work.gathering import Gatherer
from kilotar.work.labels import edition_sha256
from kilotar.work.output import BOXES, Output, takes_annotations
from kilotar.work.outputs import begun_outputs
from kilotar.work.request import Request
from kilotar.work.sharding import Sharding
from kilotar.work.spool import Spool, spool_for
from kilotar.work.stored_plan import read_stored_plan, refuse_other_recipe
from kilotar.work.survey import Survey
from kilotar.work.territory import refuse_overlap

__all__ = ["lacks_pixels", "plan_outputs", "plan_shards", "plan_steps", "with_boxes"]


def plan_outputs(request: Request, surveyed: Survey, workspace: Workspace) -> tuple[Output, ...]:
    """Give the outputs of a request with their recipes and what is recorded of them.

    Raises: UsageError, SettingsDiffer; LayoutRefused where boxes are wanted and there are none; DigestMismatch.
    """
    if request.boxes and not surveyed.boxes and request.fetching is None:  # else they come
        _refuse_without_boxes(request, surveyed)
    outputs: list[Output] = []
    for name in dict.fromkeys(request.formats):
        output = _plan_output(request, name, surveyed, workspace)
        if output.is_new():
            refuse_overlap(output, (*begun_outputs(workspace), *outputs))
        outputs.append(output)
    return tuple(outputs)


def with_boxes(request: Request, edition: Edition) -> Request:
    """Give a request that asks for boxes where one of its formats, or all there is to say, is made of them.

    Raises: UsageError.
    """
    abouts = [find_sink(name).ABOUT for name in request.formats]
    are_needed = any(about.boxes or (about.shards and edition.is_detection) for about in abouts)
    return replace(request, boxes=request.boxes or are_needed)


def _refuse_without_boxes(request: Request, surveyed: Survey) -> None:
    archives = (a for a in surveyed.edition.archives if a.role is ArchiveRole.BOXES)
    names = [archive.name for archive in archives if archive.split in request.chosen_splits]
    if names:
        raise LayoutRefused(
            "there are no boxes beside the archives of images",
            seen=f"looked for {', '.join(names)}",
            fix="put one of them there, or leave --boxes out",
        )


def _plan_output(request: Request, name: str, surveyed: Survey, workspace: Workspace) -> Output:
    sink = find_sink(name)
    check_needs(sink)
    _refuse_without_classes(sink, surveyed)
    remote = request.out if isinstance(request.out, Remote) else None
    if remote is not None:
        _refuse_remote(sink, remote)
    options = parse_options(sink, request.options_of(name))
    spool = spool_for(sink, options, request.pixels, surveyed.edition, workspace)
    _refuse_xml(sink, request, spool)
    about = sink.ABOUT
    recipe = Recipe(
        edition=surveyed.edition.name,
        sink=name,
        sink_version=about.version,
        options=request.options_of(name),
        splits=tuple(archive.split.value for archive in surveyed.archives),
        classes=surveyed.classes,
        sources=surveyed.sources(),
        boxes=surveyed.box_sources(unverified=request.unverified) if _takes_boxes(sink) else (),
        edition_sha256=edition_sha256(surveyed.edition),
        choice=surveyed.selection.choice,
        pixels=spool.pixels if spool else AS_PUBLISHED,
        recoder=spool.recoder if spool else "",
    )
    facts = workspace.export(_name(request, sink))
    recipe, asked = _as_finished(recipe, facts), recipe
    folder = _folder(request, workspace, request.name or about.folder, recipe)
    stored = refuse_other_recipe(facts, recipe, remote or folder)
    manifest = read_manifest(facts) if stored else None
    if manifest is not None and not request.unverified:
        _refuse_let_in(manifest, surveyed, folder, facts)
    output = Output(sink, options, recipe, folder, facts, (), manifest, 0, None, remote, spool)
    if manifest is not None and not output.is_there(workspace):
        refuse_other_recipe(facts, asked, remote or folder)
        output = replace(output, manifest=None)
    return _with_steps(output, surveyed, workspace)


def _name(request: Request, sink: Sink) -> str:
    """Give the name of an output. Raises UsageError where it is that of another format."""
    name = request.name or sink.ABOUT.name
    if name != sink.ABOUT.name and name in {other.ABOUT.name for other in find_sinks()}:
        raise UsageError(f"--name {name} is the name of another format", seen=f"the format here is {sink.ABOUT.name}")
    return name


def _with_steps(output: Output, surveyed: Survey, workspace: Workspace) -> Output:
    """Give an output with its steps; of one that is finished and whose spool is gone those that were recorded."""
    lacks = output.spool is not None and lacks_pixels(output.spool, surveyed)
    if lacks and output.manifest is not None:
        done = {record.key: record.images for record in output.recorded(workspace)}
        steps = tuple(Step(key, "", 0, 0, images) for key, images in done.items())
        return replace(output, steps=steps, planned_steps=len(steps))
    sharding = plan_shards(output.sink, output.options, surveyed, output.spool)
    steps = sharding.steps() if sharding else _steps(surveyed, output.sink)
    return replace(output, steps=steps, planned_steps=len(steps), sharding=sharding, lacks_pixels=lacks)


def lacks_pixels(spool: Spool, surveyed: Survey) -> bool:
    """Tell whether images are still to be recoded. Raises ArchiveRefused, MachineError."""
    if not spool.has_images:
        return False
    is_coming = any(archive.is_coming for archive in surveyed.archives)
    return is_coming or spool.lacks_any(Gatherer(surveyed).gather(False), surveyed)


def _as_finished(recipe: Recipe, facts: Path) -> Recipe:
    """Give the recipe of an output that is finished, where only the releases that recode are others now."""
    stored = read_stored_plan(facts)
    if stored is None or read_manifest(facts) is None:
        return recipe
    then = replace(recipe, recoder=stored.recipe.recoder)
    return then if then.plan_id == stored.plan_id else recipe


def _refuse_xml(sink: Sink, request: Request, spool: Spool | None) -> None:
    if spool is not None and spool.pixels.resize and request.boxes and takes_annotations(sink):
        raise UsageError(
            f"format {sink.ABOUT.name} holds XML as published, whose boxes are of images as published",
            seen=f"--resize {spool.pixels.resize}",
            fix="leave --boxes or --resize out, or take a format that has boxes as numbers, such as coco",
        )


def _folder(request: Request, workspace: Workspace, usual: str, recipe: Recipe) -> Path:
    """Give where an output will stand, or where the files of one that will stand elsewhere are made."""
    if isinstance(request.out, Remote):
        return workspace.uploads(recipe.plan_id)
    return Path(request.out).absolute() if request.out else workspace.root / usual


def _refuse_remote(sink: Sink, remote: Remote) -> None:
    open_store(remote)
    if not sink.ABOUT.shards:
        able = ", ".join(other.ABOUT.name for other in find_sinks() if other.ABOUT.shards)
        raise UsageError(
            f"format {sink.ABOUT.name} cannot be written to {remote.scheme}://",
            seen="one object an image would be 1.3 million requests, and as many for each epoch",
            fix=f"take a format of shards: {able}",
        )


def _refuse_without_classes(sink: Sink, surveyed: Survey) -> None:
    if surveyed.edition.is_detection and not sink.ABOUT.detection:
        able = ", ".join(other.ABOUT.name for other in find_sinks() if other.ABOUT.detection)
        raise UsageError(
            f"format {sink.ABOUT.name} is for images of one class each",
            seen=f"those of {surveyed.edition.name} have boxes of many",
            fix=f"take one of: {able}",
        )


def _refuse_let_in(manifest: Manifest, surveyed: Survey, folder: Path, facts: Path) -> None:
    """Refuse to keep an output of other bytes than the published ones, which `--unverified` once let in."""
    digests = dict(manifest.sources)
    for about in (archive.local.about for archive in surveyed.archives):
        algorithm, published = about.digest
        if published and digests.get(about.name) not in about.published:
            raise SettingsDiffer(
                f"output {manifest.output} in {folder} was made with --unverified",
                seen=f"{about.name} was {digests.get(about.name)}, published {algorithm}:{published}",
                fix=f"say --unverified to keep it; to make it anew, remove {facts} and the output's folders",
            )


def plan_shards(sink: Sink, options: DataclassLike, surveyed: Survey, spool: Spool | None = None) -> Sharding | None:
    """Give the shards of an output; None for one of single files, and where the archives are not there yet.

    Args:
        spool: of recoded images; while it is not whole, the shards are what they would be of the published ones.
    Raises: UsageError, ArchiveRefused, MachineError.
    """
    shards = as_shards(sink)
    if shards is None or any(archive.is_coming for archive in surveyed.archives):
        return None
    collection = Gatherer(surveyed).gather(False, boxes=bool(surveyed.boxes))
    files = {archive.local.name: archive.local.path for archive in surveyed.archives}
    recoded = spool.over(collection, surveyed) if spool else None
    if spool is not None and recoded is not None:
        collection, files = recoded, files | spool.files(recoded)
    return Sharding.of(shards, options, collection, files)


def plan_steps(surveyed: Survey) -> tuple[Step, ...]:
    """Give the steps of an output of images, one a part that is known."""
    return tuple(step for archive in surveyed.archives for step in archive.steps(surveyed.chosen))


def _steps(surveyed: Survey, sink: Sink) -> tuple[Step, ...]:
    images = plan_steps(surveyed) if sink.ABOUT.images else ()
    boxes = surveyed.boxes if takes_annotations(sink) else ()
    return images + tuple(Step(f"{BOXES}{box.about.split}", "", 0, 0) for box in boxes)


def _takes_boxes(sink: Sink) -> bool:
    return takes_annotations(sink) or sink.ABOUT.shards or sink.ABOUT.boxes
