"""COCO json, object by object."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from kilotar.errors import LayoutRefused
from kilotar.model.sample import Box, Split
from kilotar.sinks import coco
from kilotar.sinks.coco import Options
from tests.doubles.collections import BoxTable, Small, make_small
from tests.doubles.folders import lay, tree


def load(folder: Path, name: str) -> dict[str, Any]:
    content = json.loads((folder / "annotations" / f"{name}.json").read_bytes())
    assert isinstance(content, dict)
    return content


def with_boxes(small: Small, boxes: dict[str, tuple[Box, ...]]) -> Small:
    return replace(small, collection=replace(small.collection, boxes=BoxTable(boxes)))


def test_a_split_has_two_files_and_test_one(tmp_path: Path) -> None:
    lay(coco, make_small(), tmp_path)
    assert sorted(tree(tmp_path)) == [
        "annotations/image_info_test.json",
        "annotations/image_info_train.json",
        "annotations/image_info_val.json",
        "annotations/instances_train.json",
        "annotations/instances_val.json",
    ]


@pytest.mark.parametrize("split", [Split.TRAIN, Split.VAL])
def test_all_boxes_of_an_image_are_there_in_order_complaint_61_complaint_60(split: Split, tmp_path: Path) -> None:
    small = make_small()
    lay(coco, small, tmp_path)
    content = load(tmp_path, f"instances_{split}")
    wnids = {category["id"]: category["wnid"] for category in content["categories"]}
    images = {image["id"]: Path(image["file_name"]).stem for image in content["images"]}
    found: dict[str, list[tuple[object, ...]]] = {key: [] for key in images.values()}
    for each in content["annotations"]:
        found[images[each["image_id"]]].append((wnids[each["category_id"]], *each["bbox"], each["area"]))
    expected = {
        sample.key: [
            (b.wnid, b.xmin, b.ymin, b.xmax - b.xmin, b.ymax - b.ymin, (b.xmax - b.xmin) * (b.ymax - b.ymin))
            for b in small.collection.boxes.of(sample.key)  # type: ignore[union-attr]
        ]
        for sample, _ in small.samples()
        if sample.split is split and small.collection.boxes.of(sample.key)  # type: ignore[union-attr]
    }
    assert found == expected
    if split is Split.TRAIN:
        assert max(map(len, found.values())) == 30
    assert [each["id"] for each in content["annotations"]] == list(range(1, sum(map(len, expected.values())) + 1))


def test_images_that_nobody_looked_at_are_not_among_the_empty_ones_complaint_62(tmp_path: Path) -> None:
    small = make_small()
    lay(coco, small, tmp_path)
    boxed, others = load(tmp_path, "instances_train"), load(tmp_path, "image_info_train")
    assert (len(boxed["images"]), len(others["images"])) == (14, 1)
    assert others["annotations"] == [] and "width" not in others["images"][0]
    assert {
        (image["width"] - 400 - len(Path(image["file_name"]).stem), image["height"]) for image in boxed["images"]
    } == {(0, 300)}
    assert load(tmp_path, "image_info_test")["images"][0]["file_name"] == "ILSVRC2012_test_00000001.JPEG"


def test_categories_count_from_one_by_label_and_two_cranes_are_two_complaint_35(tmp_path: Path) -> None:
    lay(coco, make_small(), tmp_path)
    categories = load(tmp_path, "instances_val")["categories"]
    assert [category["id"] for category in categories] == [1, 2, 3, 4, 5]
    assert [(category["name"], category["wnid"]) for category in categories if "crane" in category["name"]] == [
        ("crane", "n02012849"),
        ("crane2", "n03126707"),
    ]


def test_a_box_of_another_class_and_swapped_corners_are_kept_complaint_62(tmp_path: Path) -> None:
    small = make_small().only(["n01440764", "n01484850"])
    key = next(sample.key for sample, _ in small.samples())
    boxes = {key: (Box("n09999999", 9, 8, 3, 2), Box("n01440764", 1, 2, 4, 6))}
    lay(coco, with_boxes(small, boxes), tmp_path)
    content = load(tmp_path, "instances_train")
    assert content["categories"][2:] == [{"id": 3, "name": "n09999999", "supercategory": "", "wnid": "n09999999"}]
    assert [(each["category_id"], each["bbox"]) for each in content["annotations"]] == [
        (3, [3, 2, 6, 6]),
        (1, [1, 2, 3, 4]),
    ]


def test_val_lies_in_class_folders_or_flat(tmp_path: Path) -> None:
    lay(coco, make_small(), tmp_path / "folders")
    lay(coco, make_small(), tmp_path / "flat", Options(flat_val=True))
    image = load(tmp_path / "folders", "instances_val")["images"][0]
    assert image["file_name"] == f"{image['wnid']}/ILSVRC2012_val_00000001.JPEG"
    assert load(tmp_path / "flat", "instances_val")["images"][0]["file_name"] == "ILSVRC2012_val_00000001.JPEG"
    assert "/" in load(tmp_path / "flat", "instances_train")["images"][0]["file_name"]


@pytest.mark.parametrize("content", ["[]", '"images": [\n', '"images": [\n5\n]\n"categories": [\n]', "\xff"])
def test_a_file_of_another_kind_is_refused_by_name(content: str, tmp_path: Path) -> None:
    (tmp_path / "annotations").mkdir()
    (tmp_path / "annotations/instances_train.json").write_text(content, encoding="latin-1")
    with pytest.raises(LayoutRefused, match="instances_train"):
        list(coco.read(tmp_path, make_small().collection.edition))
