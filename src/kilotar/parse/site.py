"""A torrent site's lists: the whole database as RSS, or one collection as CSV, read front to back in bounded memory.

Rules guarded: a DOCTYPE, an entity or a foreign encoding is refused; texts are cut, not collected without end; a row
without an infohash is passed over, for one odd row must not hide the others; titles hold no tab and no line end.
Source of the forms: the documentation of Academic Torrents, docs/api.md and docs/searching.md. Of the CSV only the
columns INFOHASH and SIZEBYTES are confirmed in their spelling, so the others may be missing.
"""

from __future__ import annotations

import codecs
import csv
import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import NoReturn
from xml.parsers import expat

from kilotar.errors import TorrentRefused
from kilotar.model.catalogue import SiteEntry
from kilotar.parse.body import describe_body

__all__ = ["walk_collection", "walk_database"]

MAX_ENTRIES = 2_000_000
_MAX_DEPTH = 16
_MAX_TITLE_CHARS = 300
_MAX_TEXT_CHARS = 4096
_MAX_ROW_CHARS = 64 << 10
_ENCODINGS = {"utf-8", "us-ascii", "iso-8859-1"}
_KEPT = {"title", "category", "infohash", "guid", "link", "size"}
_HASH = re.compile(r"(?<![0-9a-fA-F])[0-9a-fA-F]{40}(?![0-9a-fA-F])", re.ASCII)
_NUMBER = re.compile(r"[0-9]{1,18}", re.ASCII)


def walk_database(chunks: Iterable[bytes]) -> Iterator[SiteEntry]:
    """Walk over the items of an RSS document.

    Args:
        chunks: the document in parts of any length.
    Raises: TorrentRefused for what is no such document; whatever `chunks` raises.
    """
    reader = _Rss()
    for chunk in chunks:
        yield from reader.feed(chunk)
    yield from reader.feed(b"", is_end=True)


def walk_collection(chunks: Iterable[bytes]) -> Iterator[SiteEntry]:
    """Walk over the rows of a collection's CSV, whose first row names the columns. Arguments as `walk_database`.

    Raises: TorrentRefused for what is no such list; whatever `chunks` raises.
    """
    rows = csv.reader(_lines(chunks))
    try:
        names = [name.strip().upper() for name in next(rows, [])]
        if "INFOHASH" not in names:
            _refuse("this is no collection of a torrent site", f"columns {names[:10]}, and none is INFOHASH")
        for number, row in enumerate(rows, 1):
            if number > MAX_ENTRIES:
                _refuse("this collection is too long", f"more than {MAX_ENTRIES} rows")
            if entry := _entry(dict(zip(names, row, strict=False)), "NAME", "INFOHASH", "SIZEBYTES", "TYPE"):
                yield entry
    except csv.Error as error:
        raise TorrentRefused("this is no CSV", seen=f"line {rows.line_num}: {error}", fix="fetch it again") from error


def _entry(row: Mapping[str, str], title: str, infohash: str, size: str, category: str) -> SiteEntry | None:
    """Give an entry, None for a row without an infohash."""
    found = _HASH.fullmatch(row.get(infohash, "").strip())
    if found is None:
        return None
    digits = row.get(size, "").strip()
    return SiteEntry(
        " ".join(row.get(title, "").split())[:_MAX_TITLE_CHARS],
        found[0].lower(),
        int(digits) if _NUMBER.fullmatch(digits) else -1,
        " ".join(row.get(category, "").split())[:_MAX_TITLE_CHARS],
    )


def _lines(chunks: Iterable[bytes]) -> Iterator[str]:
    """Give lines with their ends; a character that is none becomes a replacement."""
    decode = codecs.getincrementaldecoder("utf-8-sig")("replace").decode
    rest = ""
    for chunk in chunks:
        *whole, rest = (rest + decode(chunk)).split("\n")
        yield from (f"{line}\n" for line in whole)
        if len(rest) > _MAX_ROW_CHARS:
            _refuse("this is no collection of a torrent site", f"a line of more than {_MAX_ROW_CHARS} characters")
    yield rest + decode(b"", True)


def _refuse(what: str, seen: str) -> NoReturn:
    raise TorrentRefused(what, seen=seen, fix="look at the address in a browser; it may ask for a log-in")


@dataclass(slots=True)
class _Rss:
    """Collects the items of a document as it arrives."""

    path: list[str] = field(default_factory=list)
    texts: dict[str, str] = field(default_factory=dict)
    found: list[SiteEntry] = field(default_factory=list)
    items: int = 0
    begin: bytes = b""
    parser: expat.XMLParserType = field(init=False)

    def __post_init__(self) -> None:
        self.parser = expat.ParserCreate()
        self.parser.buffer_text = True
        self.parser.XmlDeclHandler = self._declare
        self.parser.StartDoctypeDeclHandler = self._doctype
        self.parser.EntityDeclHandler = self._doctype
        self.parser.StartElementHandler = self._start
        self.parser.EndElementHandler = self._end
        self.parser.CharacterDataHandler = self._characters

    def feed(self, chunk: bytes, *, is_end: bool = False) -> list[SiteEntry]:
        """Give the items that ended in a chunk."""
        self.begin = self.begin or chunk[:_MAX_TEXT_CHARS]
        try:
            self.parser.Parse(chunk, is_end)
        except expat.ExpatError as error:
            seen = f"{error}; {describe_body(self.begin)}" if not self.items else f"{error}, after {self.items} items"
            raise TorrentRefused(
                "this is no database of a torrent site",
                seen=seen[:300],
                fix="try it again, or one collection: --collection NAME",
            ) from error
        found, self.found = self.found, []
        return found

    def _declare(self, version: str, encoding: str | None, standalone: int) -> None:
        if encoding is not None and encoding.lower() not in _ENCODINGS:
            _refuse("this database is in an encoding that is not read", encoding[:40])

    def _doctype(self, name: str, *rest: object) -> None:
        _refuse("this is no database of a torrent site", f"it has a DOCTYPE or an entity: {name[:40]}")

    def _start(self, name: str, attributes: Mapping[str, str]) -> None:
        if not self.path and name != "rss":
            _refuse("this is no database of a torrent site", f"its root is <{name[:40]}>, not <rss>")
        self.path.append(name)
        if len(self.path) > _MAX_DEPTH:
            _refuse("this is no database of a torrent site", f"elements {_MAX_DEPTH} deep")
        if name == "item":
            self.items += 1
            self.texts.clear()
        if self.items > MAX_ENTRIES:
            _refuse("this database is too long", f"more than {MAX_ENTRIES} items")

    def _characters(self, text: str) -> None:
        name = self.path[-1]
        if name in _KEPT and "item" in self.path:
            self.texts[name] = (self.texts.get(name, "") + text)[:_MAX_TEXT_CHARS]

    def _end(self, name: str) -> None:
        self.path.pop()
        if name != "item":
            return
        if not self.texts.get("infohash", "").strip():
            linked = _HASH.search(self.texts.get("guid", "") + " " + self.texts.get("link", ""))
            self.texts["infohash"] = linked[0] if linked else ""
        if entry := _entry(self.texts, "title", "infohash", "size", "category"):
            self.found.append(entry)
