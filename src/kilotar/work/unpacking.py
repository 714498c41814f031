"""A packed archive made into the archives that are within, so that everything else reads them at random.

Rules guarded: the packed file is read twice: once to prove it, before a byte is written, and once to take it apart; a
file goes to an archive by its folder and its name, and keeps nothing of its folders; what fits nowhere is left out and
told; the bytes of what is made follow from the packed one alone. A kill while it is taken apart costs that reading.
"""

from __future__ import annotations

import os
import re
from collections.abc import Iterator
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path

from msgspec import structs

from kilotar.errors import ArchiveRefused, DiskFull, SettingsDiffer, storage_error
from kilotar.events import Emit, Finding, Found, Landed, Outcome, Proved, RunStarted, StepEnded
from kilotar.model.edition import Archive, ArchiveRole, Edition
from kilotar.model.sample import Split
from kilotar.model.seams import Written
from kilotar.sinks.tar_shards import END, header
from kilotar.sources.local import LocalArchive, is_still
from kilotar.sources.packed import PackedFile, is_gzip, prove_packed, walk_packed
from kilotar.store.appending import AppendedFile
from kilotar.store.files import fsync_folder
from kilotar.store.journal import Journal
from kilotar.store.staging import remove_tree
from kilotar.store.workspace import Workspace
from kilotar.work.image_sets import ImageSets
from kilotar.work.member_names import NameRule, SkipReport, most_members
from kilotar.work.packed import Packed, UnpackedRecord, find_packed, refuse_unproved
from kilotar.work.request import Request

__all__ = ["unpack", "unpacked"]

_TOLD_BYTES = 64 << 20
_LARGEST_LIST_BYTES = 64 << 20
_LONGEST_NAME = 100  # of a file in a tar
_OF_IMAGES = (".jpeg", ".jpg", ".xml")


def unpacked(request: Request, edition: Edition, workspace: Workspace, emit: Emit) -> tuple[Request, Edition]:
    """Give request and edition with what a packed archive holds, where the edition has one. Raises as `unpack`."""
    packed = find_packed(request, edition, workspace)
    return unpack(packed, request, emit) if packed else (request, edition)


def unpack(packed: Packed, request: Request, emit: Emit) -> tuple[Request, Edition]:
    """Give a request that reads the archives made of a packed one, which are made where they are not there.

    Returns: the request, and the edition that knows their digests.
    Raises: DigestMismatch, SettingsDiffer, ArchiveRefused, DiskFull, MachineError.
    """
    record = packed.current
    if packed.local is None:
        record = packed.made
    if record is None:
        record = _make(packed, request.unverified, emit)
    for finding in record.findings:
        emit(Found(finding))
    return packed.taken(request, record)


def _make(packed: Packed, unverified: bool, emit: Emit) -> UnpackedRecord:
    local = packed.local
    assert local is not None, "it is looked for before it is unpacked"
    try:
        packed.folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise storage_error(error, f"make the folder {packed.folder}") from error
    with Journal(packed.folder / "journal.jsonl", UnpackedRecord) as journal:
        proved = next((r for r in reversed(journal.records) if r.identity == str(local.identity)), None)
        if proved is None or proved.files:
            proved = _prove(packed.about, local, emit)
            refuse_unproved(packed.about, proved, unverified=unverified)
            _refuse_other(journal.records, proved)
            journal.append([proved])
        refuse_unproved(packed.about, proved, unverified=unverified)
        made = packed.made
        if made is None:
            files, findings = _take_apart(packed, local, proved.expanded_bytes, emit)
        else:
            files, findings = made.files, made.findings[1:]
        where = f"{proved.algorithm} {proved.digest}" if proved.digest else "unpacked by somebody"
        compared = "the published one" if proved.published else "not compared with a published one"
        told = Finding("unpacked", packed.about.name, f"{where}, {compared}", is_problem=False)
        record = structs.replace(proved, files=files, findings=(told, *findings))
        journal.append([record])
        return record


def _prove(about: Archive, local: LocalArchive, emit: Emit) -> UnpackedRecord:
    """Read it once; a tar or a folder that somebody unpacked has nothing to be compared with."""
    path, identity = str(local.path), str(local.identity)
    if not is_gzip(local.path):
        return UnpackedRecord(path, identity, local.size_bytes, "", "", published=False)
    algorithm = about.digest[0] or "sha256"
    emit(RunStarted("prove", path, 0, 0, 0))

    def landed(stop: int) -> None:
        emit(Landed(about.name, 0, stop, local.size_bytes))

    expanded_bytes, digest = prove_packed(local.path, algorithm, landed)
    if not is_still(local.path, identity):
        raise ArchiveRefused(f"{path} changed while it was read", fix="let its writer end, then run again")
    published = f"{algorithm}:{digest}" in about.published
    emit(Proved(about.name, algorithm, digest, published))
    return UnpackedRecord(path, identity, expanded_bytes, algorithm, digest, published)


def _refuse_other(records: list[UnpackedRecord], proved: UnpackedRecord) -> None:
    """Refuse another packed archive than the one that this root was made of."""
    then = next((record for record in reversed(records) if record.files), None)
    if then is not None and (not then.digest or then.digest != proved.digest):
        raise SettingsDiffer(
            f"{proved.path} is not the archive that this root was made of",
            seen=f"{proved.digest or 'unpacked'} now, {then.digest or 'unpacked'} then, {then.path}",
            fix="leave --from out to go on with what was made of it, or prepare this one in another root",
        )


def _take_apart(
    packed: Packed, local: LocalArchive, expanded_bytes: int, emit: Emit
) -> tuple[tuple[Written, ...], tuple[Finding, ...]]:
    growing = packed.folder / "new"
    remove_tree(growing)
    remove_tree(packed.archives)
    if local.path.is_dir():
        expanded_bytes = packed.expanded_bytes()
    _refuse_when_full(packed, expanded_bytes)
    images = sum(about.images or 0 for about in packed.edition.archives if about.within)
    emit(RunStarted("unpack", str(local.path), 0, images, expanded_bytes))
    with ExitStack() as stack:
        stack.callback(remove_tree, growing)
        try:
            growing.mkdir()
        except OSError as error:
            raise storage_error(error, f"make the folder {growing}") from error
        parting = _Parting(packed, growing, most_members(images or None, expanded_bytes), stack)
        parting.run(walk_packed(local.path, expanded_bytes, packed.about.strictness), emit)
        files = parting.close()
        try:
            fsync_folder(growing)
            os.rename(growing, packed.archives)
            fsync_folder(packed.folder)
        except OSError as error:
            raise storage_error(error, f"name {packed.archives}") from error
    return files, parting.findings


def _refuse_when_full(packed: Packed, needed_bytes: int) -> None:
    try:
        facts = os.statvfs(packed.folder)
    except OSError as error:
        raise storage_error(error, f"look at {packed.folder}") from error
    if needed_bytes > (free_bytes := facts.f_bavail * facts.f_frsize):
        raise DiskFull(
            f"there is no room to unpack {packed.about.name}",
            seen=f"{needed_bytes:,} bytes are needed, {free_bytes:,} are free",
            fix="make room, or choose a root on another disk; the packed file may lie elsewhere",
        )


@dataclass(slots=True)
class _Target:
    """An archive that is made."""

    about: Archive
    split: Split
    within: re.Pattern[str]
    rule: NameRule
    file: AppendedFile
    files: int = 0

    def takes(self, name: str, size_bytes: int) -> bool:
        """Tell whether a file of its folders belongs to it."""
        if self.about.role is ArchiveRole.BOXES:
            stem, dot, ending = name.rpartition(".")
            name = f"{stem}.JPEG" if dot and ending == "xml" else ""
        return len(name) <= _LONGEST_NAME and bool(self.rule.name_of(name.encode("ascii"), size_bytes))

    def add(self, name: str, data: bytes) -> None:
        self.file.add(header(name, len(data)))
        self.file.add(data)
        self.file.add(bytes(-len(data) % 512))
        self.files += 1


class _Parting:
    """Sends each file of a packed archive where it belongs."""

    def __init__(self, packed: Packed, folder: Path, most: int, stack: ExitStack) -> None:
        self._name = packed.about.name
        self._lists = re.compile(packed.about.lists, re.ASCII) if packed.about.lists else None
        self._targets = tuple(_targets(packed.edition, folder))
        for target in self._targets:
            stack.callback(target.file.drop)
        self._sets = ImageSets(most)
        self._found: list[Finding] = []
        self._report = SkipReport(self._name, self._found.append)
        self._others = 0

    def run(self, files: Iterator[PackedFile], emit: Emit) -> None:
        """Take every file. Raises ArchiveRefused, MachineError."""
        images = size_bytes = runs = 0
        for file in files:
            images += self._take(file)
            size_bytes += file.size_bytes
            if size_bytes >= _TOLD_BYTES:
                emit(StepEnded(f"unpack/{runs:05d}", Outcome.DONE, images, size_bytes))
                images, size_bytes, runs = 0, 0, runs + 1
        emit(StepEnded(f"unpack/{runs:05d}", Outcome.DONE, images, size_bytes))

    def _take(self, file: PackedFile) -> bool:
        """Put a file where it belongs; tell whether it is an image."""
        path = file.path.decode("ascii", "backslashreplace")
        folder, _, name = path.rpartition("/")
        target = next((one for one in self._targets if one.within.fullmatch(folder)), None)
        if target is not None and target.takes(name, file.size_bytes):
            target.add(name, file.read())
            is_image = target.about.role is ArchiveRole.IMAGES
            if is_image:
                self._sets.add_image(target.split, name.rpartition(".")[0])
            return is_image
        listed = self._lists.fullmatch(path) if self._lists else None
        if listed is not None and file.size_bytes <= _LARGEST_LIST_BYTES:
            self._sets.add_list(Split(listed["split"]), file.read(), path)
        elif target is not None:
            self._report.skip(target.rule.why_not(name.encode("ascii"), file.size_bytes), file.path, file.offset)
        elif path.lower().endswith(_OF_IMAGES):
            self._report.skip(Finding("name", "", "not in a folder that the edition knows"), file.path, file.offset)
        else:
            self._others += 1
        return False

    def close(self) -> tuple[Written, ...]:
        """End the archives and make them durable; one without a file is none.

        Raises: ArchiveRefused where there is no image at all; MachineError.
        """
        self._report.close()
        if not any(target.files for target in self._targets if target.about.role is ArchiveRole.IMAGES):
            first = self._found[0].why if self._found else f"{self._others:,} files, none of them an image"
            raise ArchiveRefused(
                f"{self._name} holds nothing of what it should hold", seen=first, fix="check which archive this file is"
            )
        made = []
        for target in self._targets:
            if target.files:
                target.file.add(END)
                made.append(target.file.close())
            else:
                target.file.remove()
        return tuple(made)

    @property
    def findings(self) -> tuple[Finding, ...]:
        """What was left out, and what the lists say."""
        others = Finding("other", self._name, f"{self._others:,} files of other kinds", is_problem=False)
        return (*self._found, *self._sets.findings(), *((others,) if self._others else ()))


def _targets(edition: Edition, folder: Path) -> Iterator[_Target]:
    images = {a.split: a for a in edition.archives if a.within and a.role is ArchiveRole.IMAGES}
    for about in edition.archives:
        if about.within and about.split in images and about.split is not None:
            within, rule = re.compile(about.within, re.ASCII), NameRule(images[about.split])
            yield _Target(about, about.split, within, rule, AppendedFile(folder / about.name))
