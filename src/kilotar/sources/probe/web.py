"""Whether a web address has what it should: one byte is asked for, and the true answer told."""

from __future__ import annotations

import time

from kilotar.errors import HttpFailed, UsageError
from kilotar.model.checkup import WebAnswer
from kilotar.sources.http import HttpOptions, probe
from kilotar.sources.http.address import parse_address

__all__ = ["ask_web"]


def ask_web(
    what: str, url: str, size_bytes: int = 0, *, timeout_s: float = 5.0, allow_private: bool = False
) -> WebAnswer:
    """Ask an address for its first byte. Every failure is a value.

    Args:
        what:       what should be there, for the person.
        size_bytes: of it, 0 where any will do.
    """
    began_s, shown = time.monotonic(), "(no address)"
    try:
        shown = parse_address(url).shown
        found = probe(url, HttpOptions(timeout_s=timeout_s, allow_private=allow_private))
    except HttpFailed as error:
        return WebAnswer(what, shown, time.monotonic() - began_s, error=error.seen, fix=error.fix)
    except UsageError as error:
        return WebAnswer(what, shown, error=error.what, fix=error.fix)
    took_s = time.monotonic() - began_s
    if size_bytes and found.size_bytes and found.size_bytes != size_bytes:
        return WebAnswer(what, found.url, took_s, error=f"{found.size_bytes} bytes, {size_bytes} expected")
    return WebAnswer(what, found.url, took_s, found.has_ranges)
