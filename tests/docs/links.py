"""Links of the docs, in their sources and in the built site; `python tests/docs/links.py site` checks the latter.

Rules guarded: no network; a link into another page names an anchor that is there.
"""

from __future__ import annotations

import re
import sys
from collections.abc import Iterator
from functools import cache
from html.parser import HTMLParser
from pathlib import Path
from urllib.parse import unquote, urlsplit


class _Page(HTMLParser):
    """The links and the anchors of one page of HTML."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.links: list[str] = []
        self.anchors: set[str] = set()
        self.feed(text)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        for name, value in attrs:
            if name in {"href", "src"} and value and tag in {"a", "img", "link", "script"}:
                self.links.append(value)
            elif name in {"id", "name"} and value:
                self.anchors.add(value)


def broken_in_site(site: Path) -> list[str]:
    """Give every internal link of a built site that leads nowhere, as "page: link"."""
    site = site.resolve()
    found = {path: _Page(path.read_text("utf-8")) for path in sorted(site.rglob("*.html"))}
    return [
        f"{path.relative_to(site)}: {link}"
        for path, page in found.items()
        if path.name != "404.html"  # its links begin at the root of the server
        for link in page.links
        if not _leads(site, path, link, found)
    ]


def _leads(site: Path, path: Path, link: str, found: dict[Path, _Page]) -> bool:
    parts = urlsplit(link)
    if parts.scheme or parts.netloc:
        return True
    start = site if parts.path.startswith("/") else path.parent
    target = (start / unquote(parts.path).lstrip("/")).resolve() if parts.path else path
    if target.is_dir():
        target = target / "index.html"
    if not target.is_file():
        return False
    return not parts.fragment or target not in found or unquote(parts.fragment) in found[target].anchors


_LINK = re.compile(r"(?<!\\)\[(?:[^\]\[]|\[[^\]]*\])*\]\((?P<to>[^)\s]+)\)")


def broken_in_sources(docs: Path) -> list[str]:
    """Give every link between pages of Markdown that leads nowhere, or out of `docs`, as "page: link"."""
    return [f"{page.relative_to(docs)}: {link}" for page in sorted(docs.rglob("*.md")) for link in _broken(page, docs)]


def _broken(page: Path, docs: Path) -> Iterator[str]:
    for link in _links(page):
        parts = urlsplit(link)
        if parts.scheme:
            continue
        target = (page.parent / unquote(parts.path)).resolve() if parts.path else page
        is_lost = not target.is_file() or not target.is_relative_to(docs.resolve())
        if is_lost or (parts.fragment and target.suffix == ".md" and parts.fragment not in _anchors(target)):
            yield link


def _links(page: Path) -> list[str]:
    return [match["to"] for match in _LINK.finditer(re.sub(r"`[^`\n]*`", "", _prose(page)))]


def _prose(page: Path) -> str:
    """Give a page without its fenced blocks."""
    kept, fenced = [], False
    for line in page.read_text("utf-8").splitlines():
        if line.lstrip().startswith("```"):
            fenced = not fenced
        elif not fenced:
            kept.append(line)
    return "\n".join(kept)


@cache
def _anchors(page: Path) -> set[str]:
    """Give the anchors of the headings of a page, as Python-Markdown makes them."""
    found: set[str] = set()
    for heading in re.findall(r"^#+ +(.+)$", _prose(page), flags=re.MULTILINE):
        words = re.sub(r"\[([^\]]*)\]\([^)]*\)", r"\1", heading).replace("`", "").replace("\\", "")
        slug = re.sub(r"[-\s]+", "-", re.sub(r"[^\w\s-]", "", words).strip().lower())
        found.add(slug if slug not in found else f"{slug}_1")
    return found


if __name__ == "__main__":
    broken = broken_in_site(Path(sys.argv[1]))
    print("\n".join(broken) or "every link inside the site leads somewhere")
    sys.exit(1 if broken else 0)
