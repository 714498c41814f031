"""Rules: an export that stands anywhere is a sequence of its images, in the order of its shards."""

from __future__ import annotations

import pickle
from pathlib import Path

import pytest

import kilotar
from kilotar.editions.tiny import Tiny
from kilotar.errors import LayoutRefused
from kilotar.sinks.base import find_sink, find_sinks, pixels_of
from tests.need import need_module
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
