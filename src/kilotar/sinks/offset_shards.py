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
from itertools import accumulate, pairwise
from pathlib import Path
from typing import Any, BinaryIO

from kilotar.errors import LayoutRefused, UsageError, storage_error
from kilotar.model.sample import Split
from kilotar.model.seams import Collection, Row, ShardFact
from kilotar.sinks.rows import text

__all__ = ["NAMES", "facts_of", "names", "offsets", "plain_path", "read_at", "read_rows", "reader", "walk_samples"]

NAMES = "names.tsv"
_MOST_BYTES = (1 << 32) - 1

ReadShards = Callable[[Path, Any], Iterator[tuple[int, Callable[[], bytes]]]]


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


def names(collection: Collection, facts: Iterable[ShardFact]) -> Iterator[bytes]:
    """Give the published name and the wnid of every sample as lines, in the order of the shards."""
    samples = (sample for fact in facts for sample in collection.samples(fact.shard))
    return text(f"{sample.name}\t{sample.wnid}\n" for sample in samples)


def facts_of(collection: Collection) -> Iterator[tuple[Split, list[ShardFact]]]:
    """Give each split of an output with its shards that hold samples: readers refuse one without."""
    for table in collection.tables:
        yield table.split, [f for f in collection.shards if f.shard.split is table.split and len(f.shard.rows)]


def read_rows(folder: Path, read_shards: ReadShards) -> Iterator[Row]:
    """Give the samples of every split whose folder has an index.

    Args:
        read_shards: gives, for such a folder and its index, the label of every sample and what reads its image; it may
            raise ValueError, KeyError, TypeError, AttributeError where they are not what they should be.
    Raises: LayoutRefused, also where there is no index at all; MachineError.
    """
    found = False
    for split in Split:
        inside = folder / split
        try:
            index = json.loads((inside / "index.json").read_bytes())
        except FileNotFoundError:
            continue
        except OSError as error:
            raise storage_error(error, f"read {inside / 'index.json'}") from error
        except (ValueError, RecursionError) as error:
            raise LayoutRefused(f"{inside}/index.json is no index", seen=str(error)) from error
        found = True
        try:
            for (name, wnid), (label, read) in zip(_read_names(inside), read_shards(inside, index), strict=True):
                yield Row(split, name, wnid, label, read)
        except FileNotFoundError as error:
            raise LayoutRefused(f"a file of {inside} is missing", seen=str(error)) from error
        except OSError as error:
            raise storage_error(error, f"read the shards of {inside}") from error
        except (ValueError, KeyError, TypeError, AttributeError, struct.error) as error:
            raise LayoutRefused(f"the shards of {inside} are not what its index says", seen=repr(error)) from error
    if not found:
        raise LayoutRefused(f"{folder} holds no shards", seen="there is no index.json in train, val or test")


def _read_names(folder: Path) -> Iterator[tuple[str, str]]:
    with (folder / NAMES).open(encoding="ascii", newline="\n") as file:
        for line in file:
            name, wnid = line.removesuffix("\n").split("\t")
            yield name, wnid


def plain_path(folder: Path, name: str) -> Path:
    """Give the path of a shard in its folder. Raises ValueError where the name leads out of it."""
    if "/" in name or name in ("", ".", ".."):
        raise ValueError(f"a shard is called {name!r}")
    return folder / name


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


def reader(path: Path, offset: int, size_bytes: int) -> Callable[[], bytes]:
    """Give what reads an image when it is asked for."""
    return partial(_read_image, path, offset, size_bytes)


def _read_image(path: Path, offset: int, size_bytes: int) -> bytes:
    try:
        with path.open("rb") as file:
            return read_at(path, file, offset, size_bytes)
    except OSError as error:
        raise storage_error(error, f"read {path}") from error
