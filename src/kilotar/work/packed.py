"""The packed archive of an edition: where it is, what it will give, and what this root has made of it.

::

    ROOT/.kilotar/unpacked/<archive>/journal.jsonl  what was proved, and what was made
    ROOT/.kilotar/unpacked/<archive>/archives/      the archives that the edition says are within; all, or none

Rules guarded: a root has one packed archive for its life; what was made is used while it is there, with the packed file
or without; it is believed for the very file that it was made of, or one with the same digest.
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path

import msgspec

from kilotar.errors import DigestMismatch, LayoutRefused, storage_error
from kilotar.events import Finding
from kilotar.model.edition import Archive, ArchiveRole, Edition
from kilotar.model.seams import Written
from kilotar.sources.local import FileIdentity, LocalArchive, find_loose
from kilotar.store.journal import read_journal
from kilotar.store.workspace import Workspace
from kilotar.work.request import Request

__all__ = ["Packed", "UnpackedRecord", "find_packed", "refuse_unproved"]

_FRAME_BYTES = 1024  # of a file in a tar, about


class UnpackedRecord(msgspec.Struct, frozen=True):
    """A fact about a packed archive: this very file has this digest and length; and with `files`, what was made of it.

    `digest` is "" where there is nothing to compare it with: of a tar or a folder that somebody unpacked.
    """

    path: str
    identity: str
    expanded_bytes: int
    algorithm: str
    digest: str
    published: bool
    files: tuple[Written, ...] = ()
    findings: tuple[Finding, ...] = ()


@dataclass(frozen=True, slots=True)
class Packed:
    """A packed archive and what was made of it.

    Attributes:
        about:   it.
        edition: says what is within.
        folder:  of what is made of it.
        local:   the file; None where only what was made of it is here.
        records: of its journal.
    """

    about: Archive
    edition: Edition
    folder: Path
    local: LocalArchive | None
    records: tuple[UnpackedRecord, ...]

    @property
    def archives(self) -> Path:
        """The folder of the archives made of it."""
        return self.folder / "archives"

    @property
    def made(self) -> UnpackedRecord | None:
        """What tells of the archives made of it; None where they are not all there."""
        record = next((record for record in reversed(self.records) if record.files), None)
        if record is None or any(_length(self.archives / made.path) != made.size_bytes for made in record.files):
            return None
        return record

    @property
    def current(self) -> UnpackedRecord | None:
        """What tells of the archives made of this very file; None where it must be looked at first."""
        record = self.made
        return record if record and self.local and record.identity == str(self.local.identity) else None

    def taken(self, request: Request, record: UnpackedRecord) -> tuple[Request, Edition]:
        """Give a request that reads what was made of it, and the edition that knows its digests.

        What was made of the published archive is as good as published: it must have the bytes that it was made with.
        Raises: DigestMismatch where the packed archive is not the published one.
        """
        refuse_unproved(self.about, record, unverified=request.unverified)
        request = replace(request, source=self.archives, notes=(*request.notes, *record.findings))
        if not record.published:
            return request, self.edition
        made = {file.path: file for file in record.files}
        known = (_proved(about, made.get(about.name)) for about in self.edition.archives)
        return request, replace(self.edition, archives=tuple(known))

    def promised(self, request: Request) -> tuple[LocalArchive, ...]:
        """Give the archives that will be made of it, with lengths that add up to its own. Raises MachineError."""
        wanted = [a for a in self.edition.archives if a.within and a.split in request.chosen_splits]
        total = sum(about.images or 1 for about in wanted if about.role is ArchiveRole.IMAGES)
        expanded_bytes = self.expanded_bytes()
        found = []
        for about in wanted:
            share = (about.images or 1) if about.role is ArchiveRole.IMAGES else 0
            size_bytes = expanded_bytes * share // max(1, total)
            nowhere = FileIdentity(size_bytes, 0, 0, 0)
            found.append(LocalArchive(replace(about, size_bytes=size_bytes), self.archives / about.name, nowhere))
        return tuple(found)

    def expanded_bytes(self) -> int:
        """Give about how many bytes it is when expanded. Raises MachineError."""
        if self.local is None:
            return 0
        known = next((r for r in reversed(self.records) if r.identity == str(self.local.identity)), None)
        if known is not None:
            return known.expanded_bytes
        return _tree_bytes(self.local.path) if self.local.path.is_dir() else self.local.size_bytes


def _proved(about: Archive, made: Written | None) -> Archive:
    return replace(about, size_bytes=made.size_bytes, sha256=made.sha256) if made else about


def find_packed(request: Request, edition: Edition, workspace: Workspace) -> Packed | None:
    """Give the packed archive that a request means: one that lies there, else what was made of one.

    Raises: LayoutRefused where it is nowhere and would have to be fetched; MachineError.
    """
    known = [_known(about, edition, workspace) for about in edition.packed]
    for packed in known:
        for place in _places(request, workspace, packed):
            found = find_loose(place, (packed.about,)) if place.is_dir() else ()
            if found:
                return replace(packed, local=found[0])
    made = next((packed for packed in known if request.source is None and packed.made), None)
    if known and made is None and request.fetching is not None:
        url = " ".join(known[0].about.urls[:1]) or known[0].about.name
        raise LayoutRefused(
            f"{known[0].about.name} is not in {workspace.root}, and packed archives are not fetched",
            seen=f"looked for {', '.join(packed.about.name for packed in known)}",
            fix=f"fetch one of them, such as {url}, and give its folder: --from DIR",
        )
    return made


def _known(about: Archive, edition: Edition, workspace: Workspace) -> Packed:
    folder = workspace.unpacked_of(about.name)
    return Packed(about, edition, folder, None, read_journal(folder / "journal.jsonl", UnpackedRecord))


def _places(request: Request, workspace: Workspace, packed: Packed) -> Iterator[Path]:
    if request.source is not None:
        yield Path(os.path.abspath(request.source))
    elif not packed.made:  # what was made of it is enough for one who says nothing of archives
        yield from (workspace.archives, workspace.root)
        yield from (Path(record.path).parent for record in reversed(packed.records[-1:]))


def refuse_unproved(about: Archive, record: UnpackedRecord, *, unverified: bool) -> None:
    """Refuse a packed archive that is not the published one, where that one is known. Raises DigestMismatch."""
    algorithm, published = about.digest
    if unverified or record.published or not published:
        return
    seen = f"{algorithm} {record.digest}" if record.digest else "somebody unpacked it, so that nothing can be compared"
    raise DigestMismatch(
        f"{record.path} is not the published {about.name}",
        seen=f"{seen}; published {algorithm} {published}",
        fix="get the whole archive, or pass --unverified to use this one as it is",
    )


def _length(path: Path) -> int:
    try:
        return path.stat().st_size
    except (FileNotFoundError, NotADirectoryError):
        return -1
    except OSError as error:
        raise storage_error(error, f"look at {path}") from error


def _tree_bytes(folder: Path) -> int:
    try:
        sizes = (os.lstat(os.path.join(at, name)).st_size for at, _, names in os.walk(folder) for name in names)
        return sum(size + _FRAME_BYTES for size in sizes)
    except OSError as error:
        raise storage_error(error, f"look into {folder}") from error
