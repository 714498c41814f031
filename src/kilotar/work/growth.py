"""The parts of an archive as they become known while it arrives.

Rules guarded: the parts come from the same strict walk as those of an archive on disk, which waits for each header; of
a few classes only the pieces that hold them are wanted, and their places are found by looking at few pieces more; what
was learnt about places is kept.
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from kilotar.errors import ArchiveRefused
from kilotar.events import Finding
from kilotar.model.edition import Edition, Layout
from kilotar.model.positions import Position, Positions
from kilotar.parse.tar_header import BLOCK
from kilotar.plan.locate import Locator
from kilotar.store.index import IndexFolder, PartSpan
from kilotar.store.positions import positions_file, read_positions, take_positions, write_positions
from kilotar.store.workspace import Workspace
from kilotar.work.downloads import Download
from kilotar.work.locating import locate
from kilotar.work.outline import outline_archive
from kilotar.work.transfer import Cancelled

__all__ = ["Growth"]

OnPart = Callable[[PartSpan], None]
Found = Callable[[Finding], None]


class Growth:
    """Finds the parts of one archive while it arrives, and says what of it is wanted.

    Args:
        download:  the archive.
        edition:   the release.
        chosen:    wnids that are wanted, None for all.
        index:     of the archive.
        workspace: keeps what is learnt about places.
        given:     a table of places that a person brought.
    """

    def __init__(
        self,
        download: Download,
        edition: Edition,
        chosen: frozenset[str] | None,
        index: IndexFolder,
        workspace: Workspace,
        given: Path | None = None,
    ) -> None:
        self._download, self._edition, self._chosen, self._index = download, edition, chosen, index
        self._file = positions_file(workspace.state, download.pieces.table.infohash or download.about.name)
        self._given = given
        self._transfer = download.transfer

    @property
    def is_part(self) -> bool:
        """Whether only some class tars of the archive are wanted, and can be told apart."""
        nested = self._download.about.layout is Layout.TAR_OF_TARS
        return self._chosen is not None and nested and self._download.pieces.table.has_hashes

    def walk(self, on_part: OnPart, found: Found) -> tuple[PartSpan, ...]:
        """Want what is needed, tell every part as soon as its place is known; give all of them.

        Runs beside the transfer, in a thread of its own; ends early where the transfer is cancelled.
        Raises: ArchiveRefused, LayoutRefused, MachineError.
        """
        try:
            return self._locate(on_part, found) if self.is_part else self._outline(on_part)
        except Cancelled:
            return ()
        except ArchiveRefused:  # proved bytes are no tar: they were written over since, or never were one
            self._download.pieces.distrust()
            raise

    def wait_for(self, span: PartSpan) -> None:
        """Return when a part is there. Raises Cancelled where it will not come."""
        self._transfer.wait_for(span.start, span.stop)

    def known_parts(self) -> tuple[PartSpan, ...]:
        """Give the wanted parts whose places are known and whose bytes are there."""
        pieces = self._download.pieces
        rows = self._known().by_wnid
        spans = (_span(rows[wnid]) for wnid in sorted(self._chosen or rows) if wnid in rows)
        return tuple(span for span in spans if pieces.covers(span.start - BLOCK, span.stop))

    def _outline(self, on_part: OnPart) -> tuple[PartSpan, ...]:
        self._transfer.want(0, self._download.pieces.size_bytes)
        self._transfer.close_wants()
        local, wait = self._download.local, self._transfer.wait_for
        outline, _ = outline_archive(local.path, local.about, self._index, on_part=on_part, wait=wait)
        return outline.parts

    def _locate(self, on_part: OnPart, found: Found) -> tuple[PartSpan, ...]:
        pieces, transfer = self._download.pieces, self._transfer
        chosen = sorted(self._chosen or ())
        locator = Locator(pieces.table, self._download.about, self._edition.classes, chosen, self._known())
        spans: list[PartSpan] = []

        def piece_ready(piece: int) -> bytes:
            transfer.wait_for(pieces.table.start(piece), pieces.table.stop(piece))
            return pieces.read(piece)

        def located(position: Position) -> None:
            transfer.want(position.header_at, position.stop)
            write_positions(self._file, locator.positions)
            spans.append(_span(position))
            on_part(spans[-1])

        positions = locate(locator, transfer.hurry, piece_ready, located=located, found=found)
        transfer.close_wants()
        write_positions(self._file, positions)
        return tuple(sorted(spans, key=lambda span: span.start))

    def _known(self) -> Positions:
        """Give the places that are known: those of this root, and those that a person brought."""
        wnids = {synset.wnid for synset in self._edition.classes}
        table = self._download.pieces.table
        known = read_positions(self._file, wnids) or Positions(self._download.about.name, table.size_bytes)
        if self._given is None:
            return known
        return known.updated(take_positions(self._given, wnids, table.size_bytes, table.infohash).rows)


def _span(position: Position) -> PartSpan:
    return PartSpan(position.wnid, position.wnid, position.start, position.stop, is_slice=False)
