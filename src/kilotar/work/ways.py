"""How the bytes of one archive can be had: its torrent, its web addresses, and the clients that bring them.

Rules guarded: peers are libtorrent's (or an installed client's), web seeds are ours: no address is given to two; an
address of the edition is held back where a swarm was asked for, since most want a log-in; what a person named comes
first; beside an installed client, which fetches whole archives only, all addresses are held back.
"""

from __future__ import annotations

from collections.abc import Mapping

from kilotar.errors import HttpFailed, storage_error
from kilotar.events import Emit
from kilotar.model.edition import Archive, Edition
from kilotar.model.fetching import Fetcher, PieceWish, SwarmFacts, Tell
from kilotar.model.pieces import PieceTable, Torrent
from kilotar.model.profile import FIRST, Profile
from kilotar.parse.address import plain_url
from kilotar.sources.aria2 import aria2
from kilotar.sources.http import HttpFetcher, HttpOptions, probe
from kilotar.sources.metadata import (
    Place,
    Wanted,
    find_torrent,
    given_place,
    infohash_of,
    saved_place,
    site_place,
    swarm_place,
)
from kilotar.sources.page import fetch_page
from kilotar.sources.torrent.session import Swarm
from kilotar.sources.transmission import transmission
from kilotar.store.files import publish
from kilotar.store.pieces import PieceFile
from kilotar.store.workspace import Workspace
from kilotar.work.doctor import silence_troubles
from kilotar.work.fleet import MakeServer, MakeSwarm, Ways
from kilotar.work.request import Fetching

__all__ = ["SwarmAlone", "find_metadata", "plain_table", "ways_to"]

SWARM_METADATA_S = 120.0


def find_metadata(
    about: Archive, edition: Edition, fetching: Fetching, workspace: Workspace, emit: Emit
) -> Torrent | None:
    """Give the torrent of an archive, and keep it in the workspace; None where it has none.

    Raises: MetadataMissing, TorrentRefused, UsageError, MachineError.
    """
    if not about.infohash:
        return None
    wanted = Wanted(about.name, about.infohash, about.size_bytes, edition.trackers)
    places = _places(about, edition, fetching, workspace)
    found = find_torrent(wanted, places, emit, allow_private=fetching.allow_private)
    if found.to_save:
        path = workspace.torrent_of(about.infohash)
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
        except OSError as error:
            raise storage_error(error, f"make the folder {path.parent}") from error
        publish(path, [found.to_save])
    return found.torrent


def _places(about: Archive, edition: Edition, fetching: Fetching, workspace: Workspace) -> list[Place]:
    places = [given_place(path) for path in fetching.torrents if infohash_of(path) == about.infohash]
    places.append(saved_place(workspace.torrent_of(about.infohash)))
    if edition.torrent_site and not fetching.offline:
        places.append(
            site_place(
                edition.torrent_site,
                about.infohash,
                lambda url, most: fetch_page(url, most, fetching.http_options(is_trusted=False)),
            )
        )
    if fetching.way == "torrent" and not fetching.client:
        places.append(swarm_place(lambda: _ask_swarm(about, edition, fetching, workspace)))
    return places


def _ask_swarm(about: Archive, edition: Edition, fetching: Fetching, workspace: Workspace) -> bytes | None:
    swarm = Swarm(fetching.client_options(), FIRST, workspace.swarm / about.infohash, lambda trouble: None)
    try:
        return swarm.metadata(about.infohash, SWARM_METADATA_S, edition.trackers)
    finally:
        swarm.close()


def plain_table(about: Archive, fetching: Fetching) -> PieceTable:
    """Give the pieces of an archive whose hashes nobody knows. Raises HttpFailed where its length is not known."""
    if about.size_bytes:
        return PieceTable.plain(about.name, about.size_bytes)
    for url in (*fetching.urls_of(about), *about.urls):
        size_bytes = probe(url, _options(url, about, fetching)).size_bytes
        if size_bytes:
            return PieceTable.plain(about.name, size_bytes)
    raise HttpFailed(
        f"the length of {about.name} is not known", seen="no address tells it", fix="give another one with --url"
    )


def ways_to(about: Archive, torrent: Torrent | None, fetching: Fetching, workspace: Workspace) -> Ways:
    """Give the ways to an archive's bytes. Raises NetworkError where there is none."""
    seeds = (*fetching.urls_of(about), *(torrent.web_seeds if torrent else ()))
    origin = tuple(url for url in about.urls if url not in seeds)
    uses_swarm = fetching.way == "torrent" and torrent is not None
    if not uses_swarm:
        seeds, origin = (*seeds, *origin), ()
    if not uses_swarm and not seeds:
        raise HttpFailed(
            f"no address of {about.name} is known",
            seen="neither the edition nor its torrent names one",
            fix="--url URL",
        )
    servers = _servers(seeds if torrent else seeds[:1], about, fetching)
    swarm = _swarm(torrent, fetching, workspace) if uses_swarm and torrent else None
    reserve = _servers(origin, about, fetching)
    if swarm and fetching.client:  # it fetches all or nothing, so that web servers come when it brings nothing
        servers, reserve = {}, {**servers, **reserve}
    return Ways(swarm, servers, reserve, silence_troubles)


def _options(url: str, about: Archive, fetching: Fetching) -> HttpOptions:
    """Give how an address is asked: cookie and headers are for what the person named, else for what the edition does.

    Never for the web seeds of a torrent: its infohash does not vouch for them.
    """
    return fetching.http_options(is_trusted=url in (fetching.urls_of(about) or about.urls))


def _servers(urls: tuple[str, ...], about: Archive, fetching: Fetching) -> Mapping[str, MakeServer]:
    def maker(url: str) -> MakeServer:
        return lambda pieces, tell: HttpFetcher(url, pieces, _options(url, about, fetching), tell)

    return {plain_url(url): maker(url) for url in dict.fromkeys(urls)}


def _swarm(torrent: Torrent, fetching: Fetching, workspace: Workspace) -> MakeSwarm:
    """Give what makes a client of peers."""
    folder = workspace.swarm / torrent.table.infohash

    def make(profile: Profile, pieces: PieceFile, tell: Tell) -> Fetcher:
        if fetching.client == "aria2":
            return aria2(torrent, pieces, folder / "aria2", tell, options=fetching.client_options(), profile=profile)
        if fetching.client == "transmission":
            url = fetching.client_url
            return transmission(torrent, pieces, tell, url=url, options=fetching.client_options())
        return SwarmAlone(Swarm(fetching.client_options(), profile, folder, tell), torrent, pieces)

    return make


class SwarmAlone:
    """A client of peers with one torrent, as one fetcher: closed together."""

    def __init__(self, swarm: Swarm, torrent: Torrent, pieces: PieceFile) -> None:
        self._swarm = swarm
        self._fetcher = swarm.add(torrent, pieces)
        self.name = self._fetcher.name

    def want(self, wish: PieceWish) -> None:
        self._fetcher.want(wish)

    def facts(self) -> SwarmFacts:
        return self._fetcher.facts()

    def close(self, grace_s: float = 5.0) -> None:
        self._swarm.close(grace_s)
