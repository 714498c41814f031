"""A magnet link: only its infohash is taken.

Rules guarded: trackers, web seeds and peers that stand in a link (`tr`, `ws`, `x.pe`) are not asked, because a link
comes from anywhere; two different hashes in one link choose neither.
Source: BEP 9, "magnet URI format".
"""

from __future__ import annotations

import base64
import re
from urllib.parse import parse_qsl

from kilotar.errors import TorrentRefused

__all__ = ["parse_magnet"]

_MAX_CHARS = 16 << 10
_HEX = re.compile(r"[0-9a-fA-F]{40}", re.ASCII)
_BASE32 = re.compile(r"[A-Za-z2-7]{32}", re.ASCII)
_TOPIC = "urn:btih:"


def parse_magnet(text: str) -> str:
    """Give the infohash of a magnet link, or of a bare infohash, as 40 hex digits in lower case.

    Raises: TorrentRefused for anything else, also for links of BitTorrent v2 alone.
    """
    text = text.strip()
    if _HEX.fullmatch(text):
        return text.lower()
    head, _, query = text.partition("?")
    if head.lower() != "magnet:" or len(text) > _MAX_CHARS:
        raise _refused(f"it begins {text[:20]!r}")
    try:
        topics = [value for name, value in parse_qsl(query, max_num_fields=200) if re.fullmatch(r"xt(\.\d+)?", name)]
    except ValueError as error:
        raise _refused(str(error)) from error
    found = {_infohash(topic) for topic in topics if topic.lower().startswith(_TOPIC)}
    if len(found) != 1:
        raise _refused(f"{len(found)} different infohashes of version 1, topics {topics[:3]}")
    return found.pop()


def _infohash(topic: str) -> str:
    word = topic[len(_TOPIC) :]
    if _HEX.fullmatch(word):
        return word.lower()
    if _BASE32.fullmatch(word):
        return base64.b32decode(word.upper()).hex()
    raise _refused(f"{word[:60]!r} is no infohash")


def _refused(seen: str) -> TorrentRefused:
    return TorrentRefused(
        "this is no magnet link with one infohash", seen=seen, fix="magnet:?xt=urn:btih: and 40 hex digits"
    )
