"""Where the floors meet: the protocols by which edges are handed to one another without knowing each other.

A sink gets an `OutFolder` and never learns how bytes become durable; a store never learns what a format is.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from typing import Protocol

from kilotar.model.edition import Edition
from kilotar.model.sample import Split
from kilotar.model.table import BoxSource, SampleTable

__all__ = ["Annotation", "Collection", "OutFolder", "Row", "Written"]


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
    """

    edition: Edition
    tables: tuple[SampleTable, ...]
    classes: tuple[str, ...]
    boxes: BoxSource | None = None

    def table(self, split: Split) -> SampleTable | None:
        return next((table for table in self.tables if table.split == split), None)


@dataclass(frozen=True, slots=True)
class Row:
    """A sample as read back from an output. `read` gives the image's bytes; None where the format holds none."""

    split: Split
    name: str
    wnid: str
    label: int
    read: Callable[[], bytes] | None = None


RowIterator = Iterator[Row]
