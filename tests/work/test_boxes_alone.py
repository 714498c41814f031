"""Formats that are made of boxes and hold no images: coco and voc, from archives to a checked output."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

import kilotar
from kilotar.editions.tiny import Tiny, make_tiny
from kilotar.editions.tiny_boxes import write_xml
from kilotar.editions.tiny_images import HEIGHT, WIDTH
from kilotar.errors import LayoutRefused, SettingsDiffer
from kilotar.events import Outcome
from tests.work.wishes import prepare, snapshot, tree_digests, wish


def made(root: Path) -> dict[str, str]:
    """Give the digests of both outputs."""
    return tree_digests(root / "coco") | tree_digests(root / "voc")


def test_boxes_are_wanted_without_being_asked_for_complaint_59(root: Path, tiny: Tiny) -> None:
    report = prepare(root, tiny, formats=("coco", "voc"))
    assert report.outcome is Outcome.DONE and report.exit_code == 0
    boxed = {key for key in tiny.boxes if tiny.truth[key].split == "train"}
    content = json.loads((root / "coco/annotations/instances_train.json").read_bytes())
    assert {Path(image["file_name"]).stem for image in content["images"]} == boxed
    assert {(image["width"], image["height"]) for image in content["images"]} == {(WIDTH, HEIGHT)}
    assert len(content["annotations"]) == sum(len(tiny.boxes[key]) for key in boxed)
    for key, boxes in tiny.boxes.items():
        truth = tiny.truth[key]
        path = root / "voc/Annotations" / truth.split / truth.wnid / f"{key}.xml"
        assert path.read_bytes() == write_xml(truth.wnid if truth.split == "train" else "val", key, boxes)
    assert not list(root.rglob("*.JPEG"))


def test_they_are_checked_mended_and_kept_like_all_others(root: Path, tiny: Tiny) -> None:
    prepare(root, tiny, formats=("coco", "voc"))
    whole, before = made(root), snapshot(root / "voc")
    report = prepare(root, tiny, formats=("coco", "voc"))
    assert {output.outcome for output in report.outputs} == {Outcome.KEPT}
    assert snapshot(root / "voc") == before
    next(root.glob("voc/Annotations/train/*/*.xml")).write_bytes(b"gone")
    (root / "coco/annotations/instances_val.json").unlink()
    assert kilotar.verify(root).exit_code == 3
    kilotar.verify(root, repair=True)
    assert kilotar.verify(root).exit_code == 0
    assert made(root) == whole


def test_the_plan_counts_xml_files(root: Path, tiny: Tiny) -> None:
    found = {step.name: step.files for step in kilotar.plan(root, **wish(tiny, formats=("coco", "voc"))).steps}
    assert found["coco"] == 0
    assert found["voc"] >= len(tiny.boxes)


def test_other_boxes_are_another_output(root: Path, tmp_path: Path) -> None:
    tiny = make_tiny(tmp_path / "tiny")
    prepare(root, tiny, formats=("coco",))
    val, train = (next(tiny.folder.glob(f"*bbox_{split}*")) for split in ("val", "train"))
    val.write_bytes(train.read_bytes())
    with pytest.raises(SettingsDiffer, match="coco"):
        prepare(root, tiny, formats=("coco",), unverified=True)


def test_without_an_archive_of_boxes_they_are_refused_with_its_name(root: Path, tmp_path: Path) -> None:
    tiny = make_tiny(tmp_path / "tiny")
    for path in tiny.folder.glob("*bbox*"):
        path.unlink()
    with pytest.raises(LayoutRefused, match="no boxes") as refusal:
        prepare(root, tiny, formats=("coco",))
    assert "bbox" in refusal.value.seen
