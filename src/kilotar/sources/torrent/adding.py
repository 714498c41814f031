"""What the library is told of a torrent: its pieces, its one file, what is there already, whom to ask.

Rules guarded: the landing's bitmap is the truth: it goes in as `have_pieces`, so nothing is hashed or fetched again,
and pieces of the library's own resume data are never believed (only its peers are); the file is the landing's, under
the landing's name; web seeds are never handed over; nothing is fetched before it is wanted.
Source: measured with libtorrent 2.1.1.
"""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path
from typing import Any

from kilotar.errors import TorrentRefused
from kilotar.model.fetching import Landing
from kilotar.model.pieces import Torrent
from kilotar.model.profile import ClientOptions
from kilotar.sources.torrent.keeping import kept
from kilotar.sources.torrent.trackers import Endpoint

__all__ = ["kept_peers", "torrent_params"]

MOST_RESUME_BYTES = 4 << 20
MOST_PEERS = 500


def torrent_params(
    lt: Any,
    torrent: Torrent,
    landing: Landing,
    options: ClientOptions,
    trackers: list[Endpoint],
    peers: Iterable[Endpoint],
) -> Any:
    """Give the library's parameters for a torrent of which nothing is wanted yet. Raises TorrentRefused."""
    try:
        params = lt.load_torrent_buffer(b"d4:info" + torrent.info + b"e")
    except RuntimeError as error:
        raise TorrentRefused("libtorrent refuses the torrent", seen=str(error)) from error
    path = landing.path
    params.save_path, params.renamed_files = str(path.parent), {0: path.name}
    params.storage_mode = lt.storage_mode_t.storage_mode_sparse
    count = torrent.table.count
    params.have_pieces = [landing.has(piece) for piece in range(count)]
    params.piece_priorities = [0] * count
    params.trackers, params.tracker_tiers = [url for url, _ in trackers], [tier for _, tier in trackers]
    params.peers = list(peers)[:MOST_PEERS]
    params.flags = _flags(lt, options)
    return params


def _flags(lt: Any, options: ClientOptions) -> Any:
    """Give the flags: in order, for the archive is read while it comes (as fast as rarest-first, with slow seeds too);
    and never queued or paused by the library, which would hide a stall."""
    kind = lt.torrent_flags
    flags = kind.sequential_download | kind.update_subscribe | kind.override_trackers | kind.apply_ip_filter
    if not options.dht:
        flags |= kind.disable_dht
    return flags if options.lsd else flags | kind.disable_lsd


def kept_peers(lt: Any, path: Path, infohash: str) -> list[Endpoint]:
    """Give the peers that the last run knew; none where the file is damaged or of another torrent."""
    content = kept(path, MOST_RESUME_BYTES)
    if not content:
        return []
    try:
        params = lt.read_resume_data(content)
    except RuntimeError:
        return []
    return list(params.peers)[:MOST_PEERS] if str(params.info_hashes.v1) == infohash else []
