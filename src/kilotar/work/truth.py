"""What an image must be: by the archives of a root, or by what an edition says of names, classes and counts.

Rules guarded: an image is told by its split and name; the archives' digests are those of the index, taken once when the
archives were proved; a name that is met twice is told; 12 bytes an image and no object.
"""

from __future__ import annotations

from array import array
from bisect import bisect_left
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import ExitStack
from dataclasses import replace
from functools import partial
from typing import Protocol

from kilotar.errors import LayoutRefused
from kilotar.events import Finding
from kilotar.model.edition import Edition
from kilotar.model.sample import NO_LABEL, Extent, Sample, Split
from kilotar.model.seams import Written
from kilotar.model.table import BoxSource, Part, RowsBuilder, SampleTable
from kilotar.store.manifest import walk_files
from kilotar.store.workspace import Workspace
from kilotar.work.gathering import Gatherer
from kilotar.work.inputs import image_archives
from kilotar.work.labels import LabelJoin
from kilotar.work.output import Output
from kilotar.work.outputs import begun_outputs
from kilotar.work.reopen import survey_again
from kilotar.work.survey import Survey

__all__ = ["EditionTruth", "SourceTruth", "Truth"]

_PLACE_BITS = 24  # of a key: 16 million images a split; the other 40 are of the name's hash


class Truth(Protocol):
    """What images must be.

    Attributes:
        name:      what it is, for findings.
        has_bytes: whether it knows digests.
        met_twice: whether the image met last was met before.
        sha256:    of the image met last, b"" where it is not known.
    """

    name: str
    has_bytes: bool
    met_twice: bool
    sha256: bytes

    def meet(self, split: Split, name: str) -> str | None:
        """Give the class of an image that is met, "" for none, None where there is no such image."""
        ...

    def boxes(self, sources: tuple[tuple[str, str], ...]) -> BoxSource | None:
        """Give the boxes of archives by their names and digests; None where these are not at hand."""
        ...

    def place(self) -> Extent | None:
        """Give where the bytes of the image met last are, `archive` being a path; None where that is not known."""
        ...

    def missing(self, classes: frozenset[str], splits: tuple[Split, ...]) -> Iterator[Finding]:
        """Give a finding for each image of these that was not met, or for each count that is short."""
        ...


class _Table:
    """The images of a split by their names."""

    def __init__(self, table: SampleTable) -> None:
        self.table = table
        if len(table) >= 1 << _PLACE_BITS:
            raise LayoutRefused("there are too many images in a split", seen=f"{len(table):,}")
        places = (part.rows.name(row) for part in table.parts for row in range(len(part)))
        self._keys = array("Q", sorted(_key(name) | place for place, name in enumerate(places)))
        self.met = bytearray(len(table))

    def find(self, name: str) -> int | None:
        key = _key(name)
        for at in range(bisect_left(self._keys, key), len(self._keys)):
            if self._keys[at] >> _PLACE_BITS != key >> _PLACE_BITS:
                return None
            part, row = self.table.locate(place := self._keys[at] & (1 << _PLACE_BITS) - 1)
            if part.rows.name(row) == name:
                return place
        return None


def _key(name: str) -> int:
    return hash(name) & (1 << 64) - 1 & -1 << _PLACE_BITS


class SourceTruth:
    """What the archives of a root hold.

    Args:
        tables: with digests.
        name:   of the root.
        locate: gives where an image is, `archive` being a path.
    Attributes:
        boxes:  gives the boxes of archives by their names and digests; None where these are not at hand.
    """

    has_bytes = True

    def __init__(self, tables: tuple[SampleTable, ...], name: str, locate: Callable[[Sample], Extent]) -> None:
        self._tables = {table.split: _Table(table) for table in tables}
        self._locate = locate
        self._met: tuple[Part, int, Split] | None = None
        self.name = name
        self.met_twice = False
        self.sha256 = b""
        self.boxes: Callable[[tuple[tuple[str, str], ...]], BoxSource | None] = lambda sources: None

    @classmethod
    def open(cls, root: Workspace, edition: Edition, splits: tuple[str, ...], stack: ExitStack) -> SourceTruth:
        """Read the index of a root; parts without digests are read from their archive.

        Args:
            splits: that are wanted; () for all whose archive the root knows.
        Raises: LayoutRefused where an archive is gone, ArchiveRefused, MachineError.
        """
        known = {record.name for record in root.input_records()}
        splits = splits or tuple(s for s in Split if known & {a.name for a in image_archives(edition, (s,))})
        surveyed = stack.enter_context(survey_again(root, edition, splits=splits, proved=True))
        paths = {archive.local.name: str(archive.local.path) for archive in surveyed.archives}
        locate = partial(_in_archive, paths)
        truth = cls(Gatherer(surveyed).gather(True).tables, str(root.root), locate)
        truth.boxes = partial(_boxes, surveyed)
        return truth

    @classmethod
    def of_tree(cls, root: Workspace, edition: Edition, splits: tuple[str, ...]) -> SourceTruth | None:
        """Read the list of a finished tree of a root, whose digests are those of the archives it was made of.

        None where it has no tree of class folders with all images as published, of these splits.
        Raises: LayoutRefused, MachineError.
        """
        for output in begun_outputs(root):
            manifest = output.manifest
            is_tree = output.sink.ABOUT.images and not output.sink.ABOUT.shards and output.sink.ABOUT.folder == "."
            if manifest is None or not is_tree or not set(splits) <= set(manifest.splits):
                continue
            is_part = bool(manifest.classes or manifest.images_sha256)
            if is_part or (manifest.pixels is not None and manifest.pixels.recoded):
                continue
            tables = _tables_of(walk_files(output.facts, manifest), edition)
            wanted = tuple(table for table in tables if not splits or table.split in splits)
            return cls(wanted, str(root.root), partial(_in_tree, output))
        return None

    def meet(self, split: Split, name: str) -> str | None:
        table = self._tables.get(split)
        place = table.find(name) if table is not None else None
        if table is None or place is None:
            return None
        part, row = table.table.locate(place)
        self.met_twice, table.met[place] = bool(table.met[place]), 1
        self.sha256 = part.rows.digest(row)
        self._met = part, row, split
        return part.wnid(row)

    def place(self) -> Extent | None:
        if self._met is None:
            return None
        part, row, split = self._met
        return self._locate(part.sample(row, split))

    def missing(self, classes: frozenset[str], splits: tuple[Split, ...]) -> Iterator[Finding]:
        for split in splits:
            table = self._tables.get(split)
            for place, met in enumerate(table.met if table is not None else ()):
                if met or table is None:
                    continue
                part, row = table.table.locate(place)
                if not part.wnid(row) or part.wnid(row) in classes:
                    yield Finding("missing", f"{split}/{part.rows.name(row)}", "it is in the archive")


def _boxes(surveyed: Survey, sources: tuple[tuple[str, str], ...]) -> BoxSource | None:
    """Give the boxes of a survey where its archives are these. Raises ArchiveRefused, MachineError."""
    found = {source.archive: source.identity for source in surveyed.box_sources(unverified=True)}
    return Gatherer(surveyed).boxes() if set(sources) <= found.items() else None


def _in_archive(paths: Mapping[str, str], sample: Sample) -> Extent:
    return replace(sample.at, archive=paths[sample.at.archive])


def _in_tree(tree: Output, sample: Sample) -> Extent:
    return replace(sample.at, archive=str(tree.path_of(sample)))


def _tables_of(files: Iterable[Written], edition: Edition) -> tuple[SampleTable, ...]:
    """Give the images of a list of class folders, with their digests."""
    columns: dict[tuple[str, str], RowsBuilder] = {}
    known = {synset.wnid for synset in edition.classes}
    for file in files:
        split, *folders, name = file.path.split("/")
        wnid = folders[0] if folders else ""
        if split in tuple(Split) and (not wnid or wnid in known):
            rows = columns.setdefault((split, wnid), RowsBuilder())
            rows.add(name, 0, file.size_bytes, bytes.fromhex(file.sha256))
    labels = {wnid: edition.label_of(wnid) if wnid else NO_LABEL for _, wnid in columns}
    parts = {at: Part(at[1] or at[0], "", rows.rows(), [at[1]], [labels[at[1]]]) for at, rows in columns.items()}
    return tuple(SampleTable(s, [part for (split, _), part in parts.items() if split == s]) for s in Split)


class EditionTruth:
    """What an edition says of names, classes and counts."""

    has_bytes = False

    def __init__(self, edition: Edition) -> None:
        self._edition = edition
        archives = image_archives(edition, tuple(Split))
        self._joins = {a.split: LabelJoin.of(edition, a) for a in reversed(archives)}
        self._seen: dict[Split, set[int]] = {split: set() for split in Split}
        self._counts: Counter[tuple[Split, str]] = Counter()
        self.name = edition.name
        self.met_twice = False
        self.sha256 = b""

    def meet(self, split: Split, name: str) -> str | None:
        join = self._joins.get(split)
        joined = join.classify(name, "") if join is not None else ""
        if isinstance(joined, str):
            return None
        seen, key = self._seen[split], hash(name)
        self.met_twice = key in seen
        seen.add(key)
        self._counts[split, joined[0]] += 1
        return joined[0]

    def boxes(self, sources: tuple[tuple[str, str], ...]) -> None:
        return None

    def place(self) -> Extent | None:
        return None

    def missing(self, classes: frozenset[str], splits: tuple[Split, ...]) -> Iterator[Finding]:
        for (split, wnid), expected in sorted(self._expected(classes, splits).items()):
            found = self._counts[split, wnid]
            if expected > 0 and found != expected:
                yield Finding("count", f"{split}/{wnid}".rstrip("/"), f"{found:,} images, published {expected:,}")

    def _expected(self, classes: frozenset[str], splits: tuple[Split, ...]) -> Counter[tuple[Split, str]]:
        edition, expected = self._edition, Counter[tuple[Split, str]]()
        if Split.TRAIN in splits:
            expected.update({(Split.TRAIN, s.wnid): s.train_images for s in edition.classes if s.wnid in classes})
        if Split.VAL in splits:
            wnids = (edition.classes[label].wnid for label in edition.val_labels)
            expected.update((Split.VAL, wnid) for wnid in wnids if wnid in classes)
        if Split.TEST in splits:
            expected[Split.TEST, ""] = edition.counts.get(Split.TEST, 0)
        return expected
