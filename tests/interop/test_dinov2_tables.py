"""NumPy reads the tables, and DINOv2's own way of making them from the tree gives the same rows."""

from __future__ import annotations

import csv
from pathlib import Path

import pytest

from kilotar.model.sample import Split
from kilotar.sinks import imagefolder, lists
from tests.doubles.collections import make_small
from tests.doubles.folders import lay
from tests.need import need_module

np = need_module("numpy")
datasets = need_module("torchvision").datasets


@pytest.fixture
def laid(tmp_path: Path) -> Path:
    lay(imagefolder, make_small(), tmp_path)
    lay(lists, make_small(), tmp_path / "lists")
    return tmp_path


def extra(folder: Path, name: str) -> object:
    return np.load(folder / "lists/dinov2/extra" / name, mmap_mode="r", allow_pickle=False)


@pytest.mark.parametrize("split", [Split.TRAIN, Split.VAL])
def test_entries_are_what_imagefolder_and_labels_txt_give_complaint_36(laid: Path, split: Split) -> None:
    with (laid / "lists/dinov2/labels.txt").open(newline="") as file:
        labels = [(wnid, name) for wnid, name in csv.reader(file)]
    samples = datasets.ImageFolder(str(laid / split)).samples
    made = [(int(Path(path).stem.split("_")[-1]), label, *labels[label]) for path, label in samples]
    entries = extra(laid, f"entries-{split.upper()}.npy")
    assert [tuple(entry.item()) for entry in entries] == made
    assert extra(laid, f"class-ids-{split.upper()}.npy").tolist() == [wnid for wnid, _ in labels]
    assert extra(laid, f"class-names-{split.upper()}.npy").tolist() == [name for _, name in labels]


def test_the_rows_are_of_the_types_that_dinov2_makes(laid: Path) -> None:
    entries = extra(laid, "entries-TRAIN.npy")
    assert entries.dtype == np.dtype(
        [("actual_index", "<u4"), ("class_index", "<u4"), ("class_id", "U9"), ("class_name", "U30")]
    )


def test_entries_of_test_have_no_class_complaint_38(laid: Path) -> None:
    entries = extra(laid, "entries-TEST.npy")
    assert entries["actual_index"].tolist() == [1, 2, 3]
    assert set(entries["class_index"].tolist()) == {int(np.uint32(2**32 - 1))}
    assert set(entries["class_id"].tolist()) == set(entries["class_name"].tolist()) == {""}


@pytest.mark.parametrize("split", Split)
def test_a_split_without_images_gives_a_table_of_no_rows(split: Split, tmp_path: Path) -> None:
    lay(lists, make_small(per_class=0, val=0, test=0), tmp_path / "lists")
    assert extra(tmp_path, f"entries-{split.upper()}.npy").shape == (0,)
