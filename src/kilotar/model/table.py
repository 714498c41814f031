"""Samples as a sequence on the surface, columns underneath.

Rules guarded: a row costs about 70 bytes (name, offset, size, digest, label), never an object; a `Sample` is made on
access; columns may be views of a mapped file; a part of the table pickles as its own columns and nothing else.
A table belongs to one split; its parts are the class tars of an archive, or runs of members of a flat one.
"""

from __future__ import annotations

from array import array
from bisect import bisect_right
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from itertools import chain, pairwise
from typing import NamedTuple, Protocol, overload

from kilotar.model.sample import NO_LABEL, Box, Extent, Sample, Split, key_of

__all__ = ["DIGEST_BYTES", "BoxSource", "Facts", "Part", "Rows", "RowsBuilder", "SampleTable"]

DIGEST_BYTES = 32  # SHA-256


class BoxSource(Protocol):
    """Boxes by the key of an image."""

    def of(self, key: str) -> tuple[Box, ...]:
        """Give the boxes of an image in the order of its XML, () where none are known."""
        ...

    def size(self, key: str) -> tuple[int, int]:
        """Give width and height of an image in pixels, as its XML says; (0, 0) where that is not known."""
        ...


@dataclass(frozen=True, slots=True)
class Rows:
    """Columns of n members in the order of the archive.

    Attributes:
        names:     all names, joined without separator, ASCII.
        name_ends: n ends into `names`, rising.
        offsets:   n byte offsets of the data in the archive file.
        sizes:     n lengths in bytes.
        digests:   n SHA-256 digests of 32 bytes, joined; b"" while they are not taken.
    """

    names: bytes | memoryview
    name_ends: Sequence[int]
    offsets: Sequence[int]
    sizes: Sequence[int]
    digests: bytes | memoryview = b""

    def __len__(self) -> int:
        return len(self.sizes)

    @property
    def has_digests(self) -> bool:
        return len(self.digests) == DIGEST_BYTES * len(self.sizes)

    @property
    def size_bytes(self) -> int:
        return sum(self.sizes)

    def name(self, row: int) -> str:
        start = self.name_ends[row - 1] if row else 0
        return str(self.names[start : self.name_ends[row]], "ascii")

    def each_name(self) -> Iterator[bytes]:
        """Give all names, at a fraction of the price of asking for each."""
        names = bytes(self.names)
        return (names[start:end] for start, end in pairwise(chain((0,), self.name_ends)))

    def digest(self, row: int) -> bytes:
        return bytes(self.digests[row * DIGEST_BYTES : (row + 1) * DIGEST_BYTES])

    def take(self, rows: Iterable[int]) -> Rows:
        """Give a copy with only these rows, in this order."""
        built = RowsBuilder()
        for row in rows:
            built.add(self.name(row), self.offsets[row], self.sizes[row], self.digest(row))
        return built.rows()

    def packed(self) -> Rows:
        """Give a copy that owns its memory, so that it can cross a process boundary."""
        return Rows(
            bytes(self.names),
            array("I", self.name_ends),
            array("Q", self.offsets),
            array("I", self.sizes),
            bytes(self.digests),
        )


class RowsBuilder:
    """Collects members one by one into `Rows`."""

    def __init__(self) -> None:
        self._names = bytearray()
        self._name_ends = array("I")
        self._offsets = array("Q")
        self._sizes = array("I")
        self._digests = bytearray()

    def __len__(self) -> int:
        return len(self._sizes)

    def add(self, name: str, offset: int, size_bytes: int, digest: bytes = b"") -> None:
        self._names += name.encode("ascii")
        self._name_ends.append(len(self._names))
        self._offsets.append(offset)
        self._sizes.append(size_bytes)
        self._digests += digest

    def rows(self) -> Rows:
        return Rows(bytes(self._names), self._name_ends, self._offsets, self._sizes, bytes(self._digests))


class Facts(NamedTuple):
    """What is known of a sample without its digest and its place in the archive; see `Sample`."""

    name: str
    wnid: str
    size_bytes: int
    boxes: tuple[Box, ...]


@dataclass(frozen=True, slots=True)
class Part:
    """A run of samples that lie together in one archive.

    Attributes:
        key:     unique in its split: the wnid of a class tar, or "00000", "00001" ... in a flat archive.
        archive: name of the archive in the edition.
        rows:    the members.
        wnids:   one wnid for all rows, or n of them.
        labels:  one label for all rows, or n of them.
        spool:   name of the file in which the recoded ones of its images lie; "" where there are none.
        spooled: n bytes, 1 where a row's bytes lie in the spool and not in the archive; b"" where none do.
    """

    key: str
    archive: str
    rows: Rows
    wnids: Sequence[str]
    labels: Sequence[int]
    spool: str = ""
    spooled: bytes = b""

    def __len__(self) -> int:
        return len(self.rows)

    def wnid(self, row: int) -> str:
        return self.wnids[0] if len(self.wnids) == 1 else self.wnids[row]

    def label(self, row: int) -> int:
        return self.labels[0] if len(self.labels) == 1 else self.labels[row]

    def file(self, row: int) -> str:
        """Give the name of the archive or spool that holds the bytes of a row."""
        return self.spool if self.spooled and self.spooled[row] else self.archive

    def extent(self, row: int) -> Extent:
        """Give where the bytes of a row lie."""
        return Extent(self.file(row), self.rows.offsets[row], self.rows.sizes[row])

    def sample(self, row: int, split: Split, boxes: BoxSource | None = None) -> Sample:
        rows = self.rows
        sample = Sample(split, rows.name(row), self.extent(row), self.wnid(row), self.label(row), rows.digest(row))
        return replace(sample, boxes=boxes.of(sample.key)) if boxes else sample

    def only(self, wnids: frozenset[str]) -> Part:
        """Give the part with only the samples of these classes."""
        keep = [row for row in range(len(self)) if self.wnid(row) in wnids]
        if len(keep) == len(self):
            return self
        return Part(
            self.key,
            self.archive,
            self.rows.take(keep),
            [self.wnid(row) for row in keep] or [""],
            [self.label(row) for row in keep] or [NO_LABEL],
            self.spool,
            bytes(self.spooled[row] for row in keep) if self.spooled else b"",
        )


class SampleTable(Sequence[Sample]):
    """The samples of one split, in the order of their parts.

    Args:
        split: which part of the edition.
        parts: the runs of samples; empty ones are dropped.
        boxes: joined to samples by their key, where given.
    """

    def __init__(self, split: Split, parts: Iterable[Part], boxes: BoxSource | None = None) -> None:
        self.split = split
        self.parts = tuple(part for part in parts if len(part))
        self.boxes = boxes
        self._starts: list[int] = []
        total = 0
        for part in self.parts:
            self._starts.append(total)
            total += len(part)
        self._total = total

    def __len__(self) -> int:
        return self._total

    @overload
    def __getitem__(self, index: int) -> Sample: ...
    @overload
    def __getitem__(self, index: slice) -> list[Sample]: ...
    def __getitem__(self, index: int | slice) -> Sample | list[Sample]:
        if isinstance(index, slice):
            return [self[i] for i in range(*index.indices(self._total))]
        part, row = self.locate(index)
        return part.sample(row, self.split, self.boxes)

    def locate(self, index: int) -> tuple[Part, int]:
        """Give the part of a sample and its row there. Raises IndexError."""
        if index < 0:
            index += self._total
        if not 0 <= index < self._total:
            raise IndexError(f"sample {index} of {self._total}")
        at = bisect_right(self._starts, index) - 1
        return self.parts[at], index - self._starts[at]

    def extent(self, index: int) -> Extent:
        """Give where the bytes of a sample lie, at a fraction of the price of the sample. Raises IndexError."""
        part, row = self.locate(index)
        return part.extent(row)

    def facts(self, index: int) -> Facts:
        """Give what lists of samples are made of, at a third of the price of the sample. Raises IndexError."""
        part, row = self.locate(index)
        name = part.rows.name(row)
        boxes = self.boxes.of(key_of(name)) if self.boxes else ()
        return Facts(name, part.wnid(row), part.rows.sizes[row], boxes)

    def __iter__(self) -> Iterator[Sample]:
        for part in self.parts:
            for row in range(len(part)):
                yield part.sample(row, self.split, self.boxes)

    @property
    def size_bytes(self) -> int:
        """The sum of the lengths of the images."""
        return sum(part.rows.size_bytes for part in self.parts)

    def only(self, wnids: frozenset[str]) -> SampleTable:
        """Give the table with only the samples of these classes."""
        return SampleTable(self.split, (part.only(wnids) for part in self.parts), self.boxes)
