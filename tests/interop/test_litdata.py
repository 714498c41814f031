"""LitData's own reader on its chunks: every sample decoded, with its label, from a loader of several workers."""

from __future__ import annotations

import io
from pathlib import Path

import pytest
from PIL import Image

from kilotar.editions.tiny import Tiny
from kilotar.sinks import litdata as sink
from tests.interop.made import export
from tests.need import need_module

litdata = need_module("litdata")
np = need_module("numpy")
pytestmark = pytest.mark.interop
SPLITS = ("train", "val", "test")


def made(tiny: Tiny, root: Path, boxes: str) -> Path:
    return export(tiny, root, "litdata", ("shards", "3"), ("boxes", boxes))


@pytest.fixture(scope="module")
def folder(tiny: Tiny, tmp_path_factory: pytest.TempPathFactory) -> Path:
    return made(tiny, tmp_path_factory.mktemp("made") / "root", "no")


@pytest.mark.parametrize("split", SPLITS)
def test_it_gives_every_picture_under_its_label_cmyk_and_png_as_rgb_complaint_50(
    folder: Path, tiny: Tiny, split: str
) -> None:
    samples = list(litdata.StreamingDataset(str(folder / split), shuffle=False))
    rows = [row for row in sink.read(folder, tiny.edition) if row.split == split]
    assert len(samples) == len(rows) == sum(fact.split == split for fact in tiny.truth.values())
    for (picture, label), row in zip(samples, rows, strict=True):
        assert label == row.label == tiny.truth[row.name.removesuffix(".JPEG")].label
        with Image.open(io.BytesIO(row.read())) as image:
            assert tuple(picture.shape) == (3, image.height, image.width)
            if image.mode == "RGB":
                assert np.abs(picture.numpy().transpose(1, 2, 0).astype(int) - np.asarray(image)).mean() < 2


def test_its_loader_mixes_and_gives_every_label_once_complaint_50(folder: Path, tiny: Tiny) -> None:
    dataset = litdata.StreamingDataset(str(folder / "train"), shuffle=True, transform=lambda sample: sample[1])
    labels = [int(label) for batch in litdata.StreamingDataLoader(dataset, batch_size=4) for label in batch]
    assert sorted(labels) == sorted(fact.label for fact in tiny.truth.values() if fact.split == "train")


def test_boxes_come_as_an_array_beside_each_picture(tiny: Tiny, tmp_path: Path) -> None:
    folder = made(tiny, tmp_path / "root", "yes")
    rows = [row for row in sink.read(folder, tiny.edition) if row.split == "train"]
    samples = list(litdata.StreamingDataset(str(folder / "train"), shuffle=False))
    for (_, label, boxes), row in zip(samples, rows, strict=True):
        expected = tiny.boxes.get(row.name.removesuffix(".JPEG"), ())
        assert label == row.label and boxes.shape == (len(expected), 4)
        assert boxes.tolist() == [[box.xmin, box.ymin, box.xmax, box.ymax] for box in expected]
        assert [box.wnid for box in row.boxes()] == [box.wnid for box in expected]


def test_its_own_writer_gives_the_same_chunk_of_the_same_files(folder: Path, tiny: Tiny, tmp_path: Path) -> None:
    rows = [row for row in sink.read(folder, tiny.edition) if row.split == "val"]
    writer = need_module("litdata.streaming.writer").BinaryWriter(str(tmp_path / "its"), chunk_bytes="64MB")
    for number, row in enumerate(rows):
        (tmp_path / row.name).write_bytes(row.read())
        writer[number] = (Image.open(tmp_path / row.name), row.label)
    writer.done()
    assert (tmp_path / "its/chunk-0-0.bin").read_bytes() == (folder / "val/chunk-0-0.bin").read_bytes()
