"""What was asked for an output that was begun, asked again by its name alone.

Rules guarded: whoever says nothing but the name means the output of that name as it is; whoever says more is taken at
their word; the request made here gives the plan that is stored, or is refused.
"""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

from kilotar.errors import UsageError
from kilotar.model.pixels import AS_PUBLISHED, PixelWish
from kilotar.plan.recipe import Recipe
from kilotar.store.workspace import Workspace
from kilotar.work.outputs import begun_output
from kilotar.work.request import Request

__all__ = ["recalled"]


def recalled(request: Request, workspace: Workspace) -> Request:
    """Give a request with the settings of the output that it names; itself where it says settings, or names none.

    Raises: UsageError for an output whose images a list chose; LayoutRefused.
    """
    if not request.name or not _is_bare(request):
        return request
    output = begun_output(request.name, workspace)
    if output is None:
        return request
    recipe = output.recipe
    if recipe.choice.images_sha256:
        raise UsageError(
            f"the images of output {request.name} were chosen by a list, which is not remembered",
            seen=str(recipe.choice),
            fix=f"say --for {recipe.sink} --images FILE and its other settings",
        )
    usual = workspace.root / (output.name if output.name != recipe.sink else output.sink.ABOUT.folder)
    choice = recipe.choice
    return replace(
        request,
        formats=(recipe.sink,),
        name=request.name if request.name != recipe.sink else "",
        splits=recipe.splits,
        classes=recipe.classes,
        per_class=choice.per_class,
        fraction=choice.fraction,
        seed=choice.seed if choice.per_class or choice.fraction else None,
        boxes=bool(recipe.boxes),
        options=tuple((recipe.sink, name, word) for name, word in recipe.options),
        out=output.remote or (output.folder if output.folder != Path(usual) else None),
        pixels=_wish(recipe),
        unverified=request.unverified or not all(source.is_published for source in (*recipe.sources, *recipe.boxes)),
    )


def _is_bare(request: Request) -> bool:
    """Tell whether a request says nothing of what its output is to be."""
    said = ("source", "fetching", "name", "edition", "unverified", "accept_terms", "jobs", "link", "sync")
    bare = Request(request.root, **{name: getattr(request, name) for name in said})
    return request == bare


def _wish(recipe: Recipe) -> PixelWish:
    pixels = recipe.pixels
    if pixels == AS_PUBLISHED:
        return PixelWish(odd="keep")
    return PixelWish(pixels.resize, pixels.quality, pixels.filter, pixels.odd or "keep")
