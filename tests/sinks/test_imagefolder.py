"""Class folders, as trainers read them."""

from __future__ import annotations

from pathlib import Path

import pytest

from kilotar.errors import LayoutRefused, StorageFailed
from kilotar.model.sample import Split
from kilotar.model.seams import Row
from kilotar.sinks import imagefolder
from tests.doubles.collections import make_small
from tests.doubles.folders import lay, tree


@pytest.fixture
def laid(tmp_path: Path) -> Path:
    lay(imagefolder, make_small(), tmp_path)
    return tmp_path


def rows(folder: Path) -> list[Row]:
    return list(imagefolder.read(folder, make_small().collection.edition))


def test_the_tree_is_train_and_val_by_class_and_test_flat(laid: Path) -> None:
    files = set(tree(laid))
    assert {"train/n01440764/n01440764_7.JPEG", "test/ILSVRC2012_test_00000001.JPEG"} <= files
    assert {path.split("/")[0] for path in files} == {"train", "val", "test"}


def test_val_is_sorted_into_class_folders_complaint_16(laid: Path) -> None:
    assert (laid / "val/n01484850/ILSVRC2012_val_00000001.JPEG").is_file()
    assert [path for path in (laid / "val").iterdir() if path.is_file()] == []


def test_names_keep_their_ending_complaint_23(laid: Path) -> None:
    assert {Path(path).suffix for path in tree(laid)} == {".JPEG"}


def test_names_come_sorted_as_text_like_imagefolder(laid: Path) -> None:
    names = [row.name for row in rows(laid) if row.wnid == "n01440764" and row.split == Split.TRAIN]
    assert names == ["n01440764_7.JPEG", "n01440764_77.JPEG", "n01440764_847.JPEG"] == sorted(names)


@pytest.mark.parametrize("stranger", ["train/.ipynb_checkpoints", "val/n99999999", "train/n01440764.tar.d"])
def test_a_stranger_among_the_class_folders_is_refused_by_name_complaint_22(laid: Path, stranger: str) -> None:
    (laid / stranger).mkdir()
    with pytest.raises(LayoutRefused, match=stranger.replace(".", r"\.") + " is no class of small"):
        rows(laid)


def test_a_stray_file_beside_the_class_folders_is_passed_over(laid: Path) -> None:
    before = len(rows(laid))
    (laid / "train/README.txt").write_text("mine")
    (laid / "train/n01440764/.DS_Store").write_text("theirs")
    assert len(rows(laid)) == before


def test_a_flat_val_is_told_apart_from_an_empty_one_complaint_16(tmp_path: Path) -> None:
    (tmp_path / "val").mkdir()
    assert rows(tmp_path) == []
    (tmp_path / "val/ILSVRC2012_val_00000001.JPEG").write_bytes(b"x")
    with pytest.raises(LayoutRefused, match="val holds images without class folders"):
        rows(tmp_path)


def test_a_class_that_val_lacks_does_not_shift_the_labels_of_val(tmp_path: Path) -> None:
    lay(imagefolder, make_small(val=1), tmp_path)
    assert [(row.wnid, row.label) for row in rows(tmp_path) if row.split == Split.VAL] == [("n01484850", 1)]


def test_an_image_that_has_gone_is_an_error_of_the_disk(laid: Path) -> None:
    row = rows(laid)[0]
    (laid / "train" / row.wnid / row.name).unlink()
    assert row.read is not None
    with pytest.raises(StorageFailed, match="could not read"):
        row.read()
