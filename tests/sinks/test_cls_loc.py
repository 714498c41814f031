"""The CLS-LOC tree: its lists in the official form, the kit beside it, Kaggle's files on request."""

from __future__ import annotations

import csv
from pathlib import Path

import pytest

from kilotar.errors import LayoutRefused
from kilotar.model.sample import Split
from kilotar.sinks import cls_loc
from tests.doubles.collections import Small, make_small
from tests.doubles.folders import lay, tree

LISTS = "ImageSets/CLS-LOC"
TRUTH = "devkit/data/ILSVRC2015_clsloc_validation_ground_truth.txt"


@pytest.fixture
def laid(tmp_path: Path) -> Path:
    lay(cls_loc, make_small(), tmp_path, cls_loc.Options(kaggle=True))
    return tmp_path


def lines(folder: Path, path: str) -> list[str]:
    text = (folder / path).read_text()
    assert text.endswith("\n") and "\r" not in text
    return text.splitlines()


def test_images_and_xml_lie_in_parallel_trees(laid: Path) -> None:
    files = set(tree(laid))
    assert "Data/CLS-LOC/train/n01440764/n01440764_77.JPEG" in files
    assert "Data/CLS-LOC/val/ILSVRC2012_val_00000001.JPEG" in files
    assert "Data/CLS-LOC/test/ILSVRC2012_test_00000001.JPEG" in files
    assert "Annotations/CLS-LOC/val/ILSVRC2012_val_00000001.xml" in files
    xml = {path for path in files if path.startswith("Annotations/CLS-LOC/train/")}
    assert {path.replace("Annotations", "Data").replace(".xml", ".JPEG") for path in xml} < files


def test_train_cls_lists_every_image_by_class_and_name_numbered_from_1(laid: Path) -> None:
    found = lines(laid, f"{LISTS}/train_cls.txt")
    assert found[:4] == [
        "n01440764/n01440764_7 1",
        "n01440764/n01440764_77 2",
        "n01440764/n01440764_847 3",
        "n01484850/n01484850_78 4",
    ]
    assert len(found) == 15 and [line.split(" ")[1] for line in found] == [str(n) for n in range(1, 16)]


def test_val_and_test_are_listed_by_name_numbered_from_1(laid: Path) -> None:
    assert lines(laid, f"{LISTS}/val.txt") == [f"ILSVRC2012_val_{n:08d} {n}" for n in range(1, 8)]
    assert lines(laid, f"{LISTS}/test.txt") == [f"ILSVRC2012_test_{n:08d} {n}" for n in range(1, 4)]


def test_train_loc_lists_the_images_that_have_boxes(laid: Path) -> None:
    boxed = {path.stem for path in (laid / "Annotations/CLS-LOC/train").rglob("*.xml")}
    found = lines(laid, f"{LISTS}/train_loc.txt")
    assert {line.split(" ")[0].split("/")[1] for line in found} == boxed
    assert len(found) == len(boxed) == 14
    assert [line.split(" ")[1] for line in found] == [str(n) for n in range(1, 15)]


def test_without_boxes_there_is_no_train_loc_and_no_solution(tmp_path: Path) -> None:
    lay(cls_loc, make_small().without_boxes(), tmp_path, cls_loc.Options(kaggle=True))
    names = {path.name for path in tmp_path.rglob("*") if path.is_file()}
    assert "train_cls.txt" in names and "LOC_synset_mapping.txt" in names
    assert not {"train_loc.txt", "LOC_train_solution.csv", "LOC_val_solution.csv"} & names


def test_the_kits_tables_speak_in_ilsvrc_ids(laid: Path) -> None:
    assert lines(laid, "devkit/data/map_clsloc.txt") == [
        "n01484850 1 great_white_shark",
        "n03126707 2 crane",
        "n02093428 3 American_Staffordshire_terrier",
        "n01440764 4 tench",
        "n02012849 5 crane",
    ]
    by_label = {0: 4, 1: 1, 2: 5, 3: 3, 4: 2}
    labels = make_small().collection.edition.val_labels
    assert lines(laid, TRUTH) == [str(by_label[label]) for label in labels]


def book_validation(folder: Path) -> dict[str, str]:
    """Pair val.txt with the ground truth line by line, as book code does, and give the wnid by image."""
    wnids = {line.split()[1]: line.split()[0] for line in lines(folder, "devkit/data/map_clsloc.txt")}
    names = [line.split()[0] for line in lines(folder, f"{LISTS}/val.txt")]
    return dict(zip(names, (wnids[line] for line in lines(folder, TRUTH)), strict=True))


@pytest.mark.parametrize("small", [make_small(), make_small().only(["n01484850", "n03126707"])], ids=["all", "two"])
def test_val_and_ground_truth_pair_line_by_line_also_for_a_choice_of_classes(small: Small, tmp_path: Path) -> None:
    lay(cls_loc, small, tmp_path)
    truth = {sample.key: sample.wnid for sample, _ in small.samples() if sample.split == Split.VAL}
    assert book_validation(tmp_path) == truth


def test_kaggles_files_are_written_on_request_only(laid: Path, tmp_path_factory: pytest.TempPathFactory) -> None:
    assert sorted(path.name for path in laid.glob("LOC_*")) == [
        "LOC_sample_submission.csv",
        "LOC_synset_mapping.txt",
        "LOC_train_solution.csv",
        "LOC_val_solution.csv",
    ]
    plain = tmp_path_factory.mktemp("plain")
    lay(cls_loc, make_small(), plain)
    assert list(plain.rglob("LOC_*")) == []


def test_solutions_repeat_wnid_and_four_numbers_for_each_box(laid: Path) -> None:
    small = make_small()
    for split in (Split.TRAIN, Split.VAL):
        with (laid / f"LOC_{split}_solution.csv").open(newline="") as file:
            solved = {row["ImageId"]: row["PredictionString"].split() for row in csv.DictReader(file)}
        for sample, _ in small.samples():
            if sample.split == split:
                boxes = small.collection.boxes.of(sample.key)
                words = [str(w) for b in boxes for w in (b.wnid, b.xmin, b.ymin, b.xmax, b.ymax)]
                assert solved.get(sample.key, []) == words


def test_a_solution_ends_each_box_with_a_blank_as_kaggle_does(laid: Path) -> None:
    assert all(line.endswith(" ") for line in lines(laid, "LOC_val_solution.csv")[1:])


def test_the_mapping_is_sorted_by_wnid_and_has_all_words(laid: Path) -> None:
    assert lines(laid, "LOC_synset_mapping.txt")[0] == "n01440764 tench, Tinca tinca"
    assert lines(laid, "LOC_synset_mapping.txt") == sorted(lines(laid, "LOC_synset_mapping.txt"))


@pytest.mark.parametrize(
    ("path", "text", "why"),
    [
        (f"{LISTS}/val.txt", "ILSVRC2012_val_00099999 1\n", "no such image"),
        (f"{LISTS}/test.txt", "../../../../etc/passwd 1\n", "names the folder"),
        (f"{LISTS}/train_cls.txt", "n09999999/n09999999_1 1\n", "names the folder"),
        (f"{LISTS}/train_cls.txt", "\xff", "no such image|names the folder"),
        (TRUTH, "4\n", "val.txt has more"),
        (TRUTH, "6\n", "is no ilsvrc_id"),
        (TRUTH, "four\n", "is no ilsvrc_id"),
    ],
)
def test_a_list_that_does_not_fit_its_tree_is_refused(laid: Path, path: str, text: str, why: str) -> None:
    (laid / path).write_text(text, encoding="utf-8")
    with pytest.raises(LayoutRefused, match=why):
        list(cls_loc.read(laid, make_small().collection.edition))


def test_a_list_that_is_no_text_is_refused(laid: Path) -> None:
    (laid / LISTS / "val.txt").write_bytes(b"\xff\xfe\x00")
    with pytest.raises(LayoutRefused, match="is no text"):
        list(cls_loc.read(laid, make_small().collection.edition))
