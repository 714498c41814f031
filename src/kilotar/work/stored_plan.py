"""The plan of an output as it is remembered: what it was begun with, and where it stands.

Rules guarded: an output has one recipe for its life; another recipe under the same name is refused, never mixed in;
a path in the root is kept relative to it, so that a root may be moved.
"""

from __future__ import annotations

import os
from pathlib import Path

import msgspec

from kilotar.errors import LayoutRefused, SettingsDiffer
from kilotar.parse.remote import Remote
from kilotar.plan.recipe import Recipe
from kilotar.sinks.base import find_sink
from kilotar.store.files import publish, read_file
from kilotar.store.workspace import kept_path, standing_path

__all__ = ["StoredPlan", "read_stored_plan", "refuse_other_recipe", "write_stored_plan"]


class StoredPlan(msgspec.Struct, frozen=True):
    """`plan.json`: the recipe in words, its id, where the output stands, and how many steps it has.

    `folder` is the address of an output that is elsewhere; `endpoint` the one that was given with it. In the file the
    path of a folder in the root is relative to it (`rooted`; former releases kept it whole); here it is whole.
    """

    plan_id: str
    folder: str
    steps: int
    recipe: Recipe
    endpoint: str = ""
    rooted: bool = False


def write_stored_plan(facts: Path, recipe: Recipe, place: Path | Remote, steps: int) -> None:
    """Remember a plan in the folder of an output's facts, which is there. Raises MachineError."""
    kept, endpoint = (
        (str(place), place.endpoint) if isinstance(place, Remote) else (kept_path(str(place), _root_of(facts)), "")
    )
    stored = StoredPlan(recipe.plan_id, kept, steps, recipe, endpoint, rooted=True)
    publish(facts / "plan.json", [msgspec.json.format(msgspec.json.encode(stored), indent=1)])


def read_stored_plan(facts: Path) -> StoredPlan | None:
    """Give the plan of an output begun earlier, None where there is none. Raises LayoutRefused, MachineError."""
    content = read_file(facts / "plan.json")
    if content is None:
        return None
    try:
        stored = msgspec.json.decode(content, type=StoredPlan)
    except msgspec.DecodeError as error:
        raise LayoutRefused(f"{facts}/plan.json cannot be read", seen=str(error)) from error
    return msgspec.structs.replace(stored, folder=_standing(stored, facts))


def _root_of(facts: Path) -> Path:
    return facts.parents[2]


def _standing(stored: StoredPlan, facts: Path) -> str:
    """Give the whole path, or the address, of an output; also where a former release kept it and the root was moved."""
    root = _root_of(facts)
    if "://" in stored.folder:
        return stored.folder
    if stored.rooted or os.path.lexists(stored.folder):
        return standing_path(stored.folder, root)
    named = facts.name != stored.recipe.sink
    usual = facts.name if named else find_sink(stored.recipe.sink).ABOUT.folder
    here = [root / split for split in stored.recipe.splits] if usual == "." else [root / usual]
    fits = usual == "." or stored.folder.endswith(f"/{usual}")
    return os.path.normpath(root / usual) if fits and any(map(os.path.lexists, here)) else stored.folder


def refuse_other_recipe(facts: Path, recipe: Recipe, folder: Path | Remote) -> StoredPlan | None:
    """Give the stored plan of an output where it is the same recipe in the same folder, None where there is none.

    Raises: SettingsDiffer naming every difference.
    """
    stored = read_stored_plan(facts)
    if stored is None or (stored.plan_id == recipe.plan_id and stored.folder == str(folder)):
        return stored
    moved = () if stored.folder == str(folder) else (f"folder: {folder} now, {stored.folder} then",)
    raise SettingsDiffer(
        f"output {facts.name} was begun here with other settings",
        seen="; ".join((*recipe.differences(stored.recipe), *moved)),
        fix=f"use the same settings, or --name NAME for a second one beside it; to start over, remove {facts} and the "
        "output's folders",
    )
