"""`adopt`: a finished or partial archive that another program fetched becomes one of a root.

Rules guarded: the file that is given is never harmed: it is linked or cloned, copied or moved only where a person says
so, and what turns out to be something else loses its second name again; a file that is being written to is only copied,
piece by proved piece; what is believed was hashed here.
"""

from __future__ import annotations

import os
import shlex
import time
from collections.abc import Iterator
from contextlib import closing
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Literal

from kilotar.errors import DigestMismatch, LayoutRefused, MetadataMissing, storage_error
from kilotar.events import Emit, Note, Outcome, RunStarted, ignore
from kilotar.model.edition import Edition
from kilotar.model.pieces import PieceTable
from kilotar.model.report import Report
from kilotar.sources.local import LocalArchive, identify
from kilotar.store.files import publish
from kilotar.store.lock import hold_lock
from kilotar.store.pieces import INCOMPLETE, PieceFile
from kilotar.store.placing import clone, is_being_written, link, move
from kilotar.store.workspace import Workspace
from kilotar.work.ending import one_by_one, telling_end
from kilotar.work.foreign import Foreign, find_foreign, torrents_archive
from kilotar.work.inputs import Inputs
from kilotar.work.rehash import check_each, rehash
from kilotar.work.request import Fetching, Request
from kilotar.work.settling import edition_for, settle
from kilotar.work.ways import find_metadata

__all__ = ["Taking", "adopt"]

Taking = Literal["link", "copy", "move"]
_COPY_BYTES = 4 << 20


def adopt(request: Request, path: Path, emit: Emit = ignore, *, taking: Taking = "link", archive: str = "") -> Report:
    """Take a file, or the archives of a folder, into `ROOT/archives`, and prove what they hold.

    Args:
        request: its root, edition and ways to a .torrent.
        path:    a file or folder, also of aria2, Transmission or qBittorrent.
        taking:  "link" shares the file's bytes (or clones them), which needs no room; "copy"; "move".
        archive: its name, where it is not that of the file.
    Raises: LayoutRefused, UsageError, MetadataMissing, DigestMismatch, MachineError.
    """
    started, emit = time.monotonic(), one_by_one(emit)
    workspace = Workspace(request.root)
    edition = edition_for(request, workspace)
    fetching = request.fetching or Fetching()
    name = archive or torrents_archive(fetching.torrents, edition)
    given = find_foreign(Path(os.path.abspath(path)), edition, name)
    settled = settle(request, edition, workspace, terms=False)
    workspace.create()
    with (
        telling_end("adopt", emit),
        hold_lock(workspace.lock),
        closing(Inputs.open_for(replace(request, fetching=None), workspace, edition, emit)) as inputs,
    ):
        workspace.write_facts(settled)
        emit(RunStarted("adopt", str(workspace.root), len(given), 0, 0))
        adoption = _Adoption(workspace, edition, inputs, fetching, taking, emit)
        known = [adoption.take(one) for one in given]
        inputs.settle()
        return _report(workspace, edition, inputs, any(known), time.monotonic() - started)


def _report(workspace: Workspace, edition: Edition, inputs: Inputs, is_new: bool, seconds: float) -> Report:
    downloads = inputs.downloads.facts()
    root = shlex.quote(str(workspace.root))
    is_whole = all(fact.proved == fact.pieces for fact in downloads)
    return Report(
        verb="adopt",
        root=str(workspace.root),
        edition=edition.name,
        outcome=Outcome.DONE if is_new else Outcome.KEPT,
        archives=tuple(inputs.fact(name) for name in sorted(inputs.found)),
        seconds=seconds,
        next_steps=(f"kilotar prepare {root}" if is_whole else f"kilotar get {root}",),
        downloads=downloads,
    )


@dataclass(frozen=True, slots=True)
class _Adoption:
    """What all files of one run share."""

    workspace: Workspace
    edition: Edition
    inputs: Inputs
    fetching: Fetching
    taking: Taking
    emit: Emit

    def take(self, given: Foreign) -> bool:
        """Take one file; tell whether anything was new. Raises: as `adopt`."""
        final = self.workspace.archives / given.about.name
        if final.is_file():
            self.emit(Note("info", f"{given.about.name} is in {self.workspace.root} already"))
            self.inputs.downloads.find(given.about)
            return False
        if given.client:
            self.emit(Note("info", f"{given.path} was left by {given.client}"))
        try:
            final.parent.mkdir(parents=True, exist_ok=True)
        except OSError as error:
            raise storage_error(error, f"make the folder {final.parent}") from error
        torrent = None
        if given.about.infohash:
            torrent = self._metadata(given)
        if torrent is None:
            self._take_whole(given, final)
        else:
            self._take_pieces(given, final.with_name(final.name + INCOMPLETE), torrent)
        return True

    def _metadata(self, given: Foreign) -> PieceTable | None:
        """Give the pieces; None where nobody knows them now and the file is whole by its length.

        Raises: MetadataMissing, TorrentRefused, UsageError.
        """
        is_whole = given.size_bytes == given.about.size_bytes and bool(given.about.digest[1])
        fetching = replace(self.fetching, way="http") if self.fetching.offline or is_whole else self.fetching
        try:
            found = find_metadata(given.about, self.edition, fetching, self.workspace, self.emit)
        except MetadataMissing as error:
            if not is_whole:
                raise
            self.emit(Note("info", f"{error}; the whole file is read against its published digest"))
            return None
        return found.table if found else None

    # With the hashes of its pieces

    def _take_pieces(self, given: Foreign, part: Path, table: PieceTable) -> None:
        is_same = part.exists() and os.path.samefile(part, given.path)
        if self.taking == "copy" and not is_same:
            pieces = self._pieces(given)
            self._copy(given, pieces)
        elif is_same:
            pieces = self._pieces(given)
            pieces.doubt()
            rehash(pieces, self.emit)
        else:
            pieces = self._share(given, part, table)
        self._settle(given, pieces)

    def _pieces(self, given: Foreign) -> PieceFile:
        return self.inputs.downloads.hold(given.about).pieces

    def _share(self, given: Foreign, part: Path, table: PieceTable) -> PieceFile:
        """Give the file a second name, or move it, and hash it there; undone where it is not this archive."""
        if part.exists():
            raise LayoutRefused(
                f"{given.about.name} is in {self.workspace.root} in part already",
                seen=str(part),
                fix="give --copy: then the pieces that are right are added to it",
            )
        is_own = self.taking == "link" and clone(given.path, part)
        if not is_own:
            _refuse_unfit(given, table)
            (move if self.taking == "move" else link)(given.path, part)
        try:
            return self._hashed(given, part)
        except BaseException:
            self.inputs.downloads.drop(given.about.name)
            if not is_own:
                os.truncate(part, given.size_bytes)  # it was given its full length; what is not there is a hole
            _put_back(part, given.path, is_moved=self.taking == "move")
            raise

    def _hashed(self, given: Foreign, part: Path) -> PieceFile:
        pieces = self._pieces(given)
        stood = os.stat(part)
        pieces.doubt()
        rehash(pieces, self.emit)
        if not pieces.holds_content:
            raise _refused(given, pieces.table)
        now = os.stat(part)
        if (stood.st_mtime_ns, stood.st_size) != (now.st_mtime_ns, now.st_size):
            raise LayoutRefused(f"{given.path} changed while it was read", fix=_STOP_IT)
        return pieces

    def _copy(self, given: Foreign, pieces: PieceFile) -> None:
        """Copy the pieces that are right; what is not is left where it is."""
        table = pieces.table
        wanted = [p for p in pieces.missing(0, table.size_bytes) if table.start(p) < given.size_bytes]
        with open(given.path, "rb") as source:

            def copy_one(piece: int) -> bool:
                data = os.pread(source.fileno(), table.length(piece), table.start(piece))
                return pieces.take(piece, data, given.client or str(given.path))

            check_each(table, wanted, copy_one, "copying what is right", self.emit)
        if not pieces.holds_content:
            raise _refused(given, table)

    def _settle(self, given: Foreign, pieces: PieceFile) -> None:
        pieces.save()
        if not pieces.is_complete:
            return
        download = self.inputs.downloads.hold(given.about)
        self.inputs.found[given.about.name] = download.local
        self.inputs.proof(download.local).judge(pieces.table.infohash)

    # Without

    def _take_whole(self, given: Foreign, final: Path) -> None:
        """Take a file under its final name and read it against its digest."""
        if self.taking == "move":
            _refuse_writer(given)
            move(given.path, final)
        elif not clone(given.path, final):
            if self.taking == "copy":
                publish(final, _chunks(given.path))
            else:
                _refuse_writer(given)
                link(given.path, final)
        try:
            self._prove_whole(given, final)
        except BaseException:
            self.inputs.found.pop(given.about.name, None)
            _put_back(final, given.path, is_moved=self.taking == "move")
            raise

    def _prove_whole(self, given: Foreign, final: Path) -> None:
        local = LocalArchive(given.about, final, identify(final))
        self.inputs.found[given.about.name] = local
        proof = self.inputs.proof(local)
        proof.allow(proof.total_bytes)
        proof.judge(proof.run(lambda start, stop: None))


_STOP_IT = "stop the program that writes to it, or give --copy"


def _refuse_writer(given: Foreign) -> None:
    if is_being_written(given.path):
        raise LayoutRefused(f"{given.path} is open for writing in a program", fix=_STOP_IT)


def _refuse_unfit(given: Foreign, table: PieceTable) -> None:
    """Refuse to share a file that would be harmed by it. Raises LayoutRefused."""
    _refuse_writer(given)
    if given.size_bytes > table.size_bytes:
        raise LayoutRefused(
            f"{given.path} is longer than {given.about.name}",
            seen=f"{given.size_bytes:,} bytes, published {table.size_bytes:,}: it would be cut",
            fix="give --copy, which takes what is right and leaves the file as it is",
        )


def _refused(given: Foreign, table: PieceTable) -> DigestMismatch:
    return DigestMismatch(
        f"{given.path} holds nothing of {given.about.name}",
        seen=f"none of its {table.count:,} pieces is right; the file is as it was",
        fix="say which archive it is with --archive NAME, or fetch it: kilotar get",
    )


def _put_back(place: Path, source: Path, *, is_moved: bool) -> None:
    """Take the second name away, or give the first one back. Raises MachineError."""
    if is_moved:
        move(place, source)
        return
    try:
        place.unlink(missing_ok=True)
    except OSError as error:
        raise storage_error(error, f"remove the link {place}") from error


def _chunks(path: Path) -> Iterator[bytes]:
    with open(path, "rb") as file:
        while chunk := file.read(_COPY_BYTES):
            yield chunk
