"""The demo's private internet: a torrent site, a tracker, a seed and a web seed, all on loopback.

Rules guarded: nothing listens or asks outside this machine (no DHT, no local discovery, no port mapping); the archives
are those of a tiny edition, and the new edition differs from it in infohashes and addresses only; everything ends with
the context. Where there is no libtorrent the web seed alone serves, and that is told.
"""

from __future__ import annotations

import contextlib
import hashlib
from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path

from kilotar.editions.tiny import Tiny
from kilotar.editions.tiny_toml import write_toml
from kilotar.errors import MissingExtra, storage_error
from kilotar.events import Emit, Note
from kilotar.model.edition import Archive, ArchiveRole
from kilotar.model.pieces import PieceTable, Torrent
from kilotar.model.profile import ClientOptions, Profile
from kilotar.parse.torrent import make_torrent, write_torrent
from kilotar.sources.demo_tracker import DemoTracker
from kilotar.sources.demo_web import DemoWeb
from kilotar.sources.torrent import Swarm
from kilotar.store.files import publish
from kilotar.store.pieces import OWN_DISK, open_pieces

__all__ = ["LOOPBACK", "DemoSwarm", "open_demo_swarm"]

LOOPBACK = ClientOptions(interface="127.0.0.1", dht=False, lsd=False, upnp=False, allow_private=True)
_PIECE_BYTES = 16 << 10
_SEED_S = 20.0


@dataclass(frozen=True, slots=True)
class DemoSwarm:
    """What a client needs to know of the private internet.

    Attributes:
        toml:     the edition with infohashes, urls, torrent site and trackers in it.
        torrents: one for each archive of images.
        has_seed: a BitTorrent seed serves beside the web seed.
        web:      what the web server sent is counted there.
    """

    toml: Path
    torrents: tuple[Torrent, ...]
    has_seed: bool
    web: DemoWeb


@contextlib.contextmanager
def open_demo_swarm(tiny: Tiny, folder: Path, emit: Emit) -> Iterator[DemoSwarm]:
    """Serve the archives of a tiny edition as the real ones are served, until the end of the context.

    Args:
        folder: where the new edition and the state of the seed are kept; made.
    Raises: MachineError.
    """
    with contextlib.ExitStack() as open_things:
        try:
            folder.mkdir(parents=True, exist_ok=True)
            tables = [_table(tiny.folder, archive) for archive in tiny.edition.archives if _has_torrent(archive)]
            web, tracker = DemoWeb(), DemoTracker(table.infohash for table in tables)
        except OSError as error:
            raise storage_error(error, f"open the demo's swarm in {folder}") from error
        open_things.callback(web.close)
        open_things.callback(tracker.close)
        swarm = _client(folder / "seed", open_things, emit)
        first = tables[0].name if swarm else ""  # as published, the largest has no web seed
        torrents = tuple(
            make_torrent(table, ((tracker.url,),), () if table.name == first else (_url(web, table.name),))
            for table in tables
        )
        _offer(web, tiny, torrents)
        if swarm:
            _seed(swarm, tiny.folder, torrents, folder / "seed", open_things)
        has_seed = swarm is not None and tracker.wait_for_seeds(_SEED_S)
        toml = _write_edition(tiny, folder / "edition.toml", torrents, web, tracker)
        yield DemoSwarm(toml, torrents, has_seed, web)


def _has_torrent(archive: Archive) -> bool:
    """Say which archives are in the swarm: those of images, as in the published set."""
    return archive.role is ArchiveRole.IMAGES


def _table(folder: Path, archive: Archive) -> PieceTable:
    """Give the table of an archive on disk, with its infohash. Raises OSError."""
    sha1s, size_bytes = [], 0
    with (folder / archive.name).open("rb") as file:
        while piece := file.read(_PIECE_BYTES):
            sha1s.append(hashlib.sha1(piece, usedforsecurity=False).digest())
            size_bytes += len(piece)
    return make_torrent(PieceTable(archive.name, size_bytes, _PIECE_BYTES, b"".join(sha1s))).table


def _url(web: DemoWeb, name: str) -> str:
    return f"{web.url}/files/{name}"


def _offer(web: DemoWeb, tiny: Tiny, torrents: tuple[Torrent, ...]) -> None:
    web.offer({f"/files/{archive.name}": tiny.folder / archive.name for archive in tiny.edition.archives})
    web.offer({f"/download/{one.table.infohash}.torrent": write_torrent(one) for one in torrents})
    items = "".join(
        f"<item><title>Tiny ImageNet, {one.table.name}</title><category>Dataset</category>"
        f"<infohash>{one.table.infohash}</infohash><size>{one.table.size_bytes}</size></item>"
        for one in torrents
    )
    web.offer({"/database.xml": f'<?xml version="1.0"?><rss><channel>{items}</channel></rss>'.encode()})


def _client(state: Path, open_things: contextlib.ExitStack, emit: Emit) -> Swarm | None:
    """Give a client to seed with, None where none is installed."""
    try:
        swarm = Swarm(LOOPBACK, Profile("TCP"), state, emit)
    except MissingExtra as error:
        emit(Note("warning", f"{error}; the web seed serves alone"))
        return None
    open_things.callback(swarm.close)
    return swarm


def _seed(
    swarm: Swarm, folder: Path, torrents: tuple[Torrent, ...], state: Path, open_things: contextlib.ExitStack
) -> None:
    """Seed the archives of a folder."""
    for torrent in torrents:
        pieces = open_pieces(folder, torrent.table.name, state, torrent.table, writable=False)
        open_things.callback(pieces.close)
        for piece in range(torrent.table.count):
            pieces.check(piece, OWN_DISK)
        swarm.add(torrent, pieces)


def _write_edition(tiny: Tiny, path: Path, torrents: tuple[Torrent, ...], web: DemoWeb, tracker: DemoTracker) -> Path:
    infohashes = {one.table.name: one.table.infohash for one in torrents}
    archives = tuple(
        replace(archive, infohash=infohashes.get(archive.name, ""), urls=(_url(web, archive.name),))
        for archive in tiny.edition.archives
    )
    edition = replace(tiny.edition, archives=archives, torrent_site=web.url, trackers=(tracker.url,))
    publish(path, [write_toml(edition).encode()])
    return path
