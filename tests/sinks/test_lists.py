"""Lists and tables, line by line."""

from __future__ import annotations

import csv
import json
from pathlib import Path

import pytest

from kilotar.errors import LayoutRefused
from kilotar.model.sample import Split
from kilotar.sinks import imagefolder, lists
from tests.doubles.collections import make_small
from tests.doubles.folders import lay, tree


@pytest.fixture
def laid(tmp_path: Path) -> Path:
    lay(lists, make_small(), tmp_path)
    return tmp_path


def lines(folder: Path, path: str) -> list[str]:
    text = (folder / path).read_text()
    assert text.endswith("\n") and "\r" not in text
    return text.splitlines()


def test_every_family_has_its_folder_and_its_names(laid: Path) -> None:
    assert sorted(tree(laid)) == [
        "caffe/synset_words.txt",
        "caffe/synsets.txt",
        "caffe/test.txt",
        "caffe/train.txt",
        "caffe/val.txt",
        "classes.tsv",
        "dinov2/extra/class-ids-TRAIN.npy",
        "dinov2/extra/class-ids-VAL.npy",
        "dinov2/extra/class-names-TRAIN.npy",
        "dinov2/extra/class-names-VAL.npy",
        "dinov2/extra/entries-TEST.npy",
        "dinov2/extra/entries-TRAIN.npy",
        "dinov2/extra/entries-VAL.npy",
        "dinov2/labels.txt",
        "keras/imagenet_class_index.json",
        "mmpretrain/meta/test.txt",
        "mmpretrain/meta/train.txt",
        "mmpretrain/meta/val.txt",
        "paddleclas/train_list.txt",
        "paddleclas/val_list.txt",
        "tfds/labels.txt",
    ]


def test_caffes_lists_give_path_blank_and_zero_based_label_complaint_34(laid: Path) -> None:
    train = lines(laid, "caffe/train.txt")
    assert train[:3] == [f"n01440764/n01440764_{number}.JPEG 0" for number in (7, 77, 847)]
    assert train[-1].startswith("n03126707/n03126707_") and train[-1].endswith(".JPEG 4")
    labels = make_small().collection.edition.val_labels
    assert lines(laid, "caffe/val.txt") == [f"ILSVRC2012_val_{n:08d}.JPEG {at}" for n, at in enumerate(labels, 1)]


def test_no_list_gives_a_test_image_a_label_that_could_be_taken_for_one_complaint_38(laid: Path) -> None:
    assert lines(laid, "caffe/test.txt") == [f"ILSVRC2012_test_{n:08d}.JPEG -1" for n in range(1, 4)]
    assert lines(laid, "mmpretrain/meta/test.txt") == [f"ILSVRC2012_test_{n:08d}.JPEG" for n in range(1, 4)]


def test_paddleclas_names_the_split_in_the_path_and_mmpretrain_does_not(laid: Path) -> None:
    for split in (Split.TRAIN, Split.VAL):
        plain = lines(laid, f"mmpretrain/meta/{split}.txt")
        assert lines(laid, f"paddleclas/{split}_list.txt") == [f"{split}/{line}" for line in plain]
        assert plain == lines(laid, f"caffe/{split}.txt")


def test_with_val_folders_the_paths_are_those_of_the_imagefolder_tree(tmp_path: Path) -> None:
    lay(imagefolder, make_small(), tmp_path)
    lay(lists, make_small(), tmp_path / "lists", lists.Options(val_folders=True))
    for split in (Split.TRAIN, Split.VAL):
        paths = [line.rpartition(" ")[0] for line in lines(tmp_path, f"lists/paddleclas/{split}_list.txt")]
        assert all((tmp_path / path).is_file() for path in paths)
        assert len(paths) == len(list((tmp_path / split).rglob("*.JPEG")))


def test_class_tables_are_in_label_order(laid: Path) -> None:
    wnids = ["n01440764", "n01484850", "n02012849", "n02093428", "n03126707"]
    assert lines(laid, "caffe/synsets.txt") == lines(laid, "tfds/labels.txt") == wnids
    words = lines(laid, "caffe/synset_words.txt")
    assert words[:2] == ["n01440764 tench, Tinca tinca", "n01484850 great white shark, white shark"]


def test_the_class_index_has_both_cranes_and_keras_underscores_complaint_35(laid: Path) -> None:
    index = json.loads((laid / "keras/imagenet_class_index.json").read_text())
    assert list(index) == ["0", "1", "2", "3", "4"]
    assert index["1"] == ["n01484850", "great_white_shark"]
    assert index["2"] == ["n02012849", "crane"] and index["4"] == ["n03126707", "crane"]


def test_dinov2s_labels_are_two_columns_with_names_quoted_where_they_must_be_complaint_36(laid: Path) -> None:
    with (laid / "dinov2/labels.txt").open(newline="") as file:
        rows = list(csv.reader(file))
    assert [row[0] for row in rows] == lines(laid, "caffe/synsets.txt")
    assert {len(row) for row in rows} == {2} and rows[3][1] == "American Staffordshire terrier"


def test_both_meanings_of_label_are_told_for_a_choice_of_classes_complaint_31(tmp_path: Path) -> None:
    lay(lists, make_small().only(["n02012849", "n03126707"]), tmp_path)
    assert lines(tmp_path, "classes.tsv") == [
        "wnid\tlabel_in_this_output\tlabel_in_edition\tilsvrc_id\twords",
        "n02012849\t0\t2\t5\tcrane",
        "n03126707\t1\t4\t2\tcrane",
    ]
    assert {line.rpartition(" ")[2] for line in lines(tmp_path, "caffe/train.txt")} == {"0", "1"}
    assert lines(tmp_path, "caffe/synsets.txt") == ["n02012849", "n03126707"]


def test_dinov2_can_be_left_out(tmp_path: Path) -> None:
    lay(lists, make_small(), tmp_path, lists.Options(dinov2=False))
    assert not (tmp_path / "dinov2").exists()


@pytest.mark.parametrize(
    "line", ["a.JPEG 5", "a.JPEG", "a.JPEG x", " 1", "", "a.JPEG 99999999999999999999", "a.JPEG --1"]
)
def test_a_line_that_is_no_image_and_label_is_refused_with_its_number(laid: Path, line: str) -> None:
    with (laid / "caffe/val.txt").open("a") as file:
        file.write(line + "\n")
    with pytest.raises(LayoutRefused, match=r"caffe/val\.txt, line 8 "):
        list(lists.read(laid, make_small().collection.edition))


@pytest.mark.parametrize(
    "row", ["n09999999\t0\t0\t1\tstranger", "n01440764\t1\t0\t1\ttench", "n01440764\t0", "n01440764"]
)
def test_a_table_of_classes_that_does_not_fit_the_edition_is_refused(laid: Path, row: str) -> None:
    (laid / "classes.tsv").write_text(f"header\n{row}\n")
    with pytest.raises(LayoutRefused, match=r"classes\.tsv, line 2 does not fit small"):
        list(lists.read(laid, make_small().collection.edition))
