"""The places of classes in the archives of a root, as a table to hand on.

Rules guarded: what the walker saw and what was learnt while fetching are put together; a table is of one archive;
nothing is read but headers.
"""

from __future__ import annotations

import os
from contextlib import closing
from pathlib import Path

from kilotar.errors import LayoutRefused
from kilotar.events import ignore
from kilotar.model.edition import Archive, Edition, Layout
from kilotar.model.positions import Positions
from kilotar.sources.local import LocalArchive, identify
from kilotar.store.pieces import INCOMPLETE
from kilotar.store.positions import positions_file, positions_of, read_positions, write_positions
from kilotar.store.workspace import Workspace
from kilotar.work.downloads import Downloads
from kilotar.work.foreign import archive_path
from kilotar.work.outline import open_index, outline_archive
from kilotar.work.reopen import edition_of

__all__ = ["export_positions"]


def export_positions(root: Path, path: Path) -> Positions:
    """Write the table of the archive of class tars; give it.

    Raises: LayoutRefused where nothing was prepared, or no place is known; ArchiveRefused; MachineError.
    """
    workspace = Workspace(root)
    edition = edition_of(workspace.prepared())
    for about in edition.archives:
        if about.layout is Layout.TAR_OF_TARS and about.size_bytes:
            found = _known(about, about.size_bytes, edition, workspace)
            if found.rows:
                write_positions(Path(os.path.abspath(path)), found)
                return found
    raise LayoutRefused(
        f"no place of a class is known in {workspace.root}", fix=f"kilotar get {workspace.root}, whole or --classes"
    )


def _known(about: Archive, size_bytes: int, edition: Edition, workspace: Workspace) -> Positions:
    """Give what is known of an archive: learnt, remembered, or walked now where the whole archive is there."""
    wnids = {synset.wnid for synset in edition.classes}
    learnt = read_positions(positions_file(workspace.state, about.infohash or about.name), wnids)
    known = learnt or Positions.of(about.name, size_bytes, about.infohash, ())
    place = archive_path(workspace, about)
    if place is None or place.name.endswith(INCOMPLETE):
        return known
    with closing(Downloads(workspace, edition, None, ignore, writable=False)) as downloads:
        download = downloads.find(about)
        is_own = download is not None and download.pieces.path == place
        local = download.local if download and is_own else LocalArchive(about, place, identify(place))
    outline, _ = outline_archive(place, about, open_index(workspace.index_of(about.name), local))
    rows = positions_of(outline, about.name, size_bytes, about.infohash).rows
    return Positions.of(about.name, size_bytes, about.infohash, (row for row in rows if row.wnid in wnids))
