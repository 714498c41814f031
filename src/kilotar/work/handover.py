"""The plan of an output's shards, handed to processes of ours by an open file.

Rules guarded: the file has no name, so that nobody else can put another in its place, and nothing of it stays after a
kill; what is in it is data (no pickle). Columns stay in the file, which is mapped: those of 1.3 million images are in
memory once, in the page cache, however many processes read them.
"""

from __future__ import annotations

import mmap
import os
import struct
import tempfile
from array import array
from collections.abc import Mapping, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

import msgspec

from kilotar.errors import OurError, storage_error
from kilotar.model.edition import Edition
from kilotar.model.sample import Split
from kilotar.model.seams import Collection, Shard
from kilotar.model.table import BoxSource, Part, Rows, SampleTable
from kilotar.sinks.base import as_shards, find_sink
from kilotar.sources.box_book import BoxBook
from kilotar.store.files import write_all
from kilotar.work.resized_boxes import ResizedBoxes
from kilotar.work.sharding import Sharding

__all__ = ["Handover", "taken"]

_LENGTH = struct.Struct("<Q")
Column = memoryview


class _Part(msgspec.Struct, array_like=True, frozen=True):
    """A `Part`; its columns are offsets and so on as bytes."""

    key: str
    archive: str
    names: Column
    name_ends: Column
    offsets: Column
    sizes: Column
    digests: Column
    wnids: list[str]
    labels: list[int]
    spool: str
    spooled: bytes


class _Shard(msgspec.Struct, array_like=True, frozen=True):
    """A `Shard`; its rows are a run, or numbers of 64 bits."""

    split: Split
    number: int
    count: int
    path: str
    rows: tuple[int, int] | Column


class _Boxes(msgspec.Struct, array_like=True, frozen=True):
    """A `BoxBook`, and how its boxes are resized; None: they are not."""

    keys: bytes
    words: tuple[str, ...]
    numbers: tuple[Column, Column, Column, Column, Column]
    resize: str | None


class _Plan(msgspec.Struct, frozen=True):
    sink: str
    options: dict[str, Any]
    edition: Edition
    classes: tuple[str, ...]
    tables: list[tuple[Split, bool, list[_Part]]]
    boxes: _Boxes | None
    archives: dict[str, str]
    shards: list[_Shard]


class Handover:
    """A file for plans that processes take which inherit its descriptor; close it.

    Args:
        folder: on whose file system it lies.
    Attributes:
        fd: the descriptor.
    Raises: MachineError.
    """

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        try:
            self._file = tempfile.TemporaryFile(dir=folder, buffering=0)  # noqa: SIM115 - `close` closes it
        except OSError as error:
            raise self._failed(error) from error
        self.fd = self._file.fileno()

    def add(self, sharding: Sharding) -> int:
        """Hand a plan over; give its place in the file. Raises MachineError."""
        data = msgspec.msgpack.encode(_plan_of(sharding))
        try:
            place = os.lseek(self.fd, 0, os.SEEK_END)
            write_all(self.fd, _LENGTH.pack(len(data)))
            write_all(self.fd, data)
            write_all(self.fd, bytes(-os.lseek(self.fd, 0, os.SEEK_CUR) % mmap.ALLOCATIONGRANULARITY))
        except OSError as error:
            raise self._failed(error) from error
        return place

    def close(self) -> None:
        self._file.close()

    def _failed(self, error: OSError) -> Exception:
        return storage_error(error, f"write a temporary file in {self._folder}")


def taken(fd: int, place: int) -> Sharding:
    """Make the plan that stands at a place of the file. Raises OSError."""
    whole = memoryview(mmap.mmap(fd, 0, access=mmap.ACCESS_READ, offset=place))
    (size_bytes,) = _LENGTH.unpack_from(whole)
    return _sharding_of(msgspec.msgpack.decode(whole[_LENGTH.size : _LENGTH.size + size_bytes], type=_Plan))


def _plan_of(plan: Sharding) -> _Plan:
    collection = plan.collection
    tables = [(t.split, t.boxes is not None, list(map(_part_of, t.parts))) for t in collection.tables]
    archives = {name: str(path) for name, path in plan.archives.items()}
    shards = list(map(_shard_of, plan.shards.values()))
    boxes = _boxes_of(collection.boxes) if collection.boxes is not None else None
    options = asdict(plan.options)
    about = plan.sink.ABOUT
    return _Plan(about.name, options, collection.edition, collection.classes, tables, boxes, archives, shards)


def _sharding_of(plan: _Plan) -> Sharding:
    sink = as_shards(find_sink(plan.sink))
    if sink is None:
        raise OurError(f"{plan.sink} writes no shards")
    boxes = _box_source(plan.boxes) if plan.boxes is not None else None
    tables = tuple(
        SampleTable(split, map(_as_part, parts), boxes if with_boxes else None)
        for split, with_boxes, parts in plan.tables
    )
    collection = Collection(plan.edition, tables, plan.classes, boxes)
    shards = {shard.key: shard for shard in map(_as_shard, plan.shards)}
    return Sharding(sink, sink.Options(**plan.options), collection, _paths(plan.archives), shards)


def _paths(archives: Mapping[str, str]) -> dict[str, Path]:
    return {name: Path(path) for name, path in archives.items()}


def _column(code: str, numbers: Sequence[int]) -> Column:
    """Give numbers as bytes."""
    columns = numbers if isinstance(numbers, array | memoryview) else array(code, numbers)
    return memoryview(columns).cast("B")


def _part_of(part: Part) -> _Part:
    rows = part.rows
    return _Part(
        part.key,
        part.archive,
        memoryview(rows.names),
        _column("I", rows.name_ends),
        _column("Q", rows.offsets),
        _column("I", rows.sizes),
        memoryview(rows.digests),
        list(part.wnids),
        list(part.labels),
        part.spool,
        part.spooled,
    )


def _as_part(part: _Part) -> Part:
    columns = part.name_ends.cast("I"), part.offsets.cast("Q"), part.sizes.cast("I")
    rows = Rows(part.names, *columns, part.digests)
    return Part(part.key, part.archive, rows, part.wnids, part.labels, part.spool, part.spooled)


def _shard_of(shard: Shard) -> _Shard:
    rows = shard.rows
    kept = (rows.start, rows.stop) if isinstance(rows, range) else _column("Q", rows)
    return _Shard(shard.split, shard.number, shard.count, shard.path, kept)


def _as_shard(shard: _Shard) -> Shard:
    rows = shard.rows.cast("Q") if isinstance(shard.rows, memoryview) else range(*shard.rows)
    return Shard(shard.split, shard.number, shard.count, shard.path, rows)


def _boxes_of(source: BoxSource) -> _Boxes:
    book, resize = (source.source, source.resize) if isinstance(source, ResizedBoxes) else (source, None)
    if not isinstance(book, BoxBook):
        raise OurError(f"boxes of {type(book).__name__} cannot be handed over")
    key_ends, box_ends, sides, texts, sizes = (_column("I", numbers) for numbers in book.numbers)
    return _Boxes(book.keys, book.words, (key_ends, box_ends, sides, texts, sizes), resize)


def _box_source(boxes: _Boxes) -> BoxSource:
    key_ends, box_ends, sides, texts, sizes = (column.cast("I") for column in boxes.numbers)
    book = BoxBook(boxes.keys, key_ends, box_ends, sides, texts, boxes.words, sizes)
    return ResizedBoxes(book, boxes.resize) if boxes.resize is not None else book
