"""Rules: a selection follows from names and seed alone; it is stable, nested, and capped for training images only."""

from __future__ import annotations

from collections import Counter
from itertools import pairwise, permutations

import pytest

from kilotar.errors import UsageError
from kilotar.model.sample import Split
from kilotar.model.table import Part, RowsBuilder, SampleTable
from kilotar.plan.selection import Choice, Selection, pick

CLASSES = {"n01440764": 30, "n01484850": 7, "n02012849": 20}


def class_tar(wnid: str, count: int, *, backwards: bool = False) -> Part:
    rows = RowsBuilder()
    numbers = range(count)
    for number in reversed(numbers) if backwards else numbers:
        rows.add(f"{wnid}_{number}.JPEG", 1000 * number, 10 + number)
    return Part(wnid, "train.tar", rows.rows(), [wnid], [0])


def train(*wnids: str, backwards: bool = False) -> SampleTable:
    return SampleTable(Split.TRAIN, (class_tar(wnid, CLASSES[wnid], backwards=backwards) for wnid in wnids or CLASSES))


def flat(split: Split) -> SampleTable:
    """Give the same images in two runs that cut through the classes."""
    samples = sorted((sample.name, sample.wnid) for sample in train())
    samples = samples[1::2] + samples[::2]
    parts = []
    for key, run in enumerate((samples[:25], samples[25:])):
        rows = RowsBuilder()
        for place, (name, _) in enumerate(run):
            rows.add(name, place, 1)
        parts.append(Part(f"{key:05d}", "flat.tar", rows.rows(), [wnid for _, wnid in run], [0] * len(run)))
    return SampleTable(split, parts)


def names(table: SampleTable, selection: Selection) -> set[str]:
    picked = pick(table, selection)
    assert list(picked) == [part.key for part in table.parts]
    found = [rows.name(row) for rows in picked.values() for row in range(len(rows))]
    assert len(found) == len(set(found))
    return set(found)


def counts(found: set[str]) -> dict[str, int]:
    return dict(Counter(name[:9] for name in found))


def test_a_cap_takes_so_many_of_each_class_and_all_of_a_smaller_one() -> None:
    assert counts(names(train(), Selection(per_class=10))) == {"n01440764": 10, "n01484850": 7, "n02012849": 10}


@pytest.mark.parametrize(
    ("fraction", "expected"), [(0.1, (3, 1, 2)), (0.001, (1, 1, 1)), (0.5, (15, 4, 10)), (1, (30, 7, 20))]
)
def test_a_share_is_of_each_class_and_never_none_of_it(fraction: float, expected: tuple[int, ...]) -> None:
    found = counts(names(train(), Selection(fraction=fraction)))

    assert tuple(found[wnid] for wnid in CLASSES) == expected


def test_the_choice_is_the_one_that_it_always_was() -> None:
    assert names(train("n01484850"), Selection(per_class=2, seed=0)) == {"n01484850_2.JPEG", "n01484850_5.JPEG"}


def test_the_order_of_the_archive_does_not_show_nor_do_its_parts() -> None:
    selection = Selection(per_class=5, seed=3)
    chosen = names(train(), selection)

    assert names(train(backwards=True), selection) == chosen
    assert all(names(train(*order), selection) == chosen for order in permutations(CLASSES))
    assert names(flat(Split.TRAIN), selection) == chosen


def test_what_is_taken_of_a_class_does_not_depend_on_other_classes_complaint_39() -> None:
    selection = Selection(per_class=5)

    assert names(train("n02012849"), selection) == {n for n in names(train(), selection) if n.startswith("n02012849")}


def test_a_smaller_choice_is_part_of_a_larger_one() -> None:
    by_number = [names(train(), Selection(per_class=count)) for count in range(1, 31)]
    by_share = [names(train(), Selection(fraction=share / 20)) for share in range(1, 21)]

    assert all(one < other or one == other == by_number[-1] for one, other in pairwise(by_number))
    assert all(one <= other for one, other in pairwise(by_share))


def test_another_seed_is_another_choice() -> None:
    assert names(train(), Selection(per_class=5, seed=1)) != names(train(), Selection(per_class=5, seed=2))


def test_rows_keep_the_order_of_the_archive_with_their_places() -> None:
    rows = pick(train("n01440764"), Selection(per_class=10))["n01440764"]

    assert list(rows.offsets) == sorted(rows.offsets)
    assert all(rows.name(row) == f"n01440764_{rows.offsets[row] // 1000}.JPEG" for row in range(len(rows)))


@pytest.mark.parametrize("split", [Split.VAL, Split.TEST])
def test_a_cap_leaves_other_splits_whole(split: Split) -> None:
    assert len(names(flat(split), Selection(per_class=1))) == sum(CLASSES.values())


@pytest.mark.parametrize("split", Split)
def test_a_list_is_of_the_splits_that_it_names_images_of(split: Split) -> None:
    listed = frozenset(("n01440764_3", "n02012849_19"))

    assert names(flat(split), Selection(names=listed)) == {f"{name}.JPEG" for name in listed}
    assert len(names(flat(split), Selection(names=frozenset(["ILSVRC2012_val_00000001"])))) == sum(CLASSES.values())


def test_a_cap_is_of_what_a_list_leaves() -> None:
    listed = frozenset(f"n01440764_{number}" for number in range(20))
    found = names(train(), Selection(per_class=5, names=listed))

    assert counts(found) == {"n01440764": 5} and found <= {f"{name}.JPEG" for name in listed}


@pytest.mark.parametrize(
    "wrong", [{"per_class": -1}, {"fraction": 1.5}, {"fraction": -0.1}, {"per_class": 1, "fraction": 0.1}]
)
def test_what_makes_no_sense_is_refused(wrong: dict[str, float]) -> None:
    with pytest.raises(UsageError):
        Selection(**wrong)  # type: ignore[arg-type]


def test_a_choice_is_the_same_for_the_same_images_and_says_no_seed_that_does_nothing() -> None:
    assert Selection(seed=7).choice == Choice() and not Selection(seed=7)
    one, other = Selection(names=frozenset("abc")), Selection(names=frozenset("cba"))
    assert one.choice == other.choice != Selection(names=frozenset("abd")).choice
    assert str(one.choice).startswith("the 3 images of a list, sha256 ")
