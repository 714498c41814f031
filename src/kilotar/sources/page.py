"""A document of the web read whole: a .torrent, a site's list. Archives are fetched by `kilotar.sources.http`.

Rules guarded: at most so many bytes and seconds, whatever the server does; at most 5 redirects, none from https to http
or out of the web; the address that is connected to is judged, not its name; a body that is shorter than was announced
is a failure, and an answer that is none is told with the server's own words.
"""

from __future__ import annotations

import http.client
import threading
from collections.abc import Iterator

from kilotar.errors import HttpFailed
from kilotar.parse.body import describe_body
from kilotar.sources.http.address import Address, parse_address
from kilotar.sources.http.asking import through_redirects
from kilotar.sources.http.failing import Failure
from kilotar.sources.http.options import HttpOptions
from kilotar.sources.http.wire import Wire

__all__ = ["fetch_page", "walk_page"]

_READ_BYTES = 256 << 10
_HEAD_BYTES = 4096
_TOTAL_S = 300.0
_FIX = "check the address and the network (kilotar doctor)"


def fetch_page(url: str, most_bytes: int, options: HttpOptions | None = None, *, total_s: float = _TOTAL_S) -> bytes:
    """Give the document at an address. Arguments and errors are those of `walk_page`."""
    return b"".join(walk_page(url, most_bytes, options, total_s=total_s))


def walk_page(
    url: str, most_bytes: int, options: HttpOptions | None = None, *, total_s: float = _TOTAL_S
) -> Iterator[bytes]:
    """Give the document at an address in parts.

    Args:
        most_bytes: a longer document is refused.
        options:    time without a byte, proxy, headers, whether private addresses may be connected to.
        total_s:    for the whole document.
    Raises: UsageError for what is no address; HttpFailed with what the server, or the way to it, answered.
    """
    address, options = parse_address(url), options or HttpOptions()
    wire = Wire(options)
    watch = _Watch(wire, total_s)
    try:
        yield from _walk(wire, address, options, most_bytes)
        watch.check(address)  # to the parser of answers a cut connection is an end
    except Failure as failure:
        raise HttpFailed(f"nothing from {address.shown}", seen=failure.text, fix=failure.advice or _FIX) from failure
    finally:
        watch.close()
        wire.close()


class _Watch:
    """Cuts a wire when the time is up."""

    def __init__(self, wire: Wire, total_s: float) -> None:
        self._wire, self._total_s = wire, total_s
        self._is_late = False
        self._timer = threading.Timer(total_s, self._cut)
        self._timer.daemon = True
        self._timer.start()

    def _cut(self) -> None:
        self._is_late = True
        self._wire.cut()

    def check(self, address: Address) -> None:
        """Raises: HttpFailed where the time was up."""
        if self._is_late:
            raise HttpFailed(f"nothing whole from {address.shown}", seen=f"not within {self._total_s:g} s", fix=_FIX)

    def close(self) -> None:
        self._timer.cancel()


def _walk(wire: Wire, address: Address, options: HttpOptions, most_bytes: int) -> Iterator[bytes]:
    here, response = through_redirects(wire, address, address, options)
    _check_head(wire, here, response, most_bytes)
    announced = response.length  # None where it ends with the connection, or comes in chunks
    wire.allow(most_bytes)
    buffer = memoryview(bytearray(_READ_BYTES))
    done = 0
    while count := wire.read(buffer, here.host):
        done += count
        if done > most_bytes:
            raise _too_long(here, most_bytes)
        yield bytes(buffer[:count])
        if count < len(buffer):
            break
    if announced is not None and done != announced:
        raise HttpFailed(f"{here.shown} was cut short", seen=f"{done} of {announced} bytes", fix=_FIX)


def _check_head(wire: Wire, here: Address, response: http.client.HTTPResponse, most_bytes: int) -> None:
    """Raises: HttpFailed unless the document follows, as it is and not too long."""
    if response.status != 200:
        head = memoryview(bytearray(_HEAD_BYTES))
        own = describe_body(bytes(head[: wire.read(head, here.host)]))
        name = http.client.responses.get(response.status, "a status without a name")
        raise HttpFailed(f"{here.shown} answers {response.status} {name}", seen=own, fix=_FIX)
    encoding = str(response.headers.get("Content-Encoding", "identity")).strip().lower()
    if encoding not in ("", "identity"):
        raise HttpFailed(f"{here.shown} answers encoded, though that was not asked for", seen=encoding[:30], fix=_FIX)
    if (response.length or 0) > most_bytes:
        raise _too_long(here, most_bytes)


def _too_long(here: Address, most_bytes: int) -> HttpFailed:
    return HttpFailed(f"{here.shown} is too long", seen=f"more than {most_bytes} bytes", fix="check the address")
