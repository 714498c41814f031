"""Asking a web server once what it has: for planning, and for the doctor.

Rules guarded: a request for one byte, not a HEAD, because only it shows whether ranges work; the true status is told.
"""

from __future__ import annotations

from dataclasses import dataclass

from kilotar.errors import HttpFailed
from kilotar.sources.http.address import parse_address
from kilotar.sources.http.answer import refuse_page
from kilotar.sources.http.asking import Asking
from kilotar.sources.http.failing import Failure
from kilotar.sources.http.options import HttpOptions
from kilotar.sources.http.wire import Wire

__all__ = ["Probed", "probe"]


@dataclass(frozen=True, slots=True)
class Probed:
    """What a server has at an address.

    Attributes:
        url:        as it may be shown.
        size_bytes: of the object, 0 where the server does not say.
        etag, modified: "" where it does not say.
        has_ranges: it gave the one byte that was asked for, and no more.
    """

    url: str
    size_bytes: int
    etag: str
    modified: str
    has_ranges: bool


def probe(url: str, options: HttpOptions | None = None) -> Probed:
    """Ask for the first byte of an address.

    Raises: UsageError for what is no address; HttpFailed with what the server, or the way to it, answered.
    """
    address, options = parse_address(url), options or HttpOptions()
    wire = Wire(options)
    try:
        answer = Asking(address, options).get(wire, 0, 1)
        if answer.is_whole:
            head = memoryview(bytearray(64))
            refuse_page(head[: wire.read(head, address.host)])
    except Failure as failure:
        fix = failure.advice or "check the address and the network (kilotar doctor)"
        raise HttpFailed(f"no archive from {address.shown}", seen=failure.text, fix=fix) from failure
    finally:
        wire.close()
    seen = answer.identity
    return Probed(address.shown, seen.size_bytes, seen.etag, seen.modified, not answer.is_whole)
