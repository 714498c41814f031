"""Asking an address for bytes, through redirects.

Rules guarded: at most 5 redirects; what was given for one host (headers, cookie, user and password) never goes to
another; identity is asked for, and a range is always named; where a redirect led is kept only as long as it works.
"""

from __future__ import annotations

import http.client

from kilotar.errors import HttpFailed
from kilotar.sources.http.address import Address, follow
from kilotar.sources.http.answer import Answer, judge
from kilotar.sources.http.failing import Cause, Failure
from kilotar.sources.http.options import HttpOptions
from kilotar.sources.http.proxy import basic, proxy_for, proxy_headers
from kilotar.sources.http.wire import Wire

__all__ = ["Asking", "through_redirects"]

_MOST_REDIRECTS = 5
_REDIRECTS = frozenset({301, 302, 303, 307, 308})


class Asking:
    """Asks one address, and remembers where it led."""

    def __init__(self, address: Address, options: HttpOptions) -> None:
        self._origin, self._options = address, options
        self._here = address

    def get(self, wire: Wire, start: int, stop: int, size_bytes: int = 0) -> Answer:
        """Ask for the bytes `[start, stop)`; the body is read from the wire.

        Raises: Failure.
        """
        here = self._here
        try:
            extra = (("Range", f"bytes={start}-{stop - 1}"),)
            here, response = through_redirects(wire, self._origin, here, self._options, extra)
            answer = judge(response, start, stop, size_bytes)
        except Failure as failure:
            wire.close()
            if here != self._origin and failure.cause is Cause.REFUSED and self._here != self._origin:
                self._here = self._origin  # a signed address runs out; the one it came from gives a new one
                return self.get(wire, start, stop, size_bytes)
            self._here = self._origin
            raise
        self._here = here
        wire.allow((answer.stop or size_bytes) - answer.start)
        return answer


def through_redirects(
    wire: Wire, origin: Address, here: Address, options: HttpOptions, extra: tuple[tuple[str, str], ...] = ()
) -> tuple[Address, http.client.HTTPResponse]:
    """Ask an address, and where it leads to; give where the answer came from, and the answer.

    Args:
        origin: what the person named; what `options` hold for its host goes to no other.
        here:   asked first: `origin`, or where it led before.
        extra:  headers for every host.
    Raises: Failure.
    """
    for _ in range(_MOST_REDIRECTS + 1):
        response = wire.ask(here, (*_headers(origin, here, options), *extra))
        if response.status not in _REDIRECTS:
            return here, response
        location = response.headers.get("Location")
        wire.close()
        if not location:
            raise Failure(Cause.ANSWER, f"{response.status} without a Location", status=response.status)
        try:
            here = follow(here, str(location).strip().replace(" ", "%20"))
        except HttpFailed as error:
            raise Failure(Cause.UNTRUSTED, str(error)) from error
    raise Failure(Cause.UNTRUSTED, f"more than {_MOST_REDIRECTS} redirects", advice="check the address")


def _headers(origin: Address, here: Address, options: HttpOptions) -> list[tuple[str, str]]:
    headers = [("User-Agent", options.user_agent), ("Accept", "*/*"), ("Accept-Encoding", "identity")]
    proxy = proxy_for(here, options)
    if proxy is not None and here.scheme == "http":
        headers += proxy_headers(proxy)
    if here.user:
        headers.append(("Authorization", basic(here)))
    if origin.trusts(here):
        headers += options.headers
        headers += [("Cookie", options.cookie)] if options.cookie else []
        if origin.user and not here.user:
            headers.append(("Authorization", basic(origin)))
    return headers
