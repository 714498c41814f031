"""The parts of an archive: class tars, or runs of members of a flat archive.

Rules guarded: the outline comes from a strict walk over the whole outer level; a class tar is named for a wnid, or an
inner tar as the edition says, and none comes twice; in a flat archive a name that returns with other bytes refuses the
archive, with the same bytes it is left out, by cutting the runs around it. What is left out on this level is told by
the outline's findings.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable
from dataclasses import replace
from pathlib import Path

from kilotar.errors import ArchiveRefused
from kilotar.events import Finding
from kilotar.model.edition import Archive, Layout
from kilotar.parse.sniff import SNIFF_BYTES, check_kind
from kilotar.parse.tar import RawMember, walk_members
from kilotar.parse.tar_header import BLOCK
from kilotar.sources.local import LocalArchive
from kilotar.store.index import ArchiveIdentity, IndexFolder, Outline, PartSpan
from kilotar.store.reading import ArchiveFile, Wait, Window, open_archive
from kilotar.work.member_names import NameRule, SkipReport, most_members
from kilotar.work.repeats import Repeats

__all__ = ["PART_MEMBERS", "open_index", "outline_archive"]

PART_MEMBERS = 1000  # of a flat archive: about 100 MB, as a class tar has
OnPart = Callable[[PartSpan], None]
_CLASS_TAR = re.compile(rb"(?:\./)?(n[0-9]{8})\.tar").fullmatch


def _nobody(part: PartSpan) -> None:
    """Nobody asked to be told."""


def open_index(folder: Path, local: LocalArchive) -> IndexFolder:
    """Give the index of an archive file; what was made of another file, or by other rules, is not in it.

    Raises: MachineError where the file cannot be looked at.
    """
    with open_archive(local.path) as file:
        identity, now = ArchiveIdentity.of(local.about, file.stat()), local.identity
    if not now.mtime_ns:  # it came, or comes, piece by piece
        identity = replace(identity, mtime_ns=now.mtime_ns, ctime_ns=now.ctime_ns)
    return IndexFolder(folder, identity)


def outline_archive(
    path: Path,
    archive: Archive,
    index: IndexFolder,
    *,
    sequential: bool = False,
    on_part: OnPart = _nobody,
    wait: Wait | None = None,
) -> tuple[Outline, tuple[Finding, ...]]:
    """Give the parts of an archive, out of the index or by a walk that the index then remembers.

    Args:
        sequential: read from front to back instead of hopping from header to header: for a flat archive on a disk
            that turns.
        on_part: is told of each part as soon as its header was read; of none where the index has the outline.
        wait: called before bytes are read: of an archive that is still on its way, until they are there.
    Returns: the outline, and its findings.
    Raises:
        ArchiveRefused: no tar, damaged, hostile, or without a single part.
        MachineError:   the disk.
    """
    outline = index.read_outline()
    if outline is None:
        with open_archive(path, wait=wait) as file:
            outline = _walk_outline(file, archive, on_part, sequential=sequential)
        index.write_outline(outline)
    return outline, outline.findings


def _walk_outline(file: ArchiveFile, archive: Archive, on_part: OnPart, *, sequential: bool) -> Outline:
    size_bytes = file.size_bytes
    check_kind(file.read(0, min(SNIFF_BYTES, size_bytes)), "tar", archive.name)
    if sequential and archive.layout is not Layout.TAR_OF_TARS:  # between class tars lie 140 MB: a hop is cheaper
        read = Window(file).limit(size_bytes).read
    else:
        read = file.read
        file.will_hop()
    most = most_members(archive.images, size_bytes)
    members = walk_members(read, 0, size_bytes, archive.strictness, max_members=most)
    findings: list[Finding] = []
    try:
        if archive.layout is Layout.TAR_OF_TARS:
            parts = _class_tars(members, archive, findings.append, on_part)
        else:
            parts = _Runs(file, archive, findings.append, on_part).cut(members)
    except ArchiveRefused as refused:
        raise ArchiveRefused(f"{archive.name}: {refused.what}", seen=refused.seen, fix=refused.fix) from refused
    if not parts:
        first = findings[0].why if findings else "it has no members"
        raise ArchiveRefused(
            f"{archive.name} holds nothing of what it should hold", seen=first, fix="check which archive this file is"
        )
    return Outline(parts, tuple(findings))


def _class_tars(
    members: Iterable[RawMember], archive: Archive, found: Callable[[Finding], None], on_part: OnPart
) -> tuple[PartSpan, ...]:
    report = SkipReport(archive.name, found)
    parts: dict[str, PartSpan] = {}
    stem_of = _stem_of(archive)
    for raw, offset, size in members:
        stem = stem_of(raw)
        if not stem:
            why = "not a tar that the edition knows" if archive.inner else "not the tar of a class, n########.tar"
            report.skip(Finding("name", "", why), raw, offset)
            continue
        if stem in parts:
            where = f"data at bytes {parts[stem].start} and {offset}"
            raise ArchiveRefused(f"class {stem} has two tars", seen=where, fix="fetch the archive again")
        parts[stem] = PartSpan(stem, "" if archive.inner else stem, offset, offset + size, is_slice=False)
        on_part(parts[stem])
    report.close()
    return tuple(parts.values())


def _stem_of(archive: Archive) -> Callable[[bytes], str]:
    """Give what tells the stem of an inner tar by the raw name of a member, "" for any other member."""
    pattern = re.compile(rb"(?:\./)?(?:[A-Za-z0-9_]+/)?(" + archive.inner.encode("ascii") + rb")\.tar")
    match = pattern.fullmatch if archive.inner else _CLASS_TAR

    def stem(raw: bytes) -> str:
        named = match(raw)
        return named[1].decode("ascii") if named else ""

    return stem


class _Runs:
    """Cuts the images of a flat archive into runs of `PART_MEMBERS`."""

    def __init__(self, file: ArchiveFile, archive: Archive, found: Callable[[Finding], None], on_part: OnPart) -> None:
        self._on_part = on_part
        self._rule = NameRule(archive)
        self._report = SkipReport(archive.name, found)
        self._repeats = Repeats(file, archive.name, found)
        self._parts: list[PartSpan] = []
        self._start = self._stop = self._count = 0

    def cut(self, members: Iterable[RawMember]) -> tuple[PartSpan, ...]:
        for raw, offset, size in members:
            name = self._rule.name_of(raw, size)
            is_repeat = bool(name) and self._repeats.is_repeat(name, offset, size)
            if is_repeat:
                self._close()  # before its header, and
            self._stop = offset + size + -size % BLOCK
            if is_repeat:
                self._start = self._stop  # begin again behind it
            elif name:
                self._count += 1
            else:
                self._report.skip(self._rule.why_not(raw, size), raw, offset)
            if self._count == PART_MEMBERS:
                self._close()
        self._close()
        self._report.close()
        return tuple(self._parts)

    def _close(self) -> None:
        if self._count:
            key = f"{len(self._parts):05d}"
            self._parts.append(PartSpan(key, "", self._start, self._stop, is_slice=True, members=self._count))
            self._on_part(self._parts[-1])
        self._start, self._count = self._stop, 0
