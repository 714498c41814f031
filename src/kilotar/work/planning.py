"""From a request and a survey to outputs: their recipes, their steps, and what stands in their way.

Rules guarded: an output is planned the same whoever asks (`prepare`, `plan`, `why`); what cannot be made, or may not be
kept, is refused here, before anything is written.
"""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

from kilotar.errors import LayoutRefused, SettingsDiffer
from kilotar.model.edition import ArchiveRole
from kilotar.plan.recipe import Recipe
from kilotar.plan.steps import Step
from kilotar.sinks.base import DataclassLike, Sink, as_shards, check_needs, find_sink, parse_options
from kilotar.store.manifest import Manifest, read_manifest
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


def with_boxes(request: Request) -> Request:
    """Give a request that asks for boxes where one of its formats is made of them. Raises UsageError."""
    return replace(request, boxes=request.boxes or any(find_sink(name).ABOUT.boxes for name in request.formats))


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
    )
    folder = Path(request.out).absolute() if request.out else (workspace.root / about.folder)
    facts = workspace.export(name)
    stored = refuse_other_recipe(facts, recipe, folder)
    manifest = read_manifest(facts) if stored else None
    if manifest is not None and not request.unverified:
        _refuse_let_in(manifest, surveyed, folder, facts)
    sharding = plan_shards(sink, options, surveyed)
    steps = sharding.steps() if sharding else _steps(surveyed, sink)
    output = Output(sink, options, recipe, folder, facts, steps, manifest, len(steps), sharding)
    return output if output.is_there(workspace) else replace(output, manifest=None)


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
