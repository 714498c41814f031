"""DALI reads TFRecords by the index that stands beside them."""

from __future__ import annotations

from pathlib import Path

import pytest

import kilotar
from kilotar import PixelWish
from kilotar.editions.tiny import make_tiny
from tests.need import need_module

dali = need_module("nvidia.dali")
pytestmark = pytest.mark.interop
SPLITS = {"train": "train", "val": "validation"}


@pytest.fixture(scope="module")
def root(tmp_path_factory: pytest.TempPathFactory) -> Path:
    tiny = make_tiny(tmp_path_factory.mktemp("archives"), classes=4, per_class=6, val=9, flaws=("cmyk", "png"))
    folder = tmp_path_factory.mktemp("made") / "root"
    kilotar.prepare(
        folder,
        source=tiny.folder,
        edition=str(tiny.toml),
        formats=("tfrecord",),
        splits=tuple(SPLITS),
        boxes=True,
        options=(("tfrecord", "shards", "3"),),
        pixels=PixelWish(odd="keep"),
    )
    return folder


@pytest.mark.parametrize("split", SPLITS)
def test_it_gives_every_image_with_its_label_from_one_complaint_53(root: Path, split: str) -> None:
    from nvidia.dali import fn, tfrecord

    files = sorted((root / "tfrecord").glob(f"{SPLITS[split]}-*"))
    images = {image.read(): image.label + 1 for image in kilotar.open(root, split)}

    @dali.pipeline_def(batch_size=1, num_threads=1, device_id=None)
    def pipeline():  # type: ignore[no-untyped-def]
        read = fn.readers.tfrecord(
            path=[str(file) for file in files],
            index_path=[str(root / "tfrecord/idx" / f"{file.name}.idx") for file in files],
            features={
                "image/encoded": tfrecord.FixedLenFeature((), tfrecord.string, ""),
                "image/class/label": tfrecord.FixedLenFeature([1], tfrecord.int64, -1),
            },
        )
        return read["image/encoded"], read["image/class/label"]

    pipe = pipeline()
    pipe.build()
    found = {}
    for _ in images:
        encoded, label = pipe.run()
        found[bytes(encoded.at(0))] = int(label.at(0)[0])
    assert found == images
