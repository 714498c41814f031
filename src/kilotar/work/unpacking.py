"""A packed archive made into the archives that are within, so that everything else reads them at random.

Rules guarded: the packed file is read twice: once to prove it, before a byte is written, and once to take it apart; a
file goes to an archive by its folder and its name, and keeps nothing of its folders; what fits nowhere is left out and
told; the bytes of what is made follow from the packed one alone. A kill while it is taken apart costs that reading.
"""

from __future__ import annotations

import os
from contextlib import ExitStack

from msgspec import structs

from kilotar.errors import ArchiveRefused, DiskFull, SettingsDiffer, storage_error
from kilotar.events import Emit, Finding, Landed, Proved, RunStarted
from kilotar.model.edition import Archive, Edition
from kilotar.model.seams import Written
from kilotar.sources.local import LocalArchive, is_still
from kilotar.sources.packed import is_gzip, prove_packed, walk_packed
from kilotar.store.files import fsync_folder
from kilotar.store.journal import Journal
from kilotar.store.staging import remove_tree
from kilotar.store.workspace import Workspace
from kilotar.work.member_names import most_members
from kilotar.work.packed import Packed, UnpackedRecord, find_packed, refuse_unproved
from kilotar.work.parting import Parting
from kilotar.work.request import Request

__all__ = ["unpack", "unpacked"]


def unpacked(request: Request, edition: Edition, workspace: Workspace, emit: Emit) -> tuple[Request, Edition]:
    """Give request and edition with what a packed archive holds, where the edition has one. Raises as `unpack`."""
    packed = find_packed(request, edition, workspace)
    return unpack(packed, request, emit) if packed else (request, edition)


def unpack(packed: Packed, request: Request, emit: Emit) -> tuple[Request, Edition]:
    """Give a request that reads the archives made of a packed one, which are made where they are not there.

    Returns: the request, and the edition that knows their digests.
    Raises: DigestMismatch, SettingsDiffer, ArchiveRefused, DiskFull, MachineError.
    """
    record = packed.current if packed.local else packed.made
    if record is None:
        record = _make(packed, request.unverified, emit)
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
        if proved is None:
            proved = _prove(packed.about, local, emit)
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
    _refuse_changed(local)
    published = f"{algorithm}:{digest}" in about.published
    emit(Proved(about.name, algorithm, digest, published))
    return UnpackedRecord(path, identity, expanded_bytes, algorithm, digest, published)


def _refuse_changed(local: LocalArchive) -> None:
    if local.path.is_file() and not is_still(local.path, str(local.identity)):
        raise ArchiveRefused(f"{local.path} changed while it was read", fix="let its writer end, then run again")


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
        most = most_members(images or None, expanded_bytes)
        parting = Parting(packed.about, packed.edition, growing, most, stack)
        parting.run(walk_packed(local.path, expanded_bytes, packed.about.strictness), emit)
        files = parting.close()
        _refuse_changed(local)
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
