"""What a torrent site lists, as far as a search shows it."""

from __future__ import annotations

from dataclasses import dataclass

__all__ = ["SearchHit", "SearchResult", "SiteEntry"]


@dataclass(frozen=True, slots=True)
class SiteEntry:
    """One torrent of a site.

    Attributes:
        title:      one line, at most 300 characters.
        infohash:   40 hex digits in lower case.
        size_bytes: -1 where it is not told.
        category:   the site's word, "" where there is none.
    """

    title: str
    infohash: str
    size_bytes: int = -1
    category: str = ""


@dataclass(frozen=True, slots=True)
class SearchHit:
    """A torrent that was found.

    Attributes:
        entry:   as the site lists it.
        archive: name of the edition's archive with this infohash, "" where it has none.
    """

    entry: SiteEntry
    archive: str = ""


@dataclass(frozen=True, slots=True)
class SearchResult:
    """What a search came to.

    Attributes:
        text:     what was looked for.
        edition:  name of the edition whose archives are marked.
        url:      of the list.
        read_at:  when the list was read, ISO 8601 in UTC.
        entries:  number of torrents in the list.
        hits:     those of the edition first, then by title.
    """

    text: str
    edition: str
    url: str
    read_at: str
    entries: int
    hits: tuple[SearchHit, ...] = ()
