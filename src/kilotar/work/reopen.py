"""A root looked at again: its archives, parts and samples, as its plans and its index tell."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path

from kilotar.editions.load import load_edition
from kilotar.errors import LayoutRefused
from kilotar.events import ignore
from kilotar.model.edition import Edition
from kilotar.plan.recipe import Recipe
from kilotar.store.workspace import RootFacts, Workspace
from kilotar.work.inputs import Inputs
from kilotar.work.picking import pick_images
from kilotar.work.request import Request
from kilotar.work.settling import edition_source
from kilotar.work.survey import Survey, survey

__all__ = ["edition_of", "survey_again"]


def edition_of(facts: RootFacts) -> Edition:
    """Give the edition that a root was prepared from. Raises EditionRefused, UsageError."""
    return load_edition(edition_source(facts))


@contextmanager
def survey_again(
    workspace: Workspace,
    edition: Edition,
    *,
    splits: tuple[str, ...],
    recipe: Recipe | None = None,
    images: Path | None = None,
    proved: bool = False,
) -> Iterator[Survey]:
    """Survey the archives that a root remembers, for the samples of a recipe or of whole splits.

    Args:
        images: list of the images of the recipe, None for all.
        proved: refuse an archive whose digest was never taken as it lies there now.
    Raises: LayoutRefused where an archive is gone; as `survey`.
    """
    request = Request(
        root=workspace.root,
        splits=recipe.splits if recipe else splits,
        classes=recipe.classes if recipe else (),
        images=images,
        boxes=recipe is None or bool(recipe.boxes),
        unverified=True,  # what was let in once stays in; its digest is in the journal
    )
    with closing(Inputs.look(workspace, edition, unverified=True, emit=ignore)) as inputs:
        surveyed = survey(request, edition, workspace, inputs, ignore, kits=False)
        for archive in surveyed.archives if proved else ():
            if not inputs.is_proved(archive.local):
                raise LayoutRefused(
                    f"{archive.local.path} was not proved for this root",
                    seen="it is another file than the one that was, or has changed since",
                    fix=f"kilotar index {workspace.root}",
                )
        yield pick_images(surveyed)
