"""Rules: a detection edition has no classes of images; outputs hold every image, with XML or without."""

from __future__ import annotations

import itertools
import json
from pathlib import Path

import pytest

import kilotar
from kilotar.editions.load import load_edition
from kilotar.errors import ArchiveRefused, UsageError
from kilotar.model.report import Report
from kilotar.model.sample import NO_LABEL, Split
from kilotar.sinks import coco, imagefolder, voc, webdataset
from tests.doubles.detections import BOXES, CLASSES, TRAIN, VAL, VAL_BOXES, Detections, make_detections

NAMES = {f"{key}.JPEG" for keys in TRAIN.values() for key in keys}


@pytest.fixture
def found(tmp_path: Path) -> Detections:
    return make_detections(tmp_path / "in")


def prepare(found: Detections, root: Path, *formats: str, **wish: object) -> Report:
    wish = {"source": found.folder, "edition": str(found.toml), "unverified": True, **wish}
    return kilotar.prepare(root, formats=formats, **wish)  # type: ignore[arg-type]


def test_every_image_of_every_inner_tar_is_written_once_with_its_bytes(found: Detections, tmp_path: Path) -> None:
    report = prepare(found, tmp_path / "root", "imagefolder")

    written = {path.name: path.read_bytes() for path in (tmp_path / "root" / "train").iterdir()}
    assert written == {name: found.images[name] for name in NAMES}
    assert [(split.split, split.images, split.expected) for split in report.splits] == [("train", 7, 7), ("val", 2, 2)]
    rows = list(imagefolder.read(tmp_path / "root", load_edition(str(found.toml))))
    assert {(row.name, row.wnid, row.label) for row in rows if row.split is Split.TRAIN} == {
        (name, "", NO_LABEL) for name in NAMES
    }


def test_coco_holds_all_boxes_and_tells_images_without_xml_apart_complaint_63(
    found: Detections, tmp_path: Path
) -> None:
    prepare(found, tmp_path / "root", "coco")

    files = tmp_path / "root" / "coco" / "annotations"
    boxed = json.loads((files / "instances_train.json").read_text())
    names = {image["id"]: image["file_name"].removesuffix(".JPEG") for image in boxed["images"]}
    assert set(names.values()) == set(BOXES)
    wnids = {category["id"]: category["wnid"] for category in boxed["categories"]}
    assert list(wnids.values()) == list(CLASSES)
    told = [(names[one["image_id"]], wnids[one["category_id"]]) for one in boxed["annotations"]]
    assert sorted(told) == sorted((key, box[0]) for key, boxes in BOXES.items() for box in boxes)
    bare = json.loads((files / "image_info_train.json").read_text())["images"]
    assert {image["file_name"] for image in bare} == {f"{key}.JPEG" for key in TRAIN["ILSVRC2013_train_extra0"]}
    assert len(list(coco.read(tmp_path / "root" / "coco", load_edition(str(found.toml))))) == 9


def test_voc_lists_and_xml_stand_as_the_images_do(found: Detections, tmp_path: Path) -> None:
    prepare(found, tmp_path / "root", "voc", "imagefolder")

    root = tmp_path / "root"
    listed = (root / "voc" / "ImageSets" / "Main" / "train.txt").read_text().split()
    assert {line.removeprefix("train/") for line in listed} == set(BOXES)
    for line in listed:
        assert (root / "voc" / "Annotations" / f"{line}.xml").is_file()
        assert (root / f"{line}.JPEG").is_file()
    assert (root / "voc" / "ImageSets" / "Main" / "val.txt").read_text().split() == [f"val/{key}" for key in VAL_BOXES]
    assert {row.name for row in voc.read(root / "voc", load_edition(str(found.toml)))} == NAMES | {
        f"{key}.JPEG" for key in VAL
    }


def test_webdataset_carries_the_boxes_without_being_asked(found: Detections, tmp_path: Path) -> None:
    prepare(found, tmp_path / "root", "webdataset")

    shard = (tmp_path / "root" / "webdataset" / "imagenet1k-train-0000.tar").read_bytes()
    assert shard.count(b"n02084071 ") == 30  # one image has thirty boxes
    rows = list(webdataset.read(tmp_path / "root" / "webdataset", load_edition(str(found.toml))))
    assert {row.name: row.read() for row in rows if row.read} == dict(found.images)
    assert {row.label for row in rows} == {NO_LABEL}


def test_the_coverage_of_each_split_is_told_and_is_no_problem_complaint_63(found: Detections, tmp_path: Path) -> None:
    report = prepare(found, tmp_path / "root", "coco")

    told = {finding.where: finding.why for finding in report.findings if finding.kind == "coverage"}
    assert told == {
        "train": "5 of 7 images have XML, 34 boxes, 1 without a box; 2 have no XML",
        "val": "1 of 2 images have XML, 1 boxes, 0 without a box; 1 have no XML",
    }
    assert not any(finding.is_problem for finding in report.findings)


def test_a_missing_image_is_a_problem_of_the_count(found: Detections, tmp_path: Path) -> None:
    text = found.toml.read_text()
    found.toml.write_text(text.replace("train = 7", "train = 8").replace("images = 7", "images = 8"))

    report = prepare(found, tmp_path / "root", "coco")

    assert [(one.kind, one.where, one.why) for one in report.findings if one.is_problem] == [
        ("count", "train", "7 images, published 8")
    ]


def test_formats_of_images_with_one_class_are_refused_by_name(found: Detections, tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="format mds is for images of one class each") as caught:
        prepare(found, tmp_path / "root", "mds")

    assert "coco, imagefolder, voc, webdataset" in caught.value.fix


def test_classes_cannot_be_chosen(found: Detections, tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="classes of tiny-det cannot be chosen"):
        prepare(found, tmp_path / "root", "coco", classes=(CLASSES[0],))


def test_an_inner_tar_that_comes_twice_refuses_the_archive(found: Detections, tmp_path: Path) -> None:
    train = found.folder / "DET_train.tar"
    data = train.read_bytes()
    first = data[: 512 + int(data[124:135], 8) + -int(data[124:135], 8) % 512]
    train.write_bytes(first + data)

    with pytest.raises(ArchiveRefused, match="has two tars"):
        prepare(found, tmp_path / "root", "coco")


def test_the_built_in_edition_has_the_classes_of_the_kit_in_its_order() -> None:
    edition = load_edition("ilsvrc2014-det")

    by_number = {synset.ilsvrc_id: synset for synset in edition.classes}
    assert edition.is_detection
    assert sorted(by_number) == list(range(1, 201))
    assert [(by_number[at].wnid, by_number[at].words) for at in (1, 124, 200)] == [
        ("n02672831", "accordion"),
        ("n00007846", "person"),
        ("n02391049", "zebra"),
    ]
    words = [by_number[at].words.casefold() for at in range(1, 201)]
    out_of_order = [word for earlier, word in itertools.pairwise(words) if word < earlier]
    assert out_of_order == ["bow"]  # behind "bow tie" in the lists of the field; else the kit is in alphabetical order
