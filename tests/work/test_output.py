"""Rules: an output has one recipe for its life; what is recorded is believed only after a look at the disk."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from kilotar.errors import LayoutRefused, MachineError, SettingsDiffer
from kilotar.plan.recipe import Recipe, Source
from kilotar.plan.steps import Reason, Step, StepDone
from kilotar.sinks.base import find_sink
from kilotar.store.workspace import Workspace
from kilotar.work.output import Output
from kilotar.work.stored_plan import read_stored_plan, refuse_other_recipe

TRAIN, VAL = Source("train.tar", "md5:aa"), Source("val.tar", "md5:bb")
RECIPE = Recipe("tiny", "imagefolder", 1, (), ("train", "val"), (), (TRAIN, VAL))
STEPS = (Step("train/n1", "train.tar", 0, 10), Step("val/00000", "val.tar", 0, 10))
CLASS = StepDone("train/n1", 2, 20, "00", "train/n1", exclusive=True)
FLAT = StepDone("val/00000", 2, 20, "00", "val", exclusive=False)


def output(root: Path, recipe: Recipe = RECIPE) -> Output:
    sink = find_sink(recipe.sink)
    facts = Workspace(root).export(recipe.sink)
    return Output(sink, sink.Options(), recipe, root, facts, STEPS, None, len(STEPS))


def reasons(made: Output, *records: StepDone, trusted: frozenset[str] = frozenset()) -> list[Reason]:
    return [reason for _, reason in made.todo(records, trusted)]


def stage(made: Output, *paths: str) -> None:
    for path in paths:
        target = made.staging.folder / path
        target.parent.mkdir(parents=True, exist_ok=True)
        target.touch()


def test_what_is_not_recorded_is_new(root: Path) -> None:
    assert reasons(output(root)) == [Reason.NEW, Reason.NEW]


def test_what_is_recorded_and_staged_is_kept(root: Path) -> None:
    made = output(root)
    stage(made, "train/n1/a", "train/n1/b", "val/n1/c", "val/n2/d")

    assert reasons(made, CLASS, FLAT) == [Reason.RECORDED, Reason.RECORDED]


def test_what_is_recorded_and_not_there_is_lost(root: Path) -> None:
    assert reasons(output(root), CLASS, FLAT) == [Reason.LOST, Reason.LOST]


@pytest.mark.parametrize("names", [("a",), ("a", "b", "c")])
def test_a_class_with_another_number_of_files_is_done_again(root: Path, names: tuple[str, ...]) -> None:
    made = output(root)
    stage(made, *(f"train/n1/{name}" for name in names))

    assert reasons(made, CLASS)[0] is Reason.CHANGED


def test_a_folder_that_steps_share_is_not_counted(root: Path) -> None:
    made = output(root)
    stage(made, "val/n1/c")

    assert reasons(made, FLAT)[1] is Reason.RECORDED


def test_a_file_where_a_class_should_be_is_lost(root: Path) -> None:
    made = output(root)
    stage(made, "train/n1")

    assert reasons(made, CLASS)[0] is Reason.LOST


def test_once_moved_into_place_nothing_is_done_again(root: Path) -> None:
    """Single images that are gone are written anew before the manifest; a whole folder would find its name taken."""
    made = output(root)
    (root / "train").mkdir(parents=True)

    assert reasons(made, CLASS)[0] is Reason.RECORDED


def test_a_step_without_files_is_kept(root: Path) -> None:
    assert reasons(output(root), replace(CLASS, folder="", images=0))[0] is Reason.RECORDED


def test_a_step_from_an_archive_that_was_never_proved_is_done_again_when_the_archive_changed(root: Path) -> None:
    made = output(root)
    stage(made, "train/n1/a", "train/n1/b")
    record = replace(CLASS, source="then")

    assert reasons(made, record, trusted=frozenset({"now"}))[0] is Reason.OTHER_SOURCE
    assert reasons(made, record, trusted=frozenset({"now", "then"}))[0] is Reason.RECORDED


def test_a_plan_is_remembered_from_its_beginning(root: Path) -> None:
    made = output(root)
    assert made.is_new()

    made.begin()

    stored = read_stored_plan(made.facts)
    assert not made.is_new()
    assert stored is not None
    assert (stored.plan_id, stored.recipe, stored.steps, stored.folder) == (RECIPE.plan_id, RECIPE, 2, str(root))


def test_a_plan_that_cannot_be_kept_is_an_error_of_the_tree(root: Path) -> None:
    root.write_text("a file in the place of the root")

    with pytest.raises(MachineError, match="make the folder"):
        output(root).begin()


def test_the_same_recipe_in_the_same_folder_goes_on(root: Path) -> None:
    made = output(root)
    made.begin()

    assert refuse_other_recipe(made.facts, RECIPE, root) == read_stored_plan(made.facts)
    assert refuse_other_recipe(root / "none", RECIPE, root) is None


def test_every_difference_to_the_stored_recipe_is_named(root: Path) -> None:
    made = output(root)
    made.begin()
    other = replace(RECIPE, splits=("val",), classes=("n1",))

    with pytest.raises(SettingsDiffer) as caught:
        refuse_other_recipe(made.facts, other, root / "elsewhere")

    for word in ("splits: ", "classes: ", "folder: "):
        assert word in caught.value.seen


@pytest.mark.parametrize("content", [b"", b"{}", b"\xff"])
def test_a_damaged_plan_is_refused(root: Path, content: bytes) -> None:
    made = output(root)
    made.begin()
    (made.facts / "plan.json").write_bytes(content)

    with pytest.raises(LayoutRefused, match="cannot be read"):
        read_stored_plan(made.facts)


def test_the_names_that_an_output_takes_are_those_of_its_splits(root: Path) -> None:
    assert output(root).top_names() == {"train", "val"}
    assert output(root, replace(RECIPE, splits=("test",))).top_names() == {"test"}
    assert output(root, replace(RECIPE, sink="lists")).top_names() == frozenset()
    with_boxes = replace(RECIPE, sink="cls-loc", boxes=(TRAIN,))
    assert output(root, with_boxes).top_names() > output(root, replace(with_boxes, boxes=())).top_names()


@pytest.mark.parametrize(
    ("mine", "theirs", "holds"),
    [
        ({}, {}, True),
        ({}, {"classes": ("n1",)}, True),
        ({"classes": ("n1",)}, {}, False),
        ({"classes": ("n1", "n2")}, {"classes": ("n2",)}, True),
        ({"classes": ("n1",)}, {"classes": ("n1", "n2")}, False),
        ({"classes": ("n1", "n2")}, {"classes": ("n1", "n2")}, True),
        ({"classes": ("n1", "n2")}, {"classes": ("n2", "n3")}, False),
        ({}, {"splits": ("val",), "sources": (VAL,)}, True),
        ({"splits": ("val",), "sources": (VAL,)}, {}, False),
        ({"sources": (Source("train.tar", "md5:other"), VAL)}, {}, False),
        ({"sink": "lists"}, {}, False),
    ],
)
def test_a_tree_holds_the_images_of_an_output_that_needs_no_others(
    root: Path, mine: dict[str, str], theirs: dict[str, str], holds: bool
) -> None:
    one, other = output(root, replace(RECIPE, **mine)), output(root, replace(RECIPE, sink="cls-loc", **theirs))

    assert one.holds_images_of(other) is holds


def test_a_tree_is_shared_only_in_the_same_place_with_the_same_choice(root: Path) -> None:
    one = output(root)

    assert one.shares_tree_with(output(root, replace(RECIPE, sink="torchvision")))
    assert not one.shares_tree_with(output(root / "other", replace(RECIPE, sink="torchvision")))
    assert not one.shares_tree_with(output(root, replace(RECIPE, sink="torchvision", classes=("n1",))))
    assert not one.shares_tree_with(output(root, replace(RECIPE, sink="cls-loc")))
