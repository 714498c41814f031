"""Where the floors meet: the protocols by which edges are handed to one another without knowing each other.

A sink gets an `OutFolder` and never learns how bytes become durable; a store never learns what a format is.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import Protocol

from kilotar.model.edition import Edition
from kilotar.model.sample import NO_LABEL, Box, Extent, Sample, Split
from kilotar.model.table import BoxSource, Facts, SampleTable

__all__ = ["Annotation", "Collection", "Item", "OutFolder", "Row", "Shard", "ShardFact", "Written"]


@dataclass(frozen=True, slots=True)
class Written:
    """A file that is complete and durable: path below its folder, length, digest in hex."""

    path: str
    size_bytes: int
    sha256: str


class OutFolder(Protocol):
    """A folder in which whole files appear at once, or not at all.

    Paths are relative, "/"-separated, and built by the caller out of checked names only.
    """

    def publish(self, path: str, chunks: Iterable[bytes | memoryview]) -> Written:
        """Write one file durably, replacing an older one; folders on the way are made.

        Raises: MachineError.
        """
        ...

    def read(self, path: str, offset: int, size_bytes: int) -> bytes:
        """Give bytes of a file that stands in the folder; fewer where it ends before.

        Raises: MachineError.
        """
        ...


@dataclass(frozen=True, slots=True)
class Shard:
    """One file of an output that holds many samples.

    Attributes:
        split:  whose samples it holds.
        number, count: which shard of the split it is, from 0, and how many there are.
        path:   below the output's folder.
        rows:   positions of its samples in the split's table, in the order in which they are written.
    """

    split: Split
    number: int
    count: int
    path: str
    rows: Sequence[int]

    @property
    def key(self) -> str:
        """Its name among the steps of the output."""
        return f"{self.split}/{self.number:05d}"


@dataclass(frozen=True, slots=True)
class ShardFact:
    """A shard that is written: its length, and its SHA-256 in hex."""

    shard: Shard
    size_bytes: int
    sha256: str


@dataclass(frozen=True, slots=True)
class Item:
    """A sample on its way into a shard.

    Attributes:
        sample: with its boxes, where they are wanted.
        label:  the rank of its class among the classes of the output, -1 where it has none.
        data:   the bytes of the image; valid until the next item is asked for.
    """

    sample: Sample
    label: int
    data: memoryview


@dataclass(frozen=True, slots=True)
class Annotation:
    """The XML file of one image, as published."""

    split: Split
    wnid: str
    key: str
    xml: bytes


@dataclass(frozen=True, slots=True)
class Collection:
    """What an output is made of: the chosen samples and everything known about them.

    Attributes:
        edition:  the release.
        tables:   one table a chosen split, in the order train, val, test.
        classes:  the chosen wnids, sorted; all of the edition's where none were chosen.
        boxes:    boxes by key, None where none were given.
        shards:   what is written of an output in shards, by split and number; () before, and for all others.
    """

    edition: Edition
    tables: tuple[SampleTable, ...]
    classes: tuple[str, ...]
    boxes: BoxSource | None = None
    shards: tuple[ShardFact, ...] = ()

    def ranks(self) -> Mapping[str, int]:
        """Give the label of each class among the chosen ones, `NO_LABEL` for "", which is none."""
        return _ranks(self.classes)

    def samples(self, shard: Shard) -> Iterator[Sample]:
        """Give the samples of a shard in its order."""
        table = self.table(shard.split)
        return (table[row] for row in shard.rows) if table is not None else iter(())

    def facts(self, shard: Shard) -> Iterator[Facts]:
        """Give what lists are made of, of the samples of a shard in its order."""
        table = self.table(shard.split)
        return map(table.facts, shard.rows) if table is not None else iter(())

    def extents(self, shard: Shard) -> Iterator[Extent]:
        """Give where the bytes of a shard's samples lie, in its order."""
        table = self.table(shard.split)
        return map(table.extent, shard.rows) if table is not None else iter(())

    def table(self, split: Split) -> SampleTable | None:
        return next((table for table in self.tables if table.split == split), None)


@lru_cache(maxsize=4)
def _ranks(classes: tuple[str, ...]) -> Mapping[str, int]:
    return {wnid: rank for rank, wnid in enumerate(classes)} | {"": NO_LABEL}


@dataclass(frozen=True, slots=True)
class Row:
    """A sample as read back from an output.

    Attributes:
        read: gives the image's bytes; None where the format holds none.
        at:   where the bytes stand as they are, in the file that `Extent.archive` is the path of; None where they must
            be had through `read`.
        boxes: gives the boxes of the image, () where there are none; None where the format, or this file, holds none.
            They have a wnid and four sides: nothing else is in a shard.
    """

    split: Split
    name: str
    wnid: str
    label: int
    read: Callable[[], bytes] | None = None
    at: Extent | None = None
    boxes: Callable[[], tuple[Box, ...]] | None = None
