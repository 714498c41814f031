"""From a request and a survey to outputs: their recipes, their steps, and what stands in their way.

Rules guarded: an output is planned the same whoever asks (`prepare`, `plan`, `why`); what cannot be made, or may not be
kept, is refused here, before anything is written.
"""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

from kilotar.errors import LayoutRefused, SettingsDiffer, UsageError
from kilotar.model.edition import ArchiveRole, Edition
from kilotar.parse.remote import Remote
from kilotar.plan.recipe import Recipe
from kilotar.plan.steps import Step
from kilotar.sinks.base import DataclassLike, Sink, as_shards, check_needs, find_sink, find_sinks, parse_options
from kilotar.store.manifest import Manifest, read_manifest
from kilotar.store.objects import open_store
from kilotar.store.workspace import Workspace
from kilotar.work.gathering import Gatherer
from kilotar.work.labels import edition_sha256
from kilotar.work.output import BOXES, Output, refuse_other_recipe, takes_annotations
from kilotar.work.request import Request
from kilotar.work.sharding import Sharding
from kilotar.work.survey import Survey

__all__ = ["plan_outputs", "plan_shards", "plan_steps", "with_boxes"]


def plan_outputs(request: Request, surveyed: Survey, workspace: Workspace) -> tuple[Output, ...]:
    """Give the outputs of a request with their recipes and what is recorded of them.

    Raises: UsageError, SettingsDiffer; LayoutRefused where boxes are wanted and there are none; DigestMismatch.
    """
    if request.boxes and not surveyed.boxes and request.fetching is None:  # else they come
        _refuse_without_boxes(request, surveyed)
    return tuple(_plan_output(request, name, surveyed, workspace) for name in dict.fromkeys(request.formats))


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
    )
    facts = workspace.export(name)
    folder = _folder(request, workspace, about.folder, recipe)
    stored = refuse_other_recipe(facts, recipe, remote or folder)
    manifest = read_manifest(facts) if stored else None
    if manifest is not None and not request.unverified:
        _refuse_let_in(manifest, surveyed, folder, facts)
    sharding = plan_shards(sink, options, surveyed)
    steps = sharding.steps() if sharding else _steps(surveyed, sink)
    output = Output(sink, options, recipe, folder, facts, steps, manifest, len(steps), sharding, remote)
    return output if output.is_there(workspace) else replace(output, manifest=None)


def _folder(request: Request, workspace: Workspace, usual: str, recipe: Recipe) -> Path:
    """Give where an output will stand, or where the files of one that will stand elsewhere are made."""
    if isinstance(request.out, Remote):
        return workspace.spool(recipe.plan_id)
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


def plan_shards(sink: Sink, options: DataclassLike, surveyed: Survey) -> Sharding | None:
    """Give the shards of an output; None for one of single files, and where the archives are not there yet.

    Raises: UsageError, ArchiveRefused, MachineError.
    """
    shards = as_shards(sink)
    if shards is None or any(archive.is_coming for archive in surveyed.archives):
        return None
    collection = Gatherer(surveyed).gather(False, boxes=bool(surveyed.boxes))
    return Sharding.of(shards, options, collection, {a.local.name: a.local.path for a in surveyed.archives})


def plan_steps(surveyed: Survey) -> tuple[Step, ...]:
    """Give the steps of an output of images, one a part that is known."""
    return tuple(step for archive in surveyed.archives for step in archive.steps(surveyed.chosen))


def _steps(surveyed: Survey, sink: Sink) -> tuple[Step, ...]:
    images = plan_steps(surveyed) if sink.ABOUT.images else ()
    boxes = surveyed.boxes if takes_annotations(sink) else ()
    return images + tuple(Step(f"{BOXES}{box.about.split}", "", 0, 0) for box in boxes)


def _takes_boxes(sink: Sink) -> bool:
    return takes_annotations(sink) or sink.ABOUT.shards or sink.ABOUT.boxes
