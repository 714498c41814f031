"""The prepared folder of TensorFlow Datasets in TFRecords, as `tfds.load("imagenet2012")` finds it.

Rules guarded, and how it differs from what TFDS writes: see `kilotar.sinks.tfds_layout`.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from functools import partial
from pathlib import Path

from kilotar.model.edition import Edition
from kilotar.model.sample import Split
from kilotar.model.seams import Collection, Item, OutFolder, Row, Shard, Written
from kilotar.sinks import tfds_layout
from kilotar.sinks.base import SinkAbout
from kilotar.sinks.reading import FileRows, row_at
from kilotar.sinks.tfds_layout import Options, hash_order, record, shard_path, side_files
from kilotar.sinks.tfds_layout import count as count
from kilotar.sinks.tfrecord_frames import frame, read_frames

ABOUT = SinkAbout(
    name="tfds",
    summary="imagenet2012 5.1.0 of TensorFlow Datasets, in its order; CMYK and PNG images as RGB",
    folder="tfds",
    needs=("google_crc32c",),
    reader="tfds.load, tfds.builder_from_directory",
    snippet='tfds.load("imagenet2012", data_dir="{folder}", split="train")',
    shards=True,
    odd="convert",
    version=2,
)
OFFICIAL = hash_order
_FORM = "tfrecord"


def path(split: Split, number: int, count: int) -> str:
    """Give the name of a shard, below the folder of the version."""
    return shard_path(split, number, count, _FORM)


def encode(items: Iterable[Item], shard: Shard, collection: Collection, options: Options) -> Iterator[bytes]:
    """Give the records of a shard in their frames."""
    for item in items:
        yield from frame(record(item.sample, item.label, bytes(item.data)))


def finish(collection: Collection, out: OutFolder, options: Options) -> tuple[Written, ...]:
    """Write what TFDS asks for beside the shards."""
    return side_files(collection, out, _FORM)


def read(folder: Path, edition: Edition) -> Iterator[Row]:
    """Read every shard, in order. Raises LayoutRefused, MachineError."""
    return (row for _, rows in read_files(folder, edition) for row in rows)


def read_files(folder: Path, edition: Edition) -> FileRows:
    """Give every shard with its rows. Raises LayoutRefused, MachineError."""
    return tfds_layout.read_files(folder, _FORM, _records)


def _records(file: Path) -> Iterator[tuple[bytes, Callable[[Row, range], Row]]]:
    for at, data in read_frames(file):
        yield data, partial(_place, file, at)


def _place(file: Path, at: int, row: Row, image: range) -> Row:
    return row_at(row.split, row.name, row.wnid, row.label, file, at + image.start, len(image))
