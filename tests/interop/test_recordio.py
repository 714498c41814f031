"""DALI's mxnet reader on RecordIO files: every image and label, by index, over several files, decoded."""

from __future__ import annotations

import hashlib
import io
from dataclasses import replace
from pathlib import Path

import pytest
from PIL import Image

from kilotar.editions.tiny import Tiny
from kilotar.model.sample import Split
from kilotar.sinks import recordio
from kilotar.sinks.recordio import Options
from tests.doubles.collections import make_small
from tests.doubles.folders import lay
from tests.interop.made import export
from tests.need import need_module

need_module("nvidia.dali")
fn = need_module("nvidia.dali.fn")
pipeline_def = need_module("nvidia.dali").pipeline_def
np = need_module("numpy")
pytestmark = pytest.mark.interop
SPLITS = ("train", "val", "test")
MAGIC = b"\x0a\x23\xd7\xce"


def made(tiny: Tiny, root: Path, *options: tuple[str, str]) -> Path:
    return export(tiny, root, "recordio", *options)


def read(files: list[Path], index: Path, count: int, *, decode: bool = False) -> list[tuple[object, list[float]]]:
    """Give each image, its bytes or its pixels, with its labels, as DALI reads them on a machine without a GPU."""

    @pipeline_def(batch_size=count, num_threads=2, device_id=None)
    def pipeline() -> object:
        encoded, labels = fn.readers.mxnet(path=list(map(str, files)), index_path=[str(index)], name="reader")
        return (fn.decoders.image(encoded) if decode else encoded), labels

    pipe = pipeline()
    pipe.build()
    assert pipe.reader_meta("reader")["epoch_size"] == count
    images, labels = pipe.run()
    found = [(np.array(images.at(n)), np.array(labels.at(n)).ravel().tolist()) for n in range(count)]
    return [(image if decode else image.tobytes(), label) for image, label in found]


def sha256(data: object) -> str:
    return hashlib.sha256(bytes(data)).hexdigest()  # type: ignore[call-overload]


@pytest.mark.parametrize("split", SPLITS)
def test_it_reads_every_image_with_its_label_complaint_50(tiny: Tiny, tmp_path: Path, split: str) -> None:
    folder = made(tiny, tmp_path / "root")
    truth = sorted((fact.sha256, [float(fact.label)]) for fact in tiny.truth.values() if fact.split == split)
    assert (
        sorted(
            (sha256(data), label)
            for data, label in read([folder / f"{split}.rec"], folder / f"{split}.idx", len(truth))
        )
        == truth
    )


def test_it_reads_several_files_as_one_set_and_decodes_cmyk_and_png(tiny: Tiny, tmp_path: Path) -> None:
    folder = made(tiny, tmp_path / "root", ("shards", "3"))
    rows = [row for row in recordio.read(folder, tiny.edition) if row.split is Split.TRAIN]
    found = read([folder / f"train_{n}.rec" for n in range(3)], folder / "train.idx", len(rows), decode=True)
    for (pixels, label), row in zip(found, rows, strict=True):
        assert row.read is not None and label == [float(row.label)]
        with Image.open(io.BytesIO(row.read())) as image:
            assert pixels.shape == (image.height, image.width, 3)  # type: ignore[attr-defined]


def test_it_joins_the_parts_of_images_that_hold_the_magic_word(tmp_path: Path) -> None:
    small = make_small(per_class=30)
    images = {key: (MAGIC * (at % 4) + data)[: len(data)] for at, (key, data) in enumerate(small.images.items())}
    small = replace(small, images=images)
    lay(recordio, small, tmp_path)
    expected = sorted(data for sample, data in small.samples() if sample.split is Split.TRAIN)
    assert sum(MAGIC in data for data in expected) > 90
    assert sorted(data for data, _ in read([tmp_path / "train.rec"], tmp_path / "train.idx", len(expected))) == expected


def test_packed_labels_come_as_they_are(tmp_path: Path) -> None:
    small = make_small()
    lay(recordio, small, tmp_path, Options(boxes=True))
    boxes = {data: sample.boxes for sample, data in small.samples()}
    for data, labels in read([tmp_path / "train.rec"], tmp_path / "train.idx", 15):
        assert labels[:2] == [4, 5] and len(labels) == 4 + 5 * max(1, len(boxes[data]))
