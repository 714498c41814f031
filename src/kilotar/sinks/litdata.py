"""LitData's chunks, as litdata.StreamingDataset reads them.

::

    train/index.json        what the reader asks for first
    train/chunk-0-0.bin     offsets, then samples: (image, label), as LitData's own benchmark of ImageNet has them
    train/names.tsv         name, wnid, and of boxes their wnids, line by line; the reader does not look at it
    val/... test/...

Rules guarded: bytes of images as published (22 are CMYK and one is a PNG; LitData's decoder gives RGB of all of them);
label -1 for test; what LitData stamps with the time, so that caches of an older output are dropped, is made from the
digests of the chunks; boxes are read back whole, their sides from the array and their classes, for which it has no
room, from the list of names. Chunks hold 64 MB in the mean, not at most.
Source: Lightning-AI/litData src/litdata/streaming/{writer,serializers,item_loader}.py, benchmarks/litdata.
"""

from __future__ import annotations

import hashlib
import json
import struct
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any, BinaryIO

from kilotar.model.edition import Edition
from kilotar.model.sample import Box, Extent, Sample, Split
from kilotar.model.seams import Collection, Item, OutFolder, Row, Shard, ShardFact, Written
from kilotar.sinks import offset_shards
from kilotar.sinks.base import ShardOptions, SinkAbout
from kilotar.sinks.numbering import wished
from kilotar.sinks.offset_shards import NAMES, BoxesBy, dump, offsets, publish_indexes, read_at, walk_samples
from kilotar.sinks.reading import FileRows, boxes_of, read_extent, refusing

ABOUT = SinkAbout(
    name="litdata",
    summary="LitData's chunks, for streaming",
    folder="litdata",
    reader="litdata.StreamingDataset",
    snippet='litdata.StreamingDataset("{folder}/train", shuffle=True)',
    side_bytes=40,
    shards=True,
    version=2,
)
_CHUNK_BYTES = 64_000_000  # of "64MB", the usual chunk_bytes of `litdata.optimize`
_INT = struct.Struct("<q")
_ARRAY = struct.Struct("<4I")  # before the values of an array: type, axes, their lengths
_FOUR = struct.Struct("<4i")
_INT32, _DIMENSIONS, _SIDES = 2, 2, 4  # LitData's number of the type; of the axes; xmin, ymin, xmax, ymax
_LEAVES = ("jpeg", "int")
_BOX_LEAVES = (*_LEAVES, "numpy")
OFFICIAL: Callable[[Sample], Any] | None = None


@dataclass(frozen=True, slots=True)
class Options(ShardOptions):
    """Choices of this format.

    Attributes:
        order: see `ShardOptions`, also for seed.
        seed:  of "windowed" and "shuffled".
        shards: of the training images, 0 for chunks of 64 MB.
        boxes: have samples of three, with an array of n x 4 int32 as the last: xmin, ymin, xmax, ymax in pixels.
    """

    boxes: bool = False  # a training loop that takes two would break


def count(split: Split, sizes: Sequence[int], options: Options) -> int:
    """Give as many chunks as make 64 MB each."""
    return wished(options, split, -(-sum(sizes) // _CHUNK_BYTES))


def path(split: Split, number: int, count: int) -> str:
    """Give `<split>/chunk-0-<number>.bin`, as of the first writer of one."""
    return f"{split}/chunk-0-{number}.bin"


def encode(
    items: Iterable[Item], shard: Shard, collection: Collection, options: Options
) -> Iterator[bytes | memoryview]:
    """Give the bytes of a chunk. Raises UsageError where it would hold 4 GiB."""
    leaves = _BOX_LEAVES if options.boxes else _LEAVES
    fixed = 4 * len(leaves) + _INT.size
    behind = (len(_boxes(sample, options)) for sample in collection.samples(shard))
    images = (at.size_bytes for at in collection.extents(shard))
    yield offsets([fixed + image + boxes for image, boxes in zip(images, behind, strict=True)])
    for item in items:
        boxes = _boxes(item.sample, options)
        lengths = (len(item.data), _INT.size, len(boxes))[: len(leaves)]
        yield struct.pack(f"<{len(lengths)}I", *lengths)
        yield item.data
        yield _INT.pack(item.label) + boxes


def _boxes(sample: Sample, options: Options) -> bytes:
    """Give the boxes as LitData writes an array of NumPy: type, axes, their lengths, values."""
    if not options.boxes:
        return b""
    sides = [side for box in sample.boxes for side in (box.xmin, box.ymin, box.xmax, box.ymax)]
    return _ARRAY.pack(_INT32, _DIMENSIONS, len(sample.boxes), _SIDES) + struct.pack(f"<{len(sides)}i", *sides)


def finish(collection: Collection, out: OutFolder, options: Options) -> tuple[Written, ...]:
    """Write the index and the list of names of each split."""
    return publish_indexes(collection, out, partial(_index, options=options), box_wnids=options.boxes)


def _index(facts: Sequence[ShardFact], options: Options) -> Iterator[bytes]:
    digest = hashlib.sha256()
    yield b'{"chunks": ['
    for place, fact in enumerate(facts):
        name = fact.shard.path.rpartition("/")[2]
        entry = {"chunk_bytes": fact.size_bytes, "chunk_size": len(fact.shard.rows), "dim": None, "filename": name}
        digest.update(fact.sha256.encode("ascii"))
        yield (b", " if place else b"") + dump(entry)
    yield b'], "config": ' + dump(_config(options)) + b', "updated_at": ' + dump(digest.hexdigest()) + b"}"


def _config(options: Options) -> dict[str, Any]:
    leaves = _BOX_LEAVES if options.boxes else _LEAVES
    leaf: dict[str, Any] = {"type": None, "context": None, "children_spec": []}
    spec = {"type": "builtins.tuple", "context": "null", "children_spec": [leaf] * len(leaves)}
    return {
        "chunk_bytes": _CHUNK_BYTES,
        "chunk_size": None,
        "compression": None,
        "data_format": leaves,
        "data_spec": json.dumps([1, spec]),
        "encryption": None,
        "item_loader": "PyTreeLoader",
    }


def read(folder: Path, edition: Edition) -> Iterator[Row]:
    """Read every chunk that the indexes name, in order. Raises LayoutRefused, MachineError."""
    return (row for _, rows in read_files(folder, edition) for row in rows)


def read_files(folder: Path, edition: Edition) -> FileRows:
    """Give every chunk with its rows. Raises LayoutRefused, MachineError."""
    return offset_shards.read_files(folder, _shards_of, _read_shard)


def _shards_of(index: Any) -> Iterator[tuple[Any, Any, Any]]:
    leaves = tuple(index["config"]["data_format"])
    if leaves not in (_LEAVES, _BOX_LEAVES) or index["config"]["compression"]:
        raise ValueError(f"samples of {leaves} are not images with labels, or are compressed")
    return ((chunk["filename"], chunk["chunk_size"], leaves) for chunk in index["chunks"])


def _read_shard(
    path: Path, file: BinaryIO, count: int, leaves: Any
) -> Iterator[tuple[int, tuple[int, int], BoxesBy | None]]:
    """Give label, extent of the image and boxes of every sample."""
    for start, stop in walk_samples(path, file, count):
        at = start + 4 * len(leaves)
        lengths = struct.unpack(f"<{len(leaves)}I", read_at(path, file, start, at - start))
        if at + sum(lengths) != stop or lengths[1] != _INT.size:
            raise ValueError(f"a sample of {path.name} does not fill its place")
        (label,) = _INT.unpack(read_at(path, file, at + lengths[0], _INT.size))
        array = Extent(str(path), stop - lengths[2], lengths[2]) if len(lengths) > 2 else None
        yield label, (at, lengths[0]), partial(_read_boxes, array) if array is not None else None


def _read_boxes(array: Extent, wnids: str) -> tuple[Box, ...]:
    """Give boxes by their array and their classes, which are divided by blanks. Raises LayoutRefused, MachineError."""
    data, classes = read_extent(array)(), wnids.split()
    with refusing(Path(array.archive)):
        *kind, count, sides = _ARRAY.unpack_from(data)
        if (*kind, sides) != (_INT32, _DIMENSIONS, _SIDES):
            raise ValueError(f"an array of type {kind[0]} with {kind[1]} axes, the last of {sides}, holds no boxes")
        if len(classes) != count:
            raise ValueError(f"{count} boxes, and {NAMES} has the classes of {len(classes)}")
        return boxes_of(classes, _FOUR.iter_unpack(data[_ARRAY.size :]))
