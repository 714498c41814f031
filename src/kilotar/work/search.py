"""Search a torrent site's list without asking the site: it is read once a day and kept.

Rules guarded: the site is asked for one document, not once a search; an old list is better than none and is said to be
old; what the edition knows is known by infohash, never by title.
"""

from __future__ import annotations

import hashlib
import time
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from urllib.parse import quote

import platformdirs

from kilotar.errors import NetworkError, TorrentRefused, UsageError
from kilotar.events import Emit, Note, Trouble
from kilotar.model.catalogue import SearchHit, SearchResult, SiteEntry
from kilotar.model.edition import Edition
from kilotar.parse.site import walk_collection, walk_database
from kilotar.sources.http.options import HttpOptions
from kilotar.sources.page import walk_page
from kilotar.store.catalogue import CatalogueHead, keep_catalogue, read_head, walk_catalogue

__all__ = ["SearchWish", "search"]

_MOST_BYTES = 512 << 20
_MOST_S = 1800.0
_DAY_S = 86_400.0


@dataclass(frozen=True, slots=True)
class SearchWish:
    """What to look for, and where.

    Attributes:
        text:       words that must all stand in title or category, case ignored; or an infohash.
        collection: search this collection of the site instead of its whole database.
        refresh:    read the list anew, however fresh it is.
        offline:    use the kept list only, however old it is.
        allow_private: the site may lie in a private network or on this machine.
        cache:      folder of kept lists, None for the user's.
    """

    text: str
    collection: str = ""
    refresh: bool = False
    offline: bool = False
    allow_private: bool = False
    cache: Path | None = None


def search(wish: SearchWish, edition: Edition, emit: Emit) -> SearchResult:
    """Give the torrents of the edition's site that a text means.

    Raises:
        UsageError: the edition names no site, or no list is kept and `offline` was asked for.
        HttpFailed, TorrentRefused: the list could not be read, and none is kept.
        MachineError.
    """
    if not edition.torrent_site:
        raise UsageError(f"{edition.name} names no torrent site", fix='torrent_site = "https://..." in its TOML file')
    url = _url(edition.torrent_site, wish.collection)
    folder = wish.cache or platformdirs.user_cache_path("kilotar")
    path = folder / f"site-{hashlib.sha256(url.encode()).hexdigest()[:16]}.tsv"
    head = _fresh(path, url, wish, emit)
    known = {archive.infohash: archive.name for archive in edition.archives if archive.infohash}
    words, hits, count = wish.text.casefold().split(), [], 0
    for entry in walk_catalogue(path):
        count += 1
        if _means(words, entry):
            hits.append(SearchHit(entry, known.get(entry.infohash, "")))
    hits.sort(key=lambda hit: (not hit.archive, hit.entry.title.casefold(), hit.entry.infohash))
    read_at = datetime.fromtimestamp(head.read_at_s, UTC).isoformat(timespec="seconds")
    return SearchResult(wish.text, edition.name, url, read_at, count, tuple(hits))


def _url(site: str, collection: str) -> str:
    return f"{site}/collection/{quote(collection, safe='')}.csv" if collection else f"{site}/database.xml"


def _means(words: list[str], entry: SiteEntry) -> bool:
    text = f"{entry.title} {entry.category}".casefold()
    return words == [entry.infohash] or all(word in text for word in words)


def _fresh(path: Path, url: str, wish: SearchWish, emit: Emit) -> CatalogueHead:
    """Give the head of a list that may be searched, read anew where that is due."""
    kept, now_s = read_head(path), time.time()
    if wish.offline and kept is None:
        raise UsageError("no list of the site is kept yet", seen=f"{url} was never read", fix="once without --offline")
    is_fresh = kept is not None and 0 <= now_s - kept.read_at_s < _DAY_S
    if kept is not None and (wish.offline or (is_fresh and not wish.refresh)):
        return kept
    emit(Note("info", f"reading the list of torrents from {url}; it is kept for a day"))
    head = CatalogueHead(url, now_s)
    try:
        keep_catalogue(path, head, _read(url, wish))
    except (NetworkError, TorrentRefused) as error:
        if kept is None:
            raise
        age = f"{(now_s - kept.read_at_s) / _DAY_S:.1f} days old"
        emit(Trouble("site", url, str(error), f"the list that is kept is searched; it is {age}"))
        return kept
    return head


def _read(url: str, wish: SearchWish) -> Iterator[SiteEntry]:
    options = HttpOptions(allow_private=wish.allow_private)
    chunks = walk_page(url, _MOST_BYTES, options, total_s=_MOST_S)
    return walk_collection(chunks) if wish.collection else walk_database(chunks)
