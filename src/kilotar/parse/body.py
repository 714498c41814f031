"""What came in the place of a .torrent, in words: a page, a proxy's error, JSON, nothing.

Rule guarded: a person is told what the server sent, with its own words where it has some, cut short.
"""

from __future__ import annotations

import html
import re

from kilotar.parse.sniff import sniff

__all__ = ["describe_body"]

_HEAD_BYTES = 4096
_SHOWN_CHARS = 80
_TITLE = re.compile(rb"<(title|h1)[^>]{0,200}>([^<]{1,400})<", re.IGNORECASE)
_WORDS = {
    "empty": "it is empty",
    "zeros": "it is all zeros: a download that has only set the file to its length looks like this",
    "html": "it is a web page: a log-in page or the error of a server or proxy",
    "xml": "it is XML",
    "json": "it is JSON",
    "text": "it is text",
}


def describe_body(data: bytes) -> str:
    """Say what a body is, by its first 4,096 bytes, for a body that is not what was asked for."""
    head = data[:_HEAD_BYTES]
    kind = sniff(head)
    if kind == "text" and head.lstrip()[:1] in (b"{", b"["):
        kind = "json"
    words = _WORDS.get(kind, f"by its content it is: {kind}")
    own = _own_words(head, kind)
    return f'{words} ("{own}")' if own else words


def _own_words(head: bytes, kind: str) -> str:
    """Give the title of a page, or the first line of a text."""
    if kind == "html":
        title = _TITLE.search(head)
        return _shown(html.unescape(title[2].decode("utf-8", "replace"))) if title else ""
    if kind in ("json", "text", "unknown"):
        return _shown(head.strip().partition(b"\n")[0].decode("utf-8", "backslashreplace"))
    return ""


def _shown(text: str) -> str:
    words = " ".join(text.split())
    return words if len(words) <= _SHOWN_CHARS else f"{words[:_SHOWN_CHARS]}..."
