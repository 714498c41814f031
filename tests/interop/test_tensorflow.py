"""TensorFlow, TFDS and Grain read what we write, and TFDS, given the same archives, writes the same records."""

from __future__ import annotations

import io
import json
import os
from pathlib import Path
from typing import Any

import pytest
from PIL import Image, ImageChops

import kilotar
from kilotar import PixelWish
from kilotar.editions.load import load_edition
from kilotar.editions.tiny import Tiny
from kilotar.sinks.tfds_layout import shard_count
from tests.need import need_module

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
tf = need_module("tensorflow")
tfds = need_module("tensorflow_datasets")
grain = need_module("grain")
pytestmark = pytest.mark.interop
SPLITS = {"train": "train", "val": "validation", "test": "test"}
COUNTS = {"train": 24, "validation": 9, "test": 2}
FORMATS = ("tfrecord", "tfds", "array-record")


@pytest.fixture(scope="module")
def root(tiny: Tiny, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Give outputs with odd images as published: TFDS knows the names of those of the real set alone."""
    folder = tmp_path_factory.mktemp("made") / "root"
    kilotar.prepare(
        folder,
        source=tiny.folder,
        edition=str(tiny.toml),
        formats=FORMATS,
        splits=tuple(SPLITS),
        boxes=True,
        options=tuple((name, "shards", "3") for name in FORMATS),
        pixels=PixelWish(odd="keep"),
    )
    return folder


@pytest.fixture(scope="module")
def expected(tiny: Tiny, root: Path) -> dict[str, dict[str, tuple[int, bytes]]]:
    """Give label and bytes of every image by its name, read straight from the archives."""
    return {
        name: {image.name: (image.label, image.read()) for image in kilotar.open(root, split)}
        for split, name in SPLITS.items()
    }


def prepared(root: Path, sink: str) -> Any:
    return tfds.builder_from_directory(root / sink / "imagenet2012/5.1.0")


def undecoded(builder: Any, split: str) -> list[tuple[str, int, bytes]]:
    """Give the samples of a split in the order of the files."""
    read = builder.as_dataset(
        split=split,
        decoders={"image": tfds.decode.SkipDecoding()},
        read_config=tfds.ReadConfig(interleave_cycle_length=1),
    )
    return [(row["file_name"].decode(), int(row["label"]), row["image"]) for row in read.as_numpy_iterator()]


@pytest.mark.parametrize("split", COUNTS)
def test_tfds_reads_every_image_byte_for_byte_complaint_50(
    root: Path, expected: dict[str, dict[str, tuple[int, bytes]]], split: str
) -> None:
    found = undecoded(prepared(root, "tfds"), split)
    assert {name: (label, data) for name, label, data in found} == expected[split]
    assert len(found) == COUNTS[split]


@pytest.mark.parametrize("split", COUNTS)
def test_tfds_load_finds_the_folder_under_its_own_name_and_decodes_it_complaint_40(root: Path, split: str) -> None:
    rows = list(tfds.load("imagenet2012", data_dir=root / "tfds", split=split, download=False).as_numpy_iterator())
    assert len(rows) == COUNTS[split]
    assert all(row["image"].ndim == 3 and row["image"].shape[2] == 3 for row in rows)


def test_tfds_knows_the_classes_by_their_wnids(root: Path) -> None:
    info = prepared(root, "tfds").info
    assert info.features["label"].names == sorted(info.features["label"].names)
    assert info.features["label"].num_classes == 4
    assert {name: split.num_examples for name, split in info.splits.items()} == COUNTS
    assert info.splits["train"].num_shards == 3
    assert info.supervised_keys == ("image", "label")


@pytest.mark.parametrize("split", ["train", "validation"])
def test_tfds_itself_writes_the_same_records_in_the_same_order(root: Path, split: str, official: Any) -> None:
    """Labels aside: its own are those of the thousand classes, and of the published validation images."""
    theirs = [(name, data) for name, _, data in undecoded(official, split)]
    ours = [(name, data) for name, _, data in undecoded(prepared(root, "tfds"), split)]
    assert ours == theirs


def test_side_files_are_those_that_tfds_writes(root: Path, official: Any) -> None:
    theirs, ours = Path(official.data_dir), root / "tfds/imagenet2012/5.1.0"
    assert {p.name.partition("-")[0] for p in ours.iterdir()} == {p.name.partition("-")[0] for p in theirs.iterdir()}
    features = [json.loads((folder / "features.json").read_bytes()) for folder in (ours, theirs)]
    features[1]["featuresDict"]["features"]["label"]["classLabel"]["numClasses"] = "4"
    assert features[0] == features[1]
    said, says = (json.loads((folder / "dataset_info.json").read_bytes()) for folder in (theirs, ours))
    own_words = {"citation", "description", "releaseNotes", "splits"}
    assert {k: v for k, v in says.items() if k not in own_words} == {
        k: v for k, v in said.items() if k not in own_words
    }


@pytest.fixture(scope="module")
def official(tiny: Tiny, tmp_path_factory: pytest.TempPathFactory) -> Any:
    """Give what TFDS makes of the same archives under the names it looks for."""
    from tensorflow_datasets.datasets.imagenet2012.imagenet2012_dataset_builder import Builder

    folder = tmp_path_factory.mktemp("official")
    (folder / "manual").mkdir()
    for archive in tiny.folder.glob("*_img_*.tar"):
        (folder / "manual" / f"ILSVRC2012_img_{archive.stem.rpartition('_')[2]}.tar").symlink_to(archive)
    builder = Builder(data_dir=folder)
    builder.download_and_prepare(download_config=tfds.download.DownloadConfig(manual_dir=folder / "manual"))
    return builder


@pytest.mark.parametrize("split", COUNTS)
def test_tfds_reads_array_records_at_random(
    root: Path, expected: dict[str, dict[str, tuple[int, bytes]]], split: str
) -> None:
    source = tfds.data_source("imagenet2012", data_dir=root / "array-record", split=split, download=False)
    assert len(source) == COUNTS[split]
    rows = [source[place] for place in reversed(range(len(source)))]
    assert {row["file_name"].decode(): int(row["label"]) for row in rows} == {
        name: label for name, (label, _) in expected[split].items()
    }


def test_grain_reads_the_records_that_tfrecords_hold(root: Path) -> None:
    files = sorted(map(str, (root / "array-record/imagenet2012/5.1.0").glob("*-train.array_record-*")))
    source = grain.sources.ArrayRecordDataSource(files)
    theirs = sorted(map(str, (root / "tfds/imagenet2012/5.1.0").glob("*-train.tfrecord-*")))
    assert [source[place] for place in range(len(source))] == list(tf.data.TFRecordDataset(theirs).as_numpy_iterator())
    assert len(source) == COUNTS["train"]


SCHEMA = {
    "image/encoded": tf.io.FixedLenFeature([], tf.string, ""),
    "image/filename": tf.io.FixedLenFeature([], tf.string),
    "image/class/label": tf.io.FixedLenFeature([], tf.int64, -1),
    "image/class/text": tf.io.FixedLenFeature([], tf.string, ""),
    "image/class/synset": tf.io.FixedLenFeature([], tf.string, ""),
    "image/height": tf.io.FixedLenFeature([], tf.int64),
    "image/width": tf.io.FixedLenFeature([], tf.int64),
    "image/object/bbox/label": tf.io.VarLenFeature(tf.int64),
    **{f"image/object/bbox/{side}": tf.io.VarLenFeature(tf.float32) for side in ("xmin", "ymin", "xmax", "ymax")},
}


@pytest.mark.parametrize("split", COUNTS)
def test_tensorflow_parses_records_of_the_schema_and_subtracts_one_complaint_32(
    root: Path, expected: dict[str, dict[str, tuple[int, bytes]]], split: str
) -> None:
    files = sorted(map(str, (root / "tfrecord").glob(f"{split}-*")))
    rows = [tf.io.parse_single_example(record, SCHEMA) for record in tf.data.TFRecordDataset(files)]
    nobodys = 0 if split == "test" else 1
    assert {
        row["image/filename"].numpy().decode(): (int(row["image/class/label"]) - nobodys, row["image/encoded"].numpy())
        for row in rows
    } == expected[split]
    boxed = 0
    for row in rows:
        with Image.open(io.BytesIO(row["image/encoded"].numpy())) as image:
            assert (int(row["image/width"]), int(row["image/height"])) == image.size
        sides = [
            tf.sparse.to_dense(row[f"image/object/bbox/{side}"]).numpy() for side in ("xmin", "ymin", "xmax", "ymax")
        ]
        assert len({len(side) for side in (*sides, row["image/object/bbox/label"].values)}) == 1
        assert ((sides[0] < sides[2]) & (sides[1] < sides[3])).all() and all(
            (s >= 0).all() and (s <= 1).all() for s in sides
        )
        boxed += len(sides[0])
    assert bool(boxed) == (split != "test")


def test_odd_images_are_decoded_to_rgb_by_tensorflow_complaint_47(root: Path) -> None:
    files = sorted(map(str, (root / "tfrecord").glob("train-*")))
    kinds = set()
    for record in tf.data.TFRecordDataset(files):
        row = tf.io.parse_single_example(record, SCHEMA)
        with Image.open(io.BytesIO(row["image/encoded"].numpy())) as image:
            kinds.add((image.format, image.mode))
            decoded = tf.io.decode_jpeg(row["image/encoded"], channels=3)
            assert decoded.shape == (image.height, image.width, 3)
    assert kinds >= {("JPEG", "CMYK"), ("PNG", "RGB"), ("JPEG", "RGB")}


def test_odd_images_are_converted_as_tfds_converts_them_complaint_47(tiny: Tiny, tmp_path: Path) -> None:
    """Both at quality 100 and 4:2:0; the decoders round differently."""
    kilotar.prepare(tmp_path, source=tiny.folder, edition=str(tiny.toml), formats=("tfds",), splits=("train",))
    ours = {name: data for name, _, data in undecoded(prepared(tmp_path, "tfds"), "train")}
    published = {image.name: image.read() for image in kilotar.open(tmp_path, "train")}
    odd = load_edition(str(tiny.toml))
    converters = [(odd.cmyk, tfds.core.utils.jpeg_cmyk_to_rgb), (odd.png, tfds.core.utils.png_to_jpeg)]
    theirs = {name: convert(published[name]) for names, convert in converters for name in names}
    assert len(theirs) == 2 and {name for name in ours if ours[name] != published[name]} == set(theirs)
    for name, data in theirs.items():
        with Image.open(io.BytesIO(data)) as image, Image.open(io.BytesIO(ours[name])) as own:
            assert (own.format, own.mode, own.size) == (image.format, image.mode, image.size)
            assert own.layer == image.layer  # type: ignore[attr-defined]
            assert own.quantization == image.quantization  # type: ignore[attr-defined]
            assert max(high for _, high in ImageChops.difference(own, image).getextrema()) <= 6  # type: ignore[misc]


@pytest.mark.parametrize("split", COUNTS)
def test_dali_finds_each_record_by_the_index_complaint_53(root: Path, split: str) -> None:
    for file in (root / "tfrecord").glob(f"{split}-*"):
        data = file.read_bytes()
        lines = (root / "tfrecord/idx" / f"{file.name}.idx").read_text().splitlines()
        cut = [data[int(at) + 12 : int(at) + int(size) - 4] for at, size in map(str.split, lines)]
        assert cut == list(tf.data.TFRecordDataset(str(file)).as_numpy_iterator())


@pytest.mark.parametrize("images", [1, 3, 500, 1023, 1024, 2000, 50_000, 100_000, 1_281_167, 3_000_000])
@pytest.mark.parametrize("mean_bytes", [90, 10_000, 110_000, 1 << 20, 3 << 20])
def test_the_number_of_shards_is_that_of_tfds_complaint_41(images: int, mean_bytes: int) -> None:
    from tensorflow_datasets.core.utils.shard_utils import ShardConfig

    sizes = [mean_bytes] * images
    payload_bytes = images * (mean_bytes + 74)  # 90 with the frames
    assert shard_count(sizes) == ShardConfig.calculate_number_shards(payload_bytes, images)


def test_our_classes_stand_in_the_order_of_the_labels_of_tfds_complaint_31() -> None:
    from tensorflow_datasets.datasets.imagenet2012 import imagenet_common

    wnids = [synset.wnid for synset in load_edition("ilsvrc2012").classes]
    assert Path(imagenet_common.label_names_file()).read_text().split() == wnids
