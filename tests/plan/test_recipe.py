"""Rule: everything that changes the bytes of an output is in its plan id, and equal wishes have equal ids."""

from __future__ import annotations

from dataclasses import fields, replace

import pytest

from kilotar.model.pixels import Pixels
from kilotar.plan.recipe import Recipe, Source
from kilotar.plan.selection import Choice

RECIPE = Recipe(
    edition="tiny",
    sink="imagefolder",
    sink_version=1,
    options=(("kaggle", "yes"),),
    splits=("train", "val"),
    classes=("n01440764",),
    sources=(Source("train.tar", "md5:aa"),),
    boxes=(Source("boxes.tgz", "md5:bb"),),
    edition_sha256="cc",
    choice=Choice(per_class=10, seed=1),
)
OTHER = {
    "edition": "ilsvrc2012",
    "sink": "torchvision",
    "sink_version": 2,
    "options": (("kaggle", "no"),),
    "splits": ("train",),
    "classes": (),
    "sources": (Source("train.tar", "md5:ab"),),
    "boxes": (),
    "edition_sha256": "dd",
    "choice": Choice(),
    "pixels": Pixels(resize="short:256"),
    "recoder": "pillow 12",
}


def test_every_field_is_tried_here() -> None:
    assert set(OTHER) == {field.name for field in fields(Recipe)}


@pytest.mark.parametrize("field", OTHER)
def test_each_field_changes_the_plan_id_and_is_named_as_the_difference(field: str) -> None:
    other = replace(RECIPE, **{field: OTHER[field]})  # type: ignore[arg-type]

    assert other.plan_id != RECIPE.plan_id
    (difference,) = other.differences(RECIPE)
    assert difference.startswith(f"{field}: ")
    assert difference.endswith(" then")


def test_equal_recipes_have_equal_ids_on_every_machine() -> None:
    assert replace(RECIPE, choice=Choice()).plan_id == "69d37f7580641ec1e11c914ff8301e66"
    assert replace(RECIPE).plan_id == RECIPE.plan_id
    assert replace(RECIPE).differences(RECIPE) == ()


def test_a_choice_is_told_in_words() -> None:
    other = replace(RECIPE, choice=Choice(fraction=0.01))

    assert other.differences(RECIPE) == ("choice: 1 % of each class, seed 0 now, 10 of each class, seed 1 then",)


def test_a_long_difference_is_cut_to_a_line() -> None:
    other = replace(RECIPE, classes=tuple(f"n{number:08d}" for number in range(1000)))

    assert len(other.differences(RECIPE)[0]) < 200


def test_two_names_cannot_run_into_each_other() -> None:
    one = replace(RECIPE, splits=("train", "val"), classes=())
    other = replace(RECIPE, splits=("train",), classes=("val",))

    assert one.plan_id != other.plan_id
