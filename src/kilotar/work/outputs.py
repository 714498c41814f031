"""Outputs that were begun under a root, read back from their plans."""

from __future__ import annotations

from pathlib import Path

from kilotar.parse.remote import parse_place
from kilotar.plan.steps import Step
from kilotar.sinks.base import find_sink
from kilotar.sinks.options import parse_options
from kilotar.store.manifest import read_manifest
from kilotar.store.recoded import remove_spools
from kilotar.store.workspace import Workspace
from kilotar.work.output import Output
from kilotar.work.spool import FOLDER
from kilotar.work.stored_plan import read_stored_plan

__all__ = ["begun_output", "begun_outputs", "drop_spools"]


def begun_output(name: str, workspace: Workspace) -> Output | None:
    """Give an output as its plan tells of it, None where it was never begun. Raises LayoutRefused, UsageError."""
    facts = workspace.export(name)
    stored = read_stored_plan(facts)
    if stored is None:
        return None
    sink = find_sink(stored.recipe.sink)
    options = parse_options(sink, stored.recipe.options)
    steps: tuple[Step, ...] = ()
    place = parse_place(stored.folder, stored.endpoint)
    folder, remote = (Path(place), None) if isinstance(place, str) else (workspace.uploads(stored.plan_id), place)
    return Output(sink, options, stored.recipe, folder, facts, steps, read_manifest(facts), stored.steps, remote=remote)


def begun_outputs(workspace: Workspace) -> tuple[Output, ...]:
    """Give every output that was begun, sorted by name. Raises as `begun_output`."""
    begun = (begun_output(name, workspace) for name in workspace.exports())
    return tuple(output for output in begun if output is not None)


def drop_spools(workspace: Workspace) -> None:
    """Remove recoded images, unless an output that was begun and not finished waits for some. Raises MachineError."""
    waiting = (output for output in begun_outputs(workspace) if output.manifest is None)
    if all(output.recipe.pixels.is_nothing for output in waiting):
        remove_spools([workspace.state / FOLDER])
