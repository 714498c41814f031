"""Finding, fetching, mending and giving archives."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Literal, Unpack

from kilotar.api.wish import OnEvent, Wish, as_path, make_request
from kilotar.events import ignore

if TYPE_CHECKING:
    from kilotar.model.catalogue import SearchResult
    from kilotar.model.report import Report
    from kilotar.work.request import Fetching

__all__ = ["adopt", "export_positions", "get", "repair", "search_archives", "seed"]


def get(root: Path | str, *, kit: bool = False, on_event: OnEvent = ignore, **wish: Unpack[Wish]) -> Report:
    """Fetch archives and prove them, and nothing else; without `fetching` from peers. The same call again resumes.

    Args:
        kit: fetch the development kit too; nothing needs it.
    Raises: as `prepare`; NetworkError where no way to the bytes is left.
    """
    from kilotar.work import get as verb
    from kilotar.work.request import Fetching

    wish.setdefault("fetching", Fetching())
    return verb.get(make_request(root, wish), on_event, kit=kit)


def adopt(
    path: Path | str,
    into: Path | str,
    *,
    taking: Literal["link", "copy", "move"] = "link",
    archive: str = "",
    edition: str = "",
    unverified: bool = False,
    fetching: Fetching | None = None,
    on_event: OnEvent = ignore,
) -> Report:
    """Take an archive that another program fetched, whole or in part, into the root `into`, and prove what it holds.

    Args:
        path:   a file of aria2, Transmission, qBittorrent or of anybody; or a folder with such files.
        taking: "link" shares the bytes (or clones them) and needs no room; "copy"; "move". The file is never harmed.
        archive: name of the archive, where it is not that of the file.
        fetching: says how a .torrent is got; no archive is fetched.
    Raises: LayoutRefused, UsageError, MetadataMissing, DigestMismatch, MachineError.
    """
    from kilotar.work import adopt as verb
    from kilotar.work.request import Request

    request = Request(as_path(into), edition=edition, unverified=unverified, fetching=fetching)
    return verb.adopt(request, as_path(path), on_event, taking=taking, archive=archive)


def repair(
    path: Path | str,
    *,
    archive: str = "",
    edition: str = "",
    accept_terms: bool = False,
    fetching: Fetching | None = None,
    on_event: OnEvent = ignore,
) -> Report:
    """Hash an archive from anywhere, or all archives of a root, and fetch only the pieces that are wrong or missing.

    Args:
        path:    a file, which keeps its name; or a root.
        archive: name of the archive, where it is not that of the file.
    Raises: LayoutRefused, UsageError, DecisionNeeded, MetadataMissing, DigestMismatch, NetworkError, MachineError.
    """
    from kilotar.work import mend_archive as verb
    from kilotar.work.request import Fetching

    words = {"edition": edition, "archive": archive}
    return verb.repair(as_path(path), fetching or Fetching(), on_event, accept_terms=accept_terms, **words)


def seed(
    root: Path | str, *, for_s: float = 0.0, fetching: Fetching | None = None, on_event: OnEvent = ignore
) -> Report:
    """Give the archives of a root to peers until Ctrl-C, for `for_s` seconds, or up to a ratio.

    Args:
        fetching: its `swarm` says how, and its `seed_ratio` when it is enough.
    Raises: LayoutRefused where there is nothing to give; UsageError, MissingExtra, NetworkError, MachineError.
    """
    from kilotar.work import seed as verb
    from kilotar.work.request import Fetching

    return verb.seed(as_path(root), fetching or Fetching(), on_event, for_s=for_s)


def export_positions(root: Path | str, path: Path | str) -> int:
    """Write where in the archive each class lies, as far as `root` knows, for `Fetching.positions` of others.

    Returns: how many classes the table has.
    Raises: LayoutRefused where nothing is known; ArchiveRefused, MachineError.
    """
    from kilotar.work import places as verb

    return len(verb.export_positions(as_path(root), as_path(path)).rows)


def search_archives(
    text: str,
    *,
    edition: str = "ilsvrc2012",
    collection: str = "",
    refresh: bool = False,
    offline: bool = False,
    allow_private: bool = False,
    on_event: OnEvent = ignore,
) -> SearchResult:
    """Find torrents in the list of the edition's torrent site; the list is read once a day and searched here.

    Args:
        text: words that all stand in the title, or an infohash.
        edition: its site is searched, and its archives are marked.
        collection: search this collection of the site instead of all.
        refresh, offline: read the list anew; use the kept one only.
        allow_private: the site may lie in a private network.
    Raises: UsageError, EditionRefused, HttpFailed, TorrentRefused, MachineError.
    """
    from kilotar.editions.load import load_edition
    from kilotar.work.search import SearchWish, search

    wish = SearchWish(text, collection, refresh, offline, allow_private)
    return search(wish, load_edition(edition), on_event)
