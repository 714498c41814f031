"""VOC XML and its lists, line by line."""

from __future__ import annotations

from pathlib import Path

import pytest

from kilotar.errors import LayoutRefused
from kilotar.sinks import voc
from tests.doubles.collections import make_small
from tests.doubles.folders import lay, tree


def lines(folder: Path, path: str) -> list[str]:
    return (folder / path).read_text().splitlines()


def test_xml_lies_as_published_where_the_lists_say_complaint_60(tmp_path: Path) -> None:
    small = make_small()
    lay(voc, small, tmp_path)
    xml = {path: data for path, data in tree(tmp_path).items() if path.endswith(".xml")}
    listed = [line for split in ("train", "val") for line in lines(tmp_path, f"ImageSets/Main/{split}.txt")]
    assert sorted(xml) == sorted(f"Annotations/{line}.xml" for line in listed)
    assert sorted(xml.values()) == sorted(annotation.xml for annotation in small.annotations)


def test_lists_name_images_as_an_imagefolder_lays_them(tmp_path: Path) -> None:
    lay(voc, make_small(), tmp_path)
    wnids = lines(tmp_path, "classes.txt")
    assert wnids == sorted(wnids) and len(wnids) == 5
    first = lines(tmp_path, "ImageSets/Main/val.txt")[0]
    assert first.startswith("val/n") and first.endswith("/ILSVRC2012_val_00000001")
    assert all(
        line.split("/")[:2] == ["train", line.split("/")[2][:9]] for line in lines(tmp_path, "ImageSets/Main/train.txt")
    )


def test_images_without_xml_have_their_own_list_complaint_62(tmp_path: Path) -> None:
    lay(voc, make_small(), tmp_path)
    assert len(lines(tmp_path, "ImageSets/Main/train.txt")) == 14
    assert len(lines(tmp_path, "ImageSets/WithoutBoxes/train.txt")) == 1
    assert lines(tmp_path, "ImageSets/WithoutBoxes/test.txt") == [
        f"test/ILSVRC2012_test_{number:08d}" for number in (1, 2, 3)
    ]
    assert not (tmp_path / "ImageSets/Main/test.txt").exists()


@pytest.mark.parametrize("line", ["", "train/n00000000/x", "train/n01440764/y/z", "train/n01440764/"])
def test_a_line_that_names_no_image_is_refused_with_its_number(line: str, tmp_path: Path) -> None:
    lay(voc, make_small(), tmp_path)
    (tmp_path / "ImageSets/Main/train.txt").write_text(f"train/n01440764/n01440764_1\n{line}\n")
    with pytest.raises(LayoutRefused, match="line 2"):
        list(voc.read(tmp_path, make_small().collection.edition))


def test_classes_of_another_edition_are_refused(tmp_path: Path) -> None:
    (tmp_path / "classes.txt").write_text("n00000001\n")
    with pytest.raises(LayoutRefused, match="classes"):
        list(voc.read(tmp_path, make_small().collection.edition))
