"""Torrents that a search found, as a table."""

from __future__ import annotations

from kilotar.model.catalogue import SearchResult
from kilotar.shell.text import columns, cut, field, one_line
from kilotar.shell.units import count, counted, size

__all__ = ["show_search"]

MOST = 50
TITLE_CELLS = 64


def show_search(found: SearchResult, verbose: bool) -> list[str]:
    """Give the hits, those that the edition knows marked with *; at most 50 unless `verbose`."""
    shown = found.hits if verbose else found.hits[:MOST]
    rows = [
        (
            "*" if hit.archive else "",
            cut(hit.entry.title, TITLE_CELLS),
            hit.entry.infohash,
            size(hit.entry.size_bytes) if hit.entry.size_bytes >= 0 else "-",
            hit.archive,
        )
        for hit in shown
    ]
    lines = columns(("", "title", "infohash", "size", found.edition), rows, frozenset({3})) if rows else []
    if len(shown) < len(found.hits):
        lines.append(f"  ... {count(len(found.hits) - len(shown))} more (-v shows all)")
    lines.append(f"  {counted(len(found.hits), 'torrent')} of {count(found.entries)} for {one_line(found.text)!r}")
    if any(hit.archive for hit in found.hits):
        lines.append(f"  * is an archive of {one_line(found.edition)}: `kilotar archives` shows its digests")
    lines.append(field("list", f"{found.url}, read {found.read_at}"))
    return lines
