"""From the name of a host to a connected socket.

Rules guarded: the address that is connected to is the one that was judged, without a second look-up in between; one
that is not of the public internet is not connected to unless that is allowed.
"""

from __future__ import annotations

import errno
import socket
from collections.abc import Callable

from kilotar.parse.address import is_inside
from kilotar.sources.http.address import Address
from kilotar.sources.http.failing import Cause, Failure
from kilotar.sources.http.options import HttpOptions

__all__ = ["Dialer", "inside"]

_MOST_CONNECT_S = 15.0  # to one of the addresses of a host; there may be more


class Dialer:
    """Connects to hosts.

    Args:
        known: called with each socket before it connects, so that another thread can cut it; may raise OSError.
    """

    def __init__(self, options: HttpOptions, known: Callable[[socket.socket], None]) -> None:
        self._options, self._known = options, known
        self._family = 0

    def dial(self, there: Address, *, is_proxy: bool) -> socket.socket:
        """Connect to the first address of a host that answers; one that the user named as proxy may be anywhere.

        Raises: Failure where none may be connected to; OSError.
        """
        found = socket.getaddrinfo(there.host, there.port, type=socket.SOCK_STREAM)
        found.sort(key=lambda one: one[0] != self._family)  # where IPv6 leads nowhere, that is waited for once
        last: Exception | None = None
        for family, kind, protocol, _, place in found:
            ip = str(place[0])
            if is_inside(ip) and not (is_proxy or self._options.allow_private):
                last = inside(there.host, ip)
                continue
            try:
                sock = self._connect(socket.socket(family, kind, protocol), place)
            except OSError as error:
                last = error
                continue
            self._family = family
            return sock
        raise last or OSError(f"no address of {there.host}")

    def _connect(self, sock: socket.socket, place: tuple[object, ...]) -> socket.socket:
        limit_s = min(self._options.timeout_s, _MOST_CONNECT_S)
        try:
            self._known(sock)
            sock.settimeout(limit_s)
            sock.connect(place)
            sock.settimeout(self._options.timeout_s)
            sock.setsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE, 1)
            sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        except TimeoutError as error:
            sock.close()
            raise OSError(errno.ETIMEDOUT, f"no connection within {limit_s:g} s") from error
        except OSError:
            sock.close()
            raise
        return sock


def inside(host: str, ip: str) -> Failure:
    """Give the refusal to connect to an address that is not public."""
    advice = "allow it (--allow-private) if this mirror is in your own network"
    return Failure(Cause.UNTRUSTED, f"{host} is {ip}, which is not an address of the public internet", advice=advice)
