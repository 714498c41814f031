"""Rules: an export that stands anywhere is a sequence of its images, in the order of its shards."""

from __future__ import annotations

import pickle
import shutil
from pathlib import Path

import pytest

import kilotar
from kilotar.editions.tiny import Tiny
from kilotar.errors import LayoutRefused
from kilotar.sinks.base import find_sink, find_sinks, pixels_of
from tests.need import need_module
from tests.work.test_boxes_again import HOLDERS, four, need, wished
from tests.work.wishes import ALL, prepare

FORMATS = tuple(s.ABOUT.name for s in find_sinks() if s.ABOUT.shards and pixels_of(s, s.Options()).form == "jpeg")


@pytest.mark.parametrize("name", FORMATS)
def test_images_of_every_format_are_read_in_any_order_and_in_another_process(
    name: str, root: Path, tiny: Tiny, tmp_path: Path
) -> None:
    for package in find_sink(name).ABOUT.needs:
        need_module(package)
    prepare(root, tiny, formats=(name,), splits=ALL)
    moved = (root / name).rename(tmp_path / "moved")
    truth = kilotar.open(root, "train")
    train = kilotar.open(moved, "train", edition=str(tiny.toml))
    expected = {image.name: (image.wnid, image.label, image.read()) for image in truth}
    again = pickle.loads(pickle.dumps(train))
    assert {image.name: (image.wnid, image.label, image.read()) for image in reversed(list(train))} == expected
    assert [image.read() for image in again] == [image.read() for image in train]
    assert len(kilotar.open(moved, "test", edition=str(tiny.toml))) == 2


@pytest.mark.parametrize("name", [*HOLDERS, "cls-loc"])
def test_boxes_come_with_their_images_as_out_of_a_root(name: str, root: Path, tiny: Tiny, tmp_path: Path) -> None:
    need(name)
    prepare(root, tiny, formats=(name,), out=tmp_path / "out", **wished(name))
    shutil.rmtree(root)
    for split in ("train", "val"):
        data = kilotar.open(tmp_path / "out", split, edition=str(tiny.toml))
        expected = {key: boxes for key, boxes in tiny.boxes.items() if tiny.truth[key].split == split}
        for images in (data, pickle.loads(pickle.dumps(data))):
            assert {image.key: four(image.boxes) for image in images if image.boxes} == {
                key: four(boxes) for key, boxes in expected.items()
            }


def test_an_export_that_holds_no_boxes_gives_none(root: Path, tiny: Tiny) -> None:
    prepare(root, tiny, formats=("litdata", "webdataset"))
    for name in ("litdata", "webdataset"):
        assert {image.boxes for image in kilotar.open(root / name, "train")} == {()}


def test_boxes_that_cannot_be_read_are_refused_and_images_are_read_all_the_same(root: Path, tiny: Tiny) -> None:
    prepare(root, tiny, formats=("litdata",), **wished("litdata"))
    path = root / "litdata" / "val" / "names.tsv"
    path.write_text(path.read_text().replace("\tn", "\tn0 n", 2))  # of the first line wnid and classes
    path.write_text(path.read_text().replace("\tn0 n", "\tn", 1))
    val = kilotar.open(root / "litdata", "val")
    with pytest.raises(LayoutRefused, match="chunk-0-0"):
        _ = val[0].boxes
    assert val[0].read() and any(image.boxes for image in kilotar.open(root / "litdata", "train"))


def test_below_its_root_an_export_says_all_itself(root: Path, tiny: Tiny) -> None:
    prepare(root, tiny, formats=("webdataset",))
    assert len(kilotar.open(root / "webdataset", "val")) == 6
    with pytest.raises(LayoutRefused, match="no test images"):
        kilotar.open(root / "webdataset", "test")


def test_an_image_that_was_cut_away_is_refused_by_name_of_its_file(root: Path, tiny: Tiny) -> None:
    prepare(root, tiny, formats=("webdataset",))
    train = kilotar.open(root / "webdataset", "train")
    path = root / "webdataset" / "imagenet1k-train-0000.tar"
    path.write_bytes(path.read_bytes()[:600])
    with pytest.raises(LayoutRefused, match="cut short"):
        train[0].read()
