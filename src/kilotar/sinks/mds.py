"""MosaicML's shards, as StreamingDataset and StreamingImageNet read them.

::

    train/index.json        what the reader asks for first
    train/shard.00000.mds   offsets, the columns as JSON, samples
    train/names.tsv         name and wnid of sample i, line by line; the reader does not look at it
    val/... test/...

Columns are i (the place of the sample in its split), x (the image) and y (the label), as MosaicML's own converter of
ImageNet has them; where boxes are wanted there are also `boxes`, a list of [xmin, ymin, xmax, ymax] in pixels, and
`box_wnids`, the class of each.

Rules guarded: bytes of images as published (22 are CMYK and one is a PNG; MosaicML's converter keeps them too, so a
training loop converts to RGB); label -1 for test; a shard has its SHA-256 in the index, so that
`validate_hash="sha256"` proves it. Shards hold 64 MiB in the mean, not at most: samples are dealt out by number.
Source: mosaicml/streaming streaming/base/format/mds/{writer,encodings}.py and streaming/vision/{imagenet.py,convert}.
"""

from __future__ import annotations

import json
import struct
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from functools import partial
from itertools import accumulate
from pathlib import Path
from typing import Any, BinaryIO

from kilotar.errors import LayoutRefused
from kilotar.model.edition import Edition
from kilotar.model.sample import Box, Extent, Sample, Split
from kilotar.model.seams import Collection, Item, OutFolder, Row, Shard, ShardFact, Written
from kilotar.sinks import offset_shards
from kilotar.sinks.base import ShardOptions, SinkAbout
from kilotar.sinks.numbering import first_of, wished
from kilotar.sinks.offset_shards import BoxesBy, dump, offsets, publish_indexes, read_at, walk_samples
from kilotar.sinks.reading import FileRows, boxes_of, read_extent, refusing

ABOUT = SinkAbout(
    name="mds",
    summary="MosaicML's shards, for streaming",
    folder="mds",
    reader="streaming.StreamingDataset and streaming.vision.StreamingImageNet of mosaicml-streaming",
    snippet='streaming.vision.StreamingImageNet(local="{folder}", split="train", batch_size=256, shuffle=True)',
    side_bytes=40,
    shards=True,
)
_SHARD_BYTES = 1 << 26  # the writer's own size_limit
_COLUMNS = (("i", "int", 8), ("x", "jpeg", None), ("y", "int", 8))  # sorted by name, as the writer does
_BOX_COLUMNS = (("box_wnids", "json", None), ("boxes", "json", None))
_INT = struct.Struct("<q")
OFFICIAL: Callable[[Sample], Any] | None = None  # MosaicML's converter permutes without a seed


@dataclass(frozen=True, slots=True)
class Options(ShardOptions):
    """Choices of this format.

    Attributes:
        order: see `ShardOptions`, also for seed.
        seed:  of "windowed" and "shuffled".
        shards: of the training images, 0 for shards of 64 MiB.
    """


def count(split: Split, sizes: Sequence[int], options: Options) -> int:
    """Give as many shards as make 64 MiB each."""
    return wished(options, split, -(-sum(sizes) // _SHARD_BYTES))


def path(split: Split, number: int, count: int) -> str:
    """Give `<split>/shard.<number>.mds`."""
    return f"{split}/shard.{number:05d}.mds"


def encode(
    items: Iterable[Item], shard: Shard, collection: Collection, options: Options
) -> Iterator[bytes | memoryview]:
    """Give the bytes of a shard. Raises UsageError where it would hold 4 GiB."""
    boxed = collection.boxes is not None
    yield offsets(list(_sizes(collection, shard)), dump(_config(boxed)))
    for number, item in enumerate(items, first_of(collection, shard)):
        beside = _beside(item.sample) if boxed else ()
        lengths = (*map(len, beside), len(item.data))
        yield b"".join((struct.pack(f"<{len(lengths)}I", *lengths), *beside, _INT.pack(number)))
        yield item.data
        yield _INT.pack(item.label)


def _sizes(collection: Collection, shard: Shard) -> Iterator[int]:
    """Give the length of each sample: the length of its image and the image, its number, label and boxes."""
    if collection.boxes is None:  # samples need not be made to know them
        yield from (4 + 2 * _INT.size + at.size_bytes for at in collection.extents(shard))
        return
    for sample in collection.samples(shard):
        beside = sum(4 + len(column) for column in _beside(sample))
        yield 4 + beside + 2 * _INT.size + sample.at.size_bytes


def _beside(sample: Sample) -> tuple[bytes, bytes]:
    """Give the two columns of boxes."""
    wnids = [box.wnid for box in sample.boxes]
    sides = [[box.xmin, box.ymin, box.xmax, box.ymax] for box in sample.boxes]
    return dump(wnids), dump(sides)


def _config(boxed: bool) -> dict[str, Any]:
    columns = (*_BOX_COLUMNS, *_COLUMNS) if boxed else _COLUMNS
    return {
        "column_encodings": [encoding for _, encoding, _ in columns],
        "column_names": [name for name, _, _ in columns],
        "column_sizes": [size for _, _, size in columns],
        "compression": None,
        "format": "mds",
        "hashes": ["sha256"],
        "size_limit": _SHARD_BYTES,
        "version": 2,
    }


def finish(collection: Collection, out: OutFolder, options: Options) -> tuple[Written, ...]:
    """Write the index and the list of names of each split."""
    return publish_indexes(collection, out, partial(_index, boxed=collection.boxes is not None))


def _index(facts: Sequence[ShardFact], boxed: bool) -> Iterator[bytes]:
    yield b'{"shards": ['
    for place, fact in enumerate(facts):
        data = {
            "basename": fact.shard.path.rpartition("/")[2],
            "bytes": fact.size_bytes,
            "hashes": {"sha256": fact.sha256},
        }
        entry = {**_config(boxed), "raw_data": data, "samples": len(fact.shard.rows), "zip_data": None}
        yield (b", " if place else b"") + dump(entry)
    yield b'], "version": 2}'


def read(folder: Path, edition: Edition) -> Iterator[Row]:
    """Read every shard that the indexes name, in order. Raises LayoutRefused, MachineError."""
    return (row for _, rows in read_files(folder, edition) for row in rows)


def read_files(folder: Path, edition: Edition) -> FileRows:
    """Give every shard with its rows. Raises LayoutRefused, MachineError."""
    return offset_shards.read_files(folder, _shards_of, _read_shard)


def _shards_of(index: Any) -> Iterator[tuple[Any, Any, Any]]:
    return ((shard["raw_data"]["basename"], shard["samples"], shard) for shard in index["shards"])


def _read_shard(
    path: Path, file: BinaryIO, count: int, shard: Any
) -> Iterator[tuple[int, tuple[int, int], BoxesBy | None]]:
    """Give label, extent of the image and boxes of every sample."""
    if shard["compression"]:
        raise LayoutRefused(f"{path.name} is compressed", seen=str(shard["compression"]))
    columns = list(zip(shard["column_names"], shard["column_sizes"], strict=True))
    is_boxed = {name for name, _, _ in _BOX_COLUMNS} <= set(shard["column_names"])
    for start, stop in walk_samples(path, file, count):
        places = _places(columns, start, stop, partial(_length_at, path, file))
        label = int.from_bytes(read_at(path, file, *places["y"]), "little", signed=True)
        boxes = partial(_read_boxes, path, places["box_wnids"], places["boxes"]) if is_boxed else None
        yield label, places["x"], boxes


def _read_boxes(path: Path, wnids: tuple[int, int], sides: tuple[int, int], _: str) -> tuple[Box, ...]:
    found = [read_extent(Extent(str(path), *place))() for place in (wnids, sides)]
    with refusing(path):
        return boxes_of(*map(json.loads, found))


def _places(
    columns: Sequence[tuple[str, int | None]], at: int, stop: int, length_at: Callable[[int], int]
) -> dict[str, tuple[int, int]]:
    """Give where the values of a sample begin and how long they are; the lengths of open-ended ones come first."""
    lengths = []
    for _, size in columns:
        lengths.append(size or length_at(at))
        at += 0 if size else 4
    *starts, end = accumulate(lengths, initial=at)
    if end != stop or min(lengths) < 0:
        raise ValueError(f"a sample ends at byte {end}, its place at {stop}")
    return {name: (start, length) for (name, _), start, length in zip(columns, starts, lengths, strict=True)}


def _length_at(path: Path, file: BinaryIO, at: int) -> int:
    return int.from_bytes(read_at(path, file, at, 4), "little")
