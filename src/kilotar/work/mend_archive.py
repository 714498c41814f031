"""`repair`: an archive from anywhere, hashed piece by piece, and only what is wrong or missing fetched anew.

Rules guarded: everything is read before anything is written, and a file that holds nothing of the archive is left
alone; right pieces are never fetched or written again; the file keeps its name, and bytes behind its end are cut; of an
archive that a root wanted in part, only that part is mended.
"""

from __future__ import annotations

import os
import shlex
import tempfile
import time
from collections.abc import Iterator
from contextlib import closing, contextmanager
from dataclasses import dataclass, replace
from pathlib import Path

from kilotar.errors import DigestMismatch, LayoutRefused, MetadataMissing
from kilotar.events import Emit, Note, Outcome, RunStarted, ignore
from kilotar.model.edition import Archive, Edition
from kilotar.model.pieces import Torrent
from kilotar.model.ranges import ByteRange, Ranges
from kilotar.model.report import DownloadFact, Report
from kilotar.plan.ladder import Ladder
from kilotar.store.lock import hold_lock
from kilotar.store.pieces import INCOMPLETE, OWN_DISK, PieceFile, open_pieces
from kilotar.store.workspace import STATE, Workspace
from kilotar.work.downloads import fact_of, upload_words
from kilotar.work.ending import one_by_one, telling_end
from kilotar.work.foreign import archive_path, find_foreign, torrents_archive
from kilotar.work.rehash import rehash
from kilotar.work.request import Fetching, Request
from kilotar.work.settling import edition_for, settle
from kilotar.work.transfer import Transfer
from kilotar.work.ways import find_metadata, ways_to

__all__ = ["repair"]


def repair(
    path: Path,
    fetching: Fetching,
    emit: Emit = ignore,
    *,
    edition: str = "",
    archive: str = "",
    accept_terms: bool = False,
) -> Report:
    """Mend one archive, or all archives of a root.

    Args:
        path:     a file, or a root.
        fetching: how pieces are fetched.
        edition:  name or file; "" means that of the root, or ilsvrc2012.
        archive:  its name, where it is not that of the file.
        accept_terms: whether the person accepts the edition's terms of use, where the root does not know it.
    Raises: LayoutRefused, UsageError, MetadataMissing, DigestMismatch for a file that holds nothing of the archive;
        NetworkError where no way to the bytes is left; DecisionNeeded for the terms; MachineError.
    """
    started, emit, path = time.monotonic(), one_by_one(emit), Path(os.path.abspath(path))
    with telling_end("repair", emit), _workspace_of(path) as workspace:
        if path.is_dir():
            workspace.prepared()
        request = Request(workspace.root, edition=edition, accept_terms=accept_terms)
        of = edition_for(request, workspace)
        settled = settle(request, of, workspace)
        with hold_lock(workspace.lock):
            mending = _Mending(workspace, of, fetching, emit)
            if path.is_dir():
                workspace.write_facts(settled)
                jobs = list(mending.of_root())
            else:
                given = find_foreign(path, of, archive or torrents_archive(fetching.torrents, of))
                jobs = [(one.about, one.path, mending.metadata(one.about)) for one in given]
            emit(RunStarted("repair", str(workspace.root), 0, 0, 0))
            facts = tuple(mending.mend(*job) for job in jobs)
    return _report(path, of, facts, time.monotonic() - started)


def _report(path: Path, edition: Edition, facts: tuple[DownloadFact, ...], seconds: float) -> Report:
    is_mended = any(set(dict(fact.brought)) - {OWN_DISK} for fact in facts)
    word = shlex.quote(str(path))
    return Report(
        verb="repair",
        root=str(path),
        edition=edition.name,
        outcome=Outcome.DONE if is_mended else Outcome.KEPT,
        seconds=seconds,
        next_steps=(f"kilotar verify {word} --repair",) if path.is_dir() else (f"kilotar adopt {word} --into ROOT",),
        downloads=facts,
    )


@contextmanager
def _workspace_of(path: Path) -> Iterator[Workspace]:
    """Give the workspace of a root, or of the root that a file belongs to; else one whose state is thrown away."""
    root = path if path.is_dir() else path.parent.parent
    if path.is_dir() or (path.parent.name == "archives" and (root / STATE).is_dir()):
        yield Workspace(root)
        return
    with tempfile.TemporaryDirectory(prefix="kilotar-repair-") as folder:
        workspace = Workspace(path.parent, state=Path(folder))
        workspace.create()
        yield workspace


@dataclass(frozen=True, slots=True)
class _Mending:
    """What all archives of one run share."""

    workspace: Workspace
    edition: Edition
    fetching: Fetching
    emit: Emit

    def of_root(self) -> Iterator[tuple[Archive, Path, Torrent]]:
        """Give the archives of the root that have pieces. Raises LayoutRefused where there is none."""
        is_none = True
        for about in self.edition.archives:
            place = archive_path(self.workspace, about)
            if place is None:
                continue
            is_none = False
            if about.infohash:
                yield about, place, self.metadata(about)
            else:
                self.emit(Note("info", f"{about.name} has no torrent: kilotar verify reads it against its digest"))
        if is_none:
            raise LayoutRefused(f"{self.workspace.root} has no archives", fix=f"kilotar get {self.workspace.root}")

    def metadata(self, about: Archive) -> Torrent:
        """Give the torrent of an archive. Raises MetadataMissing, TorrentRefused, UsageError, MachineError."""
        torrent = find_metadata(about, self.edition, self.fetching, self.workspace, self.emit)
        if torrent is None:
            raise MetadataMissing(
                f"{about.name} has no torrent, so its pieces are not known",
                fix="kilotar verify ROOT compares it whole; where it is wrong, remove it and kilotar get --from http",
            )
        return torrent

    def mend(self, about: Archive, path: Path, torrent: Torrent) -> DownloadFact:
        """Mend one archive. Raises: as `repair`."""
        table = replace(torrent.table, name=about.name)
        size_bytes = path.stat().st_size
        with closing(open_pieces(path.parent, path.name, self.workspace.pieces, table, writable=False)) as pieces:
            wanted = self._examine(path, pieces)
            wrong = pieces.wrong
            transfer = None
            if wanted or size_bytes > table.size_bytes:
                pieces.allow_writing()
            if wanted:
                transfer = self._fetch(about, torrent, pieces, wanted)
            if path.parent != self.workspace.archives or not pieces.finish():
                pieces.save()
            return replace(fact_of(about, pieces, transfer, 0), wrong=wrong)

    def _examine(self, path: Path, pieces: PieceFile) -> Ranges:
        """Read all that is there; give what is to be fetched. Raises DigestMismatch for another file."""
        table = pieces.table
        known = set(range(table.count)) - set(pieces.missing(0, table.size_bytes))
        pieces.doubt()
        suspects = pieces.suspects
        rehash(pieces, self.emit)
        if not pieces.holds_content:
            raise DigestMismatch(
                f"{path} holds nothing of {pieces.table.name}",
                seen=f"none of {pieces.table.count:,} pieces is right; the file is as it was",
                fix="say which archive it is with --archive NAME, or fetch it: kilotar get",
            )
        missing = set(pieces.missing(0, table.size_bytes))
        if path.parent == self.workspace.archives and path.name.endswith(INCOMPLETE):
            missing &= known.union(suspects)
        return Ranges.of(ByteRange(table.start(piece), table.stop(piece)) for piece in sorted(missing))

    def _fetch(self, about: Archive, torrent: Torrent, pieces: PieceFile, wanted: Ranges) -> Transfer:
        ways = ways_to(about, torrent, self.fetching, self.workspace)
        if ways.swarm is not None:
            self.emit(Note("info", upload_words(self.fetching)))
        ladder = Ladder(
            has_swarm=ways.swarm is not None,
            piece_bytes=pieces.table.piece_bytes,
            give_up_after_s=self.fetching.give_up_after_s,
        )
        transfer = Transfer(pieces, ways, ladder, self.emit)
        for part in wanted:
            transfer.want(part.start, part.stop)
        transfer.close_wants()
        transfer.run(lambda start, stop: None)
        return transfer
