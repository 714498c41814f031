"""What a writer thread does: read one part of an archive, hash every image, write it where it belongs.

Rules guarded: the digest is taken of the very buffer that is written; an image whose name or class is not of the
published form is left out and reported with its offset, the rest goes on; two members of one name are kept once when
their bytes are equal and refused when not; bytes of images never leave the thread.
"""

from __future__ import annotations

import hashlib
import os
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field, replace
from pathlib import Path

from kilotar.errors import ArchiveRefused
from kilotar.events import Finding
from kilotar.model.edition import Archive, Edition
from kilotar.model.sample import Extent, Sample, Split
from kilotar.model.table import Part, Rows, RowsBuilder
from kilotar.plan.steps import StepDone
from kilotar.sources.local import is_still
from kilotar.store.index import IndexFolder, PartSpan
from kilotar.store.staging import Staging
from kilotar.work.indexing import MemberBytes, read_members, walk_part
from kilotar.work.labels import LabelJoin

__all__ = ["Listing", "PartTask", "TreeChanged", "hash_part", "link_part", "write_part"]

Place = Callable[[Sample], str]
_JPEG_START, _PNG_START = b"\xff\xd8\xff", b"\x89PNG"


@dataclass(frozen=True, slots=True)
class PartTask:
    """One part of one archive and all that is needed to write it.

    Attributes:
        key:     of the step.
        path:    the archive file.
        about:   the archive.
        span:    where the part lies.
        edition, join: what its members mean.
        chosen:  wnids to write; None for all.
        index:   takes the rows with their digests.
        picked:  the images that are taken; None for all, when the part is read from front to back.
    """

    key: str
    path: Path
    about: Archive
    span: PartSpan
    edition: Edition
    join: LabelJoin
    chosen: frozenset[str] | None
    index: IndexFolder
    picked: Rows | None = None

    @property
    def split(self) -> Split:
        return self.join.split


@dataclass(slots=True)
class Listing:
    """The files of a step as they are written: counts, the digest of their list, and the folder that holds them."""

    size_bytes: int = 0
    linked: int = 0
    _lines: list[str] = field(default_factory=list)
    _parents: set[str] = field(default_factory=set)

    def add(self, path: str, size_bytes: int, sha256: bytes) -> None:
        self.size_bytes += size_bytes
        self._lines.append(f"{sha256.hex()} {size_bytes} {path}\n")
        self._parents.add(path.rpartition("/")[0])

    def done(self, key: str, findings: tuple[Finding, ...], *, one_class: bool) -> StepDone:
        folder = os.path.commonpath(self._parents) if self._parents else ""
        exclusive = one_class and len(self._parents) == 1
        written = 0 if self.linked else self.size_bytes
        return StepDone(
            key,
            len(self._lines),
            self.size_bytes,
            hashlib.sha256("".join(self._lines).encode("ascii")).hexdigest(),
            folder,
            exclusive,
            written,
            self.linked,
            findings,
        )


class _PartReader:
    """Reads one part, giving each good member once with its digest, and gathering rows and findings."""

    def __init__(self, task: PartTask) -> None:
        self._task = task
        self._seen: dict[str, bytes] = {}
        self.rows = RowsBuilder()
        self.findings: list[Finding] = []

    def walk(self) -> Iterator[tuple[Sample, memoryview]]:
        task = self._task
        if not is_still(task.path, task.index.identity.file):
            raise ArchiveRefused(f"{task.path} changed while it was read", fix="let its writer end, then run again")
        for member in self._members():
            name, offset, data = member.name, member.offset, member.data
            digest = hashlib.sha256(data).digest()
            if self._is_repeated(member, digest):
                continue
            joined = task.join.classify(name, task.span.wnid)
            if isinstance(joined, str):
                self._skip("label", member, joined)
                continue
            self.rows.add(name, offset, len(data), digest)
            self._note_odd(member)
            wnid, label = joined
            if task.chosen is None or wnid in task.chosen or not wnid:
                yield Sample(task.split, name, Extent(task.about.name, offset, len(data)), wnid, label, digest), data

    def _members(self) -> Iterator[MemberBytes]:
        task = self._task
        if task.picked is not None:
            return read_members(task.path, task.picked)
        return walk_part(task.path, task.span, task.about, self.findings.append)

    def keep(self) -> Rows:
        """Give the rows with their digests, and remember those of a whole part."""
        rows = self.rows.rows()
        if self._task.picked is None:
            self._task.index.write_part(self._task.span, rows)
        return rows

    def _is_repeated(self, member: MemberBytes, digest: bytes) -> bool:
        earlier = self._seen.setdefault(member.name, digest)
        if earlier is digest:
            return False
        if earlier != digest:
            raise ArchiveRefused(
                f"{self._task.path} holds two different files of one name",
                seen=f"{member.name!r}, the second at byte {member.offset}",
                fix="get the published archive",
            )
        self._skip("duplicate", member, "the same bytes stand earlier under the same name; kept once")
        return True

    def _skip(self, kind: str, member: MemberBytes, why: str) -> None:
        self.findings.append(Finding(kind, f"{self._task.about.name}: {member.name}", why, member.offset))

    def _note_odd(self, member: MemberBytes) -> None:
        name, edition = member.name, self._task.edition
        known = name in edition.cmyk or name in edition.png
        if known:
            what = "a CMYK JPEG" if name in edition.cmyk else "a PNG under a JPEG name"
            why = f"{what}; part of the published set, kept as it is"
            self.findings.append(Finding("known-odd", name, why, member.offset, is_problem=False))
        elif bytes(member.data[:3]) != _JPEG_START:
            what = "a PNG" if bytes(member.data[:4]) == _PNG_START else f"it begins {bytes(member.data[:4])!r}"
            self._skip("not-jpeg", member, f"{what}; kept as it is")


def write_part(task: PartTask, place: Place, staging: Staging | None) -> StepDone:
    """Write the images of a part to a staging folder (None: only hash them); remember its rows in the index.

    Raises: ArchiveRefused, MachineError, OSError.
    """
    reader, listing = _PartReader(task), Listing()
    writer = staging.writer() if staging else None
    try:
        for sample, data in reader.walk():
            path = place(sample)
            if writer is not None:
                writer.write(path, data)
            listing.add(path, len(data), sample.sha256)
    finally:
        if writer is not None:
            writer.close()
    reader.keep()
    done = listing.done(task.key, tuple(reader.findings), one_class=bool(task.span.wnid))
    return replace(done, source=task.index.identity.file)


def hash_part(task: PartTask) -> Rows:
    """Take the digest of every image of a part, keep the rows in the index and give them. Raises as `write_part`."""
    reader = _PartReader(task)
    for _ in reader.walk():
        pass
    return reader.keep()


class TreeChanged(Exception):
    """A finished tree is not as its manifest left it; the archive must be read instead."""


def link_part(
    key: str,
    split: Split,
    part: Part,
    place: Place,
    staging: Staging,
    source: Callable[[Sample], Path],
    finished_ns: int,
) -> StepDone:
    """Give the images of a part, which stand in a finished tree, a second name in a staging folder.

    What was written to after the tree was finished is not believed; that bytes rot without a trace, only `verify` sees.

    Args:
        source:      gives where an image stands in the finished tree.
        finished_ns: when that tree was finished, by the clock of its file system.
    Raises: TreeChanged, OSError.
    """
    listing, writer = Listing(), staging.writer()
    try:
        for row in range(len(part)):
            sample = part.sample(row, split)
            path = place(sample)
            standing = source(sample)
            facts = os.lstat(standing)
            if facts.st_mtime_ns > finished_ns or facts.st_size != sample.at.size_bytes:
                raise TreeChanged(str(standing))
            listing.linked += writer.link(path, standing)
            listing.add(path, sample.at.size_bytes, sample.sha256)
    finally:
        writer.close()
    return listing.done(key, (), one_class=len(part.wnids) == 1)
