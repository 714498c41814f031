"""The archives of a root that come, or came, piece by piece: `ROOT/archives`.

Rules guarded: an archive that is whole has its own name, one that is not has `.part` behind it; what is there is used
without asking anybody; a root that is only looked at is not written to.
"""

from __future__ import annotations

import os
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial

from kilotar.errors import MetadataMissing, TorrentRefused
from kilotar.events import Emit, Note, Trouble
from kilotar.model.edition import Archive, Edition
from kilotar.model.pieces import PieceTable
from kilotar.model.report import DownloadFact
from kilotar.parse.torrent import parse_torrent
from kilotar.plan.ladder import Ladder
from kilotar.sources.local import FileIdentity, LocalArchive, Proof
from kilotar.store.files import read_file
from kilotar.store.pieces import INCOMPLETE, PieceFile, open_pieces
from kilotar.store.positions import positions_file, read_positions
from kilotar.store.workspace import Workspace
from kilotar.work.engine import ProofTask
from kilotar.work.fleet import Ways
from kilotar.work.intact import refuse_changed, refuse_holes
from kilotar.work.request import Fetching
from kilotar.work.transfer import Transfer
from kilotar.work.ways import find_metadata, plain_table, ways_to

__all__ = ["Download", "Downloads", "fact_of", "upload_words"]


@dataclass(frozen=True, slots=True)
class Download:
    """An archive that comes piece by piece, or came so.

    Attributes:
        about:    the archive.
        pieces:   its file.
        transfer: brings what is missing; without a way to it where nothing may be fetched.
    """

    about: Archive
    pieces: PieceFile
    transfer: Transfer

    @property
    def is_settled(self) -> bool:
        """Whether the whole archive is there and proved."""
        return self.pieces.is_complete

    @property
    def local(self) -> LocalArchive:
        """The archive as a file of this machine; its identity stays the same while it grows."""
        identity = FileIdentity(self.pieces.size_bytes, 0, self.pieces.born_ns, self.pieces.inode)
        return LocalArchive(self.about, self.pieces.path, identity)

    def proof(self, judge: Callable[[str, str], None]) -> ProofTask:
        """Give the arrival of what is wanted as work for the engine: it is proved as it lands.

        Args:
            judge: gets the algorithm and the digest: the infohash, which stands for the hashes of all pieces; or, where
                there are none, the digest of the whole file, taken when all of it is there.
        """
        table = self.pieces.table
        if self.is_settled:
            self.transfer.close_wants()  # nobody walks an archive that is whole, and says what is wanted of it
        if table.has_hashes:
            return ProofTask(
                lambda landed: table.infohash if self.transfer.run(landed) else "",
                partial(judge, "btih"),
                _all_is_wanted,
                self.transfer.cancel,
                table.size_bytes,
            )
        algorithm = self.about.digest[0] or "sha256"
        proof = Proof(self.local, algorithm)

        def fetch_and_read(landed: Callable[[int, int], None]) -> str:
            if not self.transfer.run(lambda start, stop: None):
                return ""
            proof.allow(table.size_bytes)
            return proof.run(lambda stop: landed(0, stop))

        def cancel() -> None:
            self.transfer.cancel()
            proof.cancel()

        return ProofTask(fetch_and_read, partial(judge, algorithm), _all_is_wanted, cancel, table.size_bytes)


def upload_words(fetching: Fetching) -> str:
    """Say what peers are given while something is fetched."""
    swarm = fetching.swarm
    if swarm.no_upload:
        return "sends nothing to peers"
    limit = f"at most {swarm.upload_limit_bytes_s:,} bytes/s" if swarm.upload_limit_bytes_s else "--upload-limit"
    return f"seeds while it works ({limit}; --no-upload)"


def fact_of(about: Archive, pieces: PieceFile, transfer: Transfer | None, positions: int) -> DownloadFact:
    """Give what is known of a download."""
    return DownloadFact(
        about.name,
        str(pieces.path),
        pieces.size_bytes,
        pieces.table.count,
        pieces.landed_bytes(),
        pieces.count,
        positions,
        tuple(sorted(pieces.brought.items())),
        transfer.sent_bytes if transfer else 0,
        pieces.wrong,
    )


def _all_is_wanted(stop: int) -> None:
    """A download is never held back: peers leave who is not asked."""


class Downloads:
    """The downloads of one root; close it.

    Args:
        workspace: of the root.
        edition:   the release.
        fetching:  how what is missing may be fetched, None for not at all.
        emit:      gets Progress and Trouble, from several threads.
        writable:  False only looks.
    """

    def __init__(
        self, workspace: Workspace, edition: Edition, fetching: Fetching | None, emit: Emit, *, writable: bool
    ) -> None:
        self._workspace, self._edition, self._fetching, self._emit = workspace, edition, fetching, emit
        self._writable = writable
        self._open: dict[str, Download] = {}
        self._has_said = False

    def find(self, about: Archive) -> Download | None:
        """Give the download of an archive that is there, whole or in part; None where there is none.

        Raises: MachineError.
        """
        if about.name not in self._open:
            table = self._known_table(about)
            if table is None or not self._is_there(about):
                return None
            ways = Ways()
            if self._fetching is not None and self._writable:
                return self.begin(about)
            self._open[about.name] = self._make(about, table, ways)
        return self._open[about.name]

    def fetch(self, archives: tuple[Archive, ...]) -> LocalArchive | None:
        """Begin the first of some archives that can be fetched; None where none may be.

        Raises: NetworkError, TheirError, MachineError.
        """
        if self._fetching is None or not archives:
            return None
        about = next((a for a in archives if a.infohash or a.urls), archives[0])
        if not self._writable:
            return LocalArchive(
                about, self._workspace.archives / about.name, FileIdentity(about.size_bytes or 0, 0, 0, 0)
            )
        return self.begin(about).local

    def begin(self, about: Archive) -> Download:
        """Give the download of an archive, begun if it is not there. Raises NetworkError, TheirError, MachineError."""
        assert self._fetching is not None
        torrent = None
        try:
            torrent = find_metadata(about, self._edition, self._fetching, self._workspace, self._emit)
        except (MetadataMissing, TorrentRefused) as error:
            if self._fetching.way == "torrent" or isinstance(error, TorrentRefused):
                raise
            self._emit(Trouble("metadata", about.name, str(error), "the whole file is proved at the end instead"))
        table = torrent.table if torrent else plain_table(about, self._fetching)
        ways = ways_to(about, torrent, self._fetching, self._workspace)
        self._open[about.name] = self._make(about, table, ways)
        self._say_upload(self._open[about.name], ways)
        return self._open[about.name]

    def hold(self, about: Archive) -> Download:
        """Give the file of an archive whose .torrent is in the workspace, begun if it is not there; nothing comes.

        Raises: MetadataMissing, MachineError.
        """
        if about.name not in self._open:
            table = self._known_table(about)
            if table is None:
                raise MetadataMissing(f"the pieces of {about.name} are not known", fix="give --torrent FILE")
            self._open[about.name] = self._make(about, table, Ways())
        return self._open[about.name]

    def drop(self, name: str) -> None:
        """Forget a download; its file stays."""
        download = self._open.pop(name, None)
        if download is not None:
            download.pieces.close()

    def _say_upload(self, download: Download, ways: Ways) -> None:
        """Say once that peers are given something too, before the first byte comes."""
        if self._has_said or ways.swarm is None or download.is_settled:
            return
        self._has_said = True
        assert self._fetching is not None
        self._emit(Note("info", upload_words(self._fetching)))

    def get(self, name: str) -> Download | None:
        """Give an open download by the name of its archive."""
        return self._open.get(name)

    def lacks(self, local: LocalArchive) -> bool:
        """Tell whether bytes of an archive may have to be fetched."""
        download = self._open.get(local.name)
        return not local.identity.inode if download is None else not download.is_settled

    def landed_bytes(self, local: LocalArchive) -> int:
        """Give how many bytes of an archive are here and proved."""
        download = self._open.get(local.name)
        return download.pieces.landed_bytes() if download else 0

    def settle(self) -> tuple[Download, ...]:
        """Give archives that are whole their own name; give those that have it now. Raises MachineError."""
        whole = [one for one in self._open.values() if self._writable and one.is_settled]
        for download in whole:
            refuse_changed(download.pieces)
            refuse_holes(download.pieces)
        return tuple(download for download in whole if download.pieces.finish())

    @property
    def uses_swarm(self) -> bool:
        """Whether archives of this run come out of swarms."""
        return bool(self._open) and self._fetching is not None and self._fetching.way == "torrent"

    def facts(self) -> tuple[DownloadFact, ...]:
        """Give what is known of every download that was looked at."""
        return tuple(self._fact(self._open[name]) for name in sorted(self._open))

    def _fact(self, download: Download) -> DownloadFact:
        table = download.pieces.table
        wnids = {synset.wnid for synset in self._edition.classes}
        known = read_positions(positions_file(self._workspace.state, table.infohash or table.name), wnids)
        return fact_of(download.about, download.pieces, download.transfer, len(known.rows) if known else 0)

    def close(self) -> None:
        for download in self._open.values():
            download.pieces.close()

    def _make(self, about: Archive, table: PieceTable, ways: Ways) -> Download:
        workspace = self._workspace
        pieces = open_pieces(workspace.archives, about.name, workspace.pieces, table, writable=self._writable)
        give_up_after_s = self._fetching.give_up_after_s if self._fetching else 0.0
        ladder = Ladder(
            has_swarm=ways.swarm is not None, piece_bytes=table.piece_bytes, give_up_after_s=give_up_after_s
        )
        return Download(about, pieces, Transfer(pieces, ways, ladder, self._emit))

    def _known_table(self, about: Archive) -> PieceTable | None:
        """Give the pieces of an archive as this root remembers them."""
        content = read_file(self._workspace.torrent_of(about.infohash)) if about.infohash else None
        if content is not None:
            try:
                torrent = parse_torrent(content, infohash=about.infohash, name=about.name, size_bytes=about.size_bytes)
            except TorrentRefused:
                return None
            return torrent.table
        bitmap = self._workspace.pieces / f"{about.name}.bits"
        return PieceTable.plain(about.name, about.size_bytes) if about.size_bytes and bitmap.is_file() else None

    def _is_there(self, about: Archive) -> bool:
        names = (about.name, about.name + INCOMPLETE)
        return any(os.path.isfile(self._workspace.archives / name) for name in names)
