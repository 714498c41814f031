"""A development kit checked in itself, and compared with an edition line by line."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from kilotar.editions.tiny import make_tiny
from kilotar.errors import LabelsRefused
from kilotar.model.edition import Edition
from kilotar.parse.devkit import Kit, KitClass, check_same_classes, compare_kit, parse_meta
from kilotar.parse.truth import MapRow
from tests.budget import budget

TABLE: dict[str, list[object]] = {
    "ILSVRC2012_ID": [1, 2, 3],
    "WNID": ["n00000005", "n00000003", "n00000009"],
    "words": ["five", "three", "number"],
    "gloss": ["", "", ""],
    "num_children": [0, 0, 2],
    "children": [[], [], [1, 2]],
    "num_train_images": [3, 4.0, 0],
}


@pytest.fixture(scope="module")
def edition(tmp_path_factory: pytest.TempPathFactory) -> Edition:
    return make_tiny(tmp_path_factory.mktemp("tiny"), classes=4, val=8).edition


@pytest.fixture(scope="module")
def kit(edition: Edition) -> Kit:
    """Give a kit that agrees with the edition."""
    number_of = {wnid: synset.ilsvrc_id for wnid, synset in edition.by_wnid.items()}
    rows = [
        KitClass(
            each.ilsvrc_id,
            each.wnid,
            each.words,
            each.gloss,
            each.train_images,
            tuple(number_of[below.wnid] for below in edition.by_wnid.values() if each.wnid in below.parents),
        )
        for each in sorted(edition.by_wnid.values(), key=lambda synset: synset.ilsvrc_id)
    ]
    truth = tuple(edition.classes[label].ilsvrc_id for label in edition.val_labels)
    return Kit(tuple(rows[:4]), tuple(rows[4:]), truth, (), "meta.mat", "truth.txt")


def test_a_table_is_parted_into_classes_and_what_stands_above() -> None:
    classes, internal = parse_meta(TABLE, "meta.mat")
    assert [each.wnid for each in classes] == ["n00000005", "n00000003"]
    assert classes[1].train_images == 4
    assert internal == (KitClass(3, "n00000009", "number", "", 0, (1, 2)),)


def test_the_columns_of_the_later_kits_are_read() -> None:
    table = {
        "ILSVRC2015_CLSLOC_ID": [1],
        "WNID": "n00000005",
        "name": "five",
        "description": "a digit",
        "num_train_images": 3,
    }
    assert parse_meta(table, "meta_clsloc.mat") == ((KitClass(1, "n00000005", "five", "a digit", 3),), ())


@pytest.mark.parametrize(
    ("changes", "named"),
    [
        ({"ILSVRC2012_ID": [1, 1, 3]}, "stands twice"),
        ({"ILSVRC2012_ID": [1, 5, 3]}, "must be 1 to 2, each once|child that is not in the table"),
        ({"ILSVRC2012_ID": [0, 1, 3]}, "must be 1 to 2, each once|child"),
        ({"ILSVRC2012_ID": [1, 2.5, 3]}, "row 2, ILSVRC2012_ID: must be a whole number"),
        ({"ILSVRC2012_ID": [1, float("nan"), 3]}, "row 2, ILSVRC2012_ID: must be a whole number"),
        ({"ILSVRC2012_ID": [1, float("inf"), 3]}, "row 2, ILSVRC2012_ID: must be a whole number"),
        ({"ILSVRC2012_ID": [1, "2", 3]}, "row 2, ILSVRC2012_ID: must be a whole number"),
        ({"ILSVRC2012_ID": [1, [], 3]}, "row 2, ILSVRC2012_ID: must be a whole number"),
        ({"WNID": ["n00000005", "n00000005", "n00000009"]}, "stands twice"),
        ({"WNID": ["n00000005", "n0000003", "n00000009"]}, "number 2: its WNID"),
        ({"WNID": ["n00000005", 3, "n00000009"]}, "row 2, WNID: must be a line of text"),
        ({"WNID": ["n00000005"]}, "the column wnid has 1 rows"),
        ({"words": ["five", "thr\x1bee", "number"]}, "row 2, words: must be a line of text"),
        ({"words": ["five", ["three"], "number"]}, "row 2, words: must be a line of text"),
        ({"num_train_images": [3, -4, 0]}, "row 2, num_train_images: must be a whole number"),
        ({"num_train_images": [3, 2.0**40, 0]}, "row 2, num_train_images: must be a whole number"),
        ({"children": [[], [], [1, 7]]}, "number 3: has a child that is not in the table"),
        ({"num_children": [1, 0, 1], "children": [[2], [], [1]]}, "must be 1 to 1, each once"),
        ({"num_children": [0, 0, 3]}, "row 3, num_children: 3, but 2 are listed"),
        ({"WNID": None}, "has no column WNID"),
        ({"words": None}, "has no column words or name"),
        ({"ILSVRC2012_ID": None}, "must have one column ILSVRC20XX_ID"),
        ({"ILSVRC2013_ID": [1, 2, 3]}, "must have one column ILSVRC20XX_ID"),
    ],
    ids=range(23),
)
def test_a_table_that_cannot_be_trusted_is_refused(changes: dict[str, list[object] | None], named: str) -> None:
    table = {name: column for name, column in {**TABLE, **changes}.items() if column is not None}
    with budget(), pytest.raises(LabelsRefused) as caught:
        parse_meta(table, "meta.mat")
    assert any(each in str(caught.value) for each in named.split("|"))


def test_two_tables_of_one_kit_must_agree() -> None:
    classes, _ = parse_meta(TABLE, "meta.mat")
    rows = [MapRow("n00000005", 1, "five"), MapRow("n00000003", 2, "three")]
    check_same_classes(classes, rows, "map_clsloc.txt")
    with pytest.raises(LabelsRefused, match="number 2 is n00000004"):
        check_same_classes(classes, [rows[0], MapRow("n00000004", 2, "four")], "map_clsloc.txt")
    with pytest.raises(LabelsRefused, match="has 1 classes"):
        check_same_classes(classes, rows[:1], "map_clsloc.txt")


def test_a_kit_that_agrees_has_no_finding(kit: Kit, edition: Edition) -> None:
    assert compare_kit(kit, edition) == ()


def test_a_later_kit_without_the_hierarchy_agrees_as_well(kit: Kit, edition: Edition) -> None:
    short = tuple(
        KitClass(each.ilsvrc_id, each.wnid, each.words.split(",")[0].replace(" ", "_")) for each in kit.classes
    )
    assert compare_kit(replace(kit, classes=short, internal=()), edition) == ()


@pytest.mark.parametrize(
    ("field", "value", "why"),
    [
        ("wnid", "n00000001", "wnid: expected"),
        ("words", "thing", "words: expected"),
        ("gloss", "a thing", "gloss: expected"),
        ("train_images", 5, "train images: expected 4, found 5"),
    ],
)
def test_a_class_that_differs_is_told_with_its_number(
    kit: Kit, edition: Edition, field: str, value: object, why: str
) -> None:
    changed = replace(kit.classes[1], **{field: value})  # type: ignore[arg-type]
    findings = compare_kit(replace(kit, classes=(kit.classes[0], changed, *kit.classes[2:])), edition)
    first = findings[0]
    assert (first.kind, first.where, first.is_problem) == ("label", "meta.mat, number 2", True)
    assert why in first.why


def test_each_line_of_the_ground_truth_that_differs_is_told(kit: Kit, edition: Edition) -> None:
    truth = list(kit.val_ilsvrc_ids)
    truth[2], truth[5] = truth[2] % 4 + 1, truth[5] % 4 + 1
    findings = compare_kit(replace(kit, val_ilsvrc_ids=tuple(truth)), edition)
    assert [finding.where for finding in findings] == ["truth.txt, line 3", "truth.txt, line 6"]
    assert findings[0].why == f"expected {kit.val_ilsvrc_ids[2]}, found {truth[2]}"


def test_a_ground_truth_in_the_other_order_is_told_as_such(kit: Kit, edition: Edition) -> None:
    swapped = tuple(label + 1 for label in edition.val_labels)
    findings = compare_kit(replace(kit, val_ilsvrc_ids=swapped), edition)
    assert "sorted-wnid order" in findings[0].why
    assert len(findings) == 1 + 8  # no number of this edition is its label plus one


def test_another_number_of_lines_or_classes_is_told(kit: Kit, edition: Edition) -> None:
    shorter = replace(kit, val_ilsvrc_ids=kit.val_ilsvrc_ids[:-1])
    assert [finding.why for finding in compare_kit(shorter, edition)] == ["expected 8 lines, found 7"]
    fewer = replace(kit, classes=kit.classes[:3], internal=())
    assert "expected 4 classes" in compare_kit(fewer, edition)[0].why


def test_a_child_that_differs_is_told(kit: Kit, edition: Edition) -> None:
    top = next(each for each in kit.internal if each.children)
    changed = replace(top, children=top.children[1:])
    internal = tuple(changed if each is top else each for each in kit.internal)
    findings = compare_kit(replace(kit, internal=internal), edition)
    assert [finding.where for finding in findings] == [f"meta.mat, number {top.ilsvrc_id}"]
    assert "children: " in findings[0].why


def test_the_kit_of_another_edition_is_told_quickly(kit: Kit, tmp_path: Path) -> None:
    other = make_tiny(tmp_path, classes=4, val=8, seed=9).edition
    with budget():
        assert compare_kit(kit, other)
