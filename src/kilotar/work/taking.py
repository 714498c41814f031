"""Which images of an export are taken: those under a name of the published form, of the class that the name has.

Rules guarded: an image that contradicts its name, cannot be read or is not what its list says is left out and told; of
one kind no more than a hundred in a file are told one by one; nothing but an image is taken for one.
"""

from __future__ import annotations

import hashlib
import zlib
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field

import msgspec

from kilotar.errors import KilotarError, MachineError, MissingExtra
from kilotar.events import Finding
from kilotar.model.edition import Archive, Layout
from kilotar.model.sample import Extent, Sample, Split
from kilotar.model.seams import Row, Written
from kilotar.store.piles import Piles
from kilotar.work.box_intake import BoxIntake
from kilotar.work.exported import Export
from kilotar.work.labels import LabelJoin
from kilotar.work.member_names import LARGEST_IMAGE_BYTES, NameRule

__all__ = ["FileRead", "Intake", "Taking"]

_BEGINS = (b"\xff\xd8\xff", b"\x89PNG")
_MOST_TOLD = 100  # findings of a kind in one file of the export


class FileRead(msgspec.Struct, frozen=True):
    """A file of the export that was read: how many images it gave, labels of classes first met, and what was found.

    And how many of the images have boxes.
    """

    file: str
    images: int
    size_bytes: int
    labels: tuple[tuple[str, int], ...]
    splits: tuple[str, ...]
    findings: tuple[Finding, ...]
    boxed: int = 0


@dataclass(frozen=True, slots=True)
class Intake:
    """What the files of an export share while they are read.

    Attributes:
        export:   it.
        archives: the archives that are made, by split.
        piles:    where their images go, by split.
        listed:   the files of the export's own list, by path.
        boxes:    takes the boxes of its images.
        met:      classes of which an image was taken by this run.
    """

    export: Export
    archives: Mapping[Split, Archive]
    piles: Mapping[Split, Piles]
    listed: Mapping[str, Written]
    boxes: BoxIntake
    met: set[str] = field(default_factory=set)

    def pile(self, row: Row, number: int, data: bytes, sha256: bytes) -> None:
        """Put an image on the pile of its class. Raises MachineError."""
        is_nested = self.archives[row.split].layout is Layout.TAR_OF_TARS
        key = (row.wnid or _inner_tar(row.name)) if is_nested else "all"
        self.piles[row.split].add(key, number, row.name, data, sha256)

    def about(self, split: Split) -> Archive | None:
        """Give the archive that a split will be in, None where the edition has none."""
        return self.archives.get(split)

    def listed_sha256(self, row: Row) -> str:
        """Give the digest of an image that is a file of its own, "" where none is listed."""
        if self.export.sink.ABOUT.shards or not self.listed:
            return ""
        path = self.export.sink.place(Sample(row.split, row.name, Extent("", 0, 0), row.wnid))
        return self.listed[path].sha256 if path in self.listed else ""

    def join(self, split: Split) -> LabelJoin:
        """Give what says which class a name is of."""
        return LabelJoin.of(self.export.edition, self.archives[split])


def _inner_tar(name: str) -> str:
    """Give the stem of an inner tar for an image without a class, of a detection edition: one of a hundred."""
    return f"n{zlib.crc32(name.encode('ascii')) % 100:08d}"


class Taking:
    """Takes the images of one file of an export."""

    def __init__(self, number: int, file: str, intake: Intake) -> None:
        self._number = number
        self._file = file
        self._intake = intake
        self._images = self._size_bytes = self._boxed = 0
        self._labels: dict[str, int] = {}
        self._splits: dict[Split, LabelJoin] = {}
        self._findings: list[Finding] = []
        self._told: Counter[str] = Counter()

    def found(self, finding: Finding) -> None:
        self._told[finding.kind] += 1
        if self._told[finding.kind] <= _MOST_TOLD:
            self._findings.append(finding)

    def take(self, row: Row) -> None:
        """Take an image, or say why not. Raises MissingExtra, MachineError."""
        finding = self._refuse(row)
        if finding is not None:
            self.found(finding)
            return
        try:
            data = row.read() if row.read is not None else b""
        except (MissingExtra, MachineError):
            raise
        except KilotarError as error:
            self.found(Finding("unreadable", self._where(row), str(error)))
            return
        sha256 = hashlib.sha256(data)
        if not data.startswith(_BEGINS):
            self.found(Finding("not-image", self._where(row), f"neither JPEG nor PNG: it begins {data[:4]!r}"))
        elif len(data) > LARGEST_IMAGE_BYTES:
            self.found(Finding("size", self._where(row), f"{len(data):,} bytes"))
        elif self._intake.listed_sha256(row) not in ("", sha256.hexdigest()):
            self.found(Finding("digest", self._where(row), "not the bytes that were written"))
        else:
            self._intake.pile(row, self._number, data, sha256.digest())
            if row.wnid not in self._intake.met:  # told once: a thousand classes in a thousand files are many
                self._intake.met.add(row.wnid)
                self._labels[row.wnid] = row.label
            self._images += 1
            self._size_bytes += len(data)
            self._take_boxes(row, data)

    def _take_boxes(self, row: Row, data: bytes) -> None:
        """Take the boxes of an image that was taken, if it has some."""
        try:
            self._boxed += self._intake.boxes.take(row, self._number, data)
        except (MissingExtra, MachineError):
            raise
        except KilotarError as error:
            self.found(Finding("box", self._where(row), f"boxes left out: {error}"))

    def _refuse(self, row: Row) -> Finding | None:
        about = self._intake.about(row.split)
        if about is None:
            return Finding("name", self._where(row), f"the edition has no images of {row.split}")
        join = self._splits.setdefault(row.split, self._intake.join(row.split))
        if not NameRule(about).name_of(row.name.encode("utf-8", "replace"), 0) or "/" in row.name:
            return Finding("name", self._where(row), "not of the published form")
        joined = join.classify(row.name, row.wnid if about.layout is Layout.TAR_OF_TARS else "")
        if isinstance(joined, str):
            return Finding("label", self._where(row), joined)
        if joined[0] != row.wnid:
            return Finding("label", self._where(row), f"class {row.wnid or 'none'} here, {joined[0]} by its name")
        return None

    def _where(self, row: Row) -> str:
        return f"{self._file}: {row.name[:255]}"

    def done(self) -> FileRead:
        for kind, number in self._told.items():
            if number > _MOST_TOLD:
                self._findings.append(Finding(kind, self._file, f"{number - _MOST_TOLD:,} more of them"))
        labels = tuple(sorted((wnid, label) for wnid, label in self._labels.items() if wnid))
        splits = tuple(sorted(self._splits))
        findings = tuple(self._findings)
        return FileRead(self._file, self._images, self._size_bytes, labels, splits, findings, self._boxed)
