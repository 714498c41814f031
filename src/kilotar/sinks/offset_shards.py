"""Shards that begin with the offsets of their samples, as MosaicML's and LitData's readers want them.

::

    u32 n   u32 offset[n + 1]   configuration   sample 0   sample 1 ...    little-endian; offsets count from the begin

Rules guarded: offsets rise, the last one is the length of the file; a file that says otherwise is refused before one of
its samples is believed; what is read back is what was asked for, or the file is refused.
Source: mosaicml/streaming streaming/base/format/mds/writer.py; Lightning-AI/litData src/litdata/streaming/writer.py.
"""

from __future__ import annotations

import json
import struct
from collections.abc import Callable, Iterable, Iterator, Sequence
from functools import partial
from itertools import accumulate, islice, pairwise
from operator import index as index_of
from pathlib import Path
from typing import Any, BinaryIO

from kilotar.errors import LayoutRefused, UsageError
from kilotar.model.sample import Box, Sample, Split
from kilotar.model.seams import Collection, OutFolder, Row, ShardFact, Written
from kilotar.sinks.reading import FileRows, plain_name, read_json, refusing, row_at
from kilotar.sinks.rows import text

__all__ = [
    "NAMES",
    "BoxesBy",
    "dump",
    "facts_of",
    "names",
    "offsets",
    "publish_indexes",
    "read_at",
    "read_files",
    "walk_samples",
]

NAMES = "names.tsv"
_MOST_BYTES = (1 << 32) - 1

ShardsOf = Callable[[Any], Iterable[tuple[Any, Any, Any]]]
BoxesBy = Callable[[str], tuple[Box, ...]]
"""Gives the boxes of an image, by what the list of names says behind its wnid; "" where it says nothing."""

ReadShard = Callable[[Path, BinaryIO, int, Any], Iterator[tuple[int, tuple[int, int], BoxesBy | None]]]


def offsets(sizes: Sequence[int], config: bytes = b"") -> bytes:
    """Give what stands before the samples of a shard.

    Args:
        sizes:  bytes of each sample.
        config: stands between the offsets and the first sample.
    Raises: UsageError where the shard would be longer than 32 bits can tell.
    """
    first = 4 + 4 * (len(sizes) + 1) + len(config)
    ends = list(accumulate(sizes, initial=first))
    if ends[-1] > _MOST_BYTES:
        seen = f"{ends[-1]:,} bytes in a shard"
        raise UsageError("a shard of this format holds less than 4 GiB", seen=seen, fix="ask for more shards")
    return struct.pack(f"<{len(ends) + 1}I", len(sizes), *ends) + config


def names(collection: Collection, facts: Iterable[ShardFact], *, box_wnids: bool = False) -> Iterator[bytes]:
    """Give the published name and the wnid of every sample as lines, in the order of the shards.

    Args:
        box_wnids: have the classes of its boxes in a third column.
    """
    samples = (sample for fact in facts for sample in collection.samples(fact.shard))
    return text(f"{sample.name}\t{sample.wnid}{_box_wnids(sample) if box_wnids else ''}\n" for sample in samples)


def _box_wnids(sample: Sample) -> str:
    return "\t" + " ".join(box.wnid for box in sample.boxes)


def facts_of(collection: Collection) -> Iterator[tuple[Split, list[ShardFact]]]:
    """Give each split of an output with its shards that hold samples: readers refuse one without."""
    for table in collection.tables:
        yield table.split, [f for f in collection.shards if f.shard.split is table.split and len(f.shard.rows)]


def publish_indexes(
    collection: Collection,
    out: OutFolder,
    index: Callable[[list[ShardFact]], Iterable[bytes]],
    *,
    box_wnids: bool = False,
) -> tuple[Written, ...]:
    """Write the list of names, as `names` has it, and the index of each split."""
    written = []
    for split, facts in facts_of(collection):
        written.append(out.publish(f"{split}/{NAMES}", names(collection, facts, box_wnids=box_wnids)))
        written.append(out.publish(f"{split}/index.json", index(facts)))
    return tuple(written)


def dump(content: object) -> bytes:
    """Give JSON as these indexes have it: in ASCII, keys sorted."""
    return json.dumps(content, sort_keys=True).encode("ascii")


def read_files(folder: Path, shards_of: ShardsOf, read_shard: ReadShard) -> FileRows:
    """Give the shards of every split whose folder has an index, with their rows.

    Args:
        shards_of:  gives of an index the names of its shards, how many samples each holds, and what is said of it.
        read_shard: gives, for a shard, its samples and what is said of it, label, extent and boxes of the image of
            each. Both may raise ValueError, LookupError, TypeError, AttributeError where something is not right.
    Raises: LayoutRefused, also where there is no index at all; MachineError.
    """
    found = False
    for split in Split:
        inside = folder / split
        if not (inside / "index.json").is_file():
            continue
        found = True
        index = read_json(inside / "index.json")
        with refusing(inside / "index.json"):
            shards = [(plain_name(name), index_of(count), facts) for name, count, facts in shards_of(index)]
        first, listed = 0, _Names(inside / NAMES)
        for name, count, facts in shards:
            yield f"{split}/{name}", _rows(inside / name, split, partial(listed.take, first), read_shard, count, facts)
            first += count
        with refusing(inside / NAMES):
            if next(listed.take(first, 1), None) is not None:
                raise LayoutRefused(f"{inside / NAMES} names more images than there are", seen=f"{first} samples")
    if not found:
        raise LayoutRefused(f"{folder} holds no shards", seen="there is no index.json in train, val or test")


def _rows(
    path: Path,
    split: Split,
    listed: Callable[[int], Iterator[tuple[str, str, str]]],
    read_shard: ReadShard,
    count: int,
    facts: Any,
) -> Iterator[Row]:
    with refusing(path), path.open("rb") as file:
        samples = read_shard(path, file, count, facts)
        for (name, wnid, more), (label, (offset, size_bytes), boxes) in zip(listed(count), samples, strict=True):
            read = partial(boxes, more) if boxes is not None else None
            yield row_at(split, name, wnid, label, path, offset, size_bytes, read)


class _Names:
    """The list of names, read from front to back as shards are; one that is asked for earlier lines begins again."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._lines: Iterator[str] = iter(())
        self._next = -1

    def take(self, first: int, count: int) -> Iterator[tuple[str, str, str]]:
        """Give name, wnid and what stands behind of samples `first` to `first + count`.

        Raises: LayoutRefused, MachineError.
        """
        if not 0 <= self._next <= first:
            self._lines, self._next = self._walk(), 0
        for line in islice(self._lines, first - self._next, first - self._next + count):
            name, wnid, *more = line.removesuffix("\n").split("\t")
            (behind,) = more or ("",)
            yield name, wnid, behind

    def _walk(self) -> Iterator[str]:
        if not self._path.is_file():
            raise LayoutRefused(f"{NAMES} is missing", seen=f"{self._path.parent} does not say which image is which")
        with refusing(self._path), self._path.open(encoding="ascii", newline="\n") as file:
            for line in file:
                self._next += 1
                yield line


def walk_samples(path: Path, file: BinaryIO, count: int) -> Iterator[tuple[int, int]]:
    """Give where each sample of a shard begins and ends.

    Args:
        count: the samples that the index promises.
    Raises: LayoutRefused, TypeError where that is no number.
    """
    size_bytes = file.seek(0, 2)
    if not 0 <= count <= size_bytes // 4:
        raise LayoutRefused(f"{path} is too short for its samples", seen=f"{size_bytes} bytes, {count} samples")
    found, *ends = struct.unpack(f"<{count + 2}I", read_at(path, file, 0, 4 * (count + 2)))
    rises = all(start <= stop for start, stop in pairwise(ends))
    if found != count or ends[0] < 4 * (count + 2) or ends[-1] != size_bytes or not rises:
        raise LayoutRefused(f"the offsets of {path} do not fit", seen=f"{found} samples, the index has {count}")
    yield from pairwise(ends)


def read_at(path: Path, file: BinaryIO, offset: int, size_bytes: int) -> bytes:
    """Read exactly these bytes. Raises LayoutRefused where the file ends before; OSError."""
    file.seek(offset)
    data = file.read(size_bytes)
    if len(data) != size_bytes:
        raise LayoutRefused(f"{path} is cut short", seen=f"{size_bytes} bytes at {offset} are not there")
    return data
