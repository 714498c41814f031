"""One connection to a web server, and requests over it.

Rules guarded: the address that is connected to is the one that was judged (no second look-up in between); certificates
are always checked; a connection is used again only if its last answer ended where it said it would; another thread may
cut it at any time.

The client of the standard library is not used above its parser of answers: it hides the socket, reads past what was
announced unless watched, and copies every byte once more than needed.
"""

from __future__ import annotations

import base64
import contextlib
import errno
import http.client
import io
import os
import socket
import ssl
import time
import urllib.request
from collections.abc import Callable, Iterable
from functools import cache
from typing import cast

from kilotar.errors import UsageError
from kilotar.parse.address import is_inside
from kilotar.sources.http.address import Address, parse_address
from kilotar.sources.http.failing import Cause, Failure, failure_of
from kilotar.sources.http.meter import MeteredStream
from kilotar.sources.http.options import HttpOptions

__all__ = ["Wire", "proxy_for"]

_MOST_CONNECT_S = 15.0  # to one of the addresses of a host; there may be more
_READ_BYTES = 64 << 10


class _LastingReader(io.BufferedReader):
    """A buffer that outlives the answers read through it: what one answer leaves over is seen, not lost."""

    def close(self) -> None:
        """Stay open; the wire closes the socket."""


class Wire:
    """A connection, made by the first request. Not for several threads, but for `cut`."""

    def __init__(self, options: HttpOptions, now: Callable[[], float] = time.monotonic) -> None:
        self._options, self._now = options, now
        self._sock: socket.socket | None = None
        self._stream: MeteredStream | None = None
        self._reader: _LastingReader | None = None
        self._response: http.client.HTTPResponse | None = None
        self._peer: tuple[str, str, int] | None = None
        self._is_cut = False
        self._arrived = 0
        self._family = 0

    @property
    def arrived(self) -> int:
        """Give how many bytes came so far, heads and framing included."""
        return self._arrived + (self._stream.arrived if self._stream is not None else 0)

    def ask(self, address: Address, headers: Iterable[tuple[str, str]]) -> http.client.HTTPResponse:
        """Send a GET and read the head of the answer; its body is read by `readinto`.

        Raises: Failure.
        """
        try:
            used = self._peer == (address.scheme, address.host, address.port) and self._is_spare()
            if used:
                with contextlib.suppress(ConnectionError):  # the server closed it while it was idle: not a failure
                    return self._exchange(address, headers)
            self._open(address)
            return self._exchange(address, headers)
        except (OSError, ValueError, http.client.HTTPException) as error:
            self.close()
            raise failure_of(error, address.host, self._options.timeout_s) from error

    def read(self, buffer: memoryview, host: str) -> int:
        """Fill a buffer from the body of the answer; fewer bytes than its length mean the end of the body.

        Raises: Failure.
        """
        assert self._response is not None
        filled = 0
        try:
            while filled < len(buffer) and (count := self._response.readinto(buffer[filled:])):
                filled += count
        except (OSError, ValueError, http.client.HTTPException) as error:
            self.close()
            raise failure_of(error, host, self._options.timeout_s) from error
        return filled

    def allow(self, count: int) -> None:
        """Say how many bytes of body are expected; more than that, and some slack, is a failure."""
        assert self._stream is not None
        self._stream.allow(count)

    def has_more(self) -> bool:
        """Tell whether bytes are there behind an answer that was read to its end."""
        if self._stream is None or self._reader is None:
            return False
        self._stream.is_muted = True
        left = self._reader.peek(1)
        self._stream.is_muted = False
        return bool(left)

    def _is_spare(self) -> bool:
        last = self._response
        return last is not None and last.isclosed() and not last.will_close and not self.has_more()

    def _exchange(self, address: Address, headers: Iterable[tuple[str, str]]) -> http.client.HTTPResponse:
        assert self._sock is not None and self._stream is not None
        is_proxied = address.scheme == "http" and bool(proxy_for(address, self._options))
        lines = [f"GET {address.url if is_proxied else address.target} HTTP/1.1", f"Host: {address.authority}"]
        lines += [f"{name}: {value}" for name, value in headers]
        self._stream.begin()
        self._sock.sendall("\r\n".join((*lines, "", "")).encode("latin-1"))
        self._response = http.client.HTTPResponse(cast(socket.socket, self), method="GET")
        self._response.begin()
        return self._response

    def makefile(self, mode: str) -> io.BufferedReader:
        """Be, for the parser of answers, the socket that it reads from."""
        assert self._reader is not None
        return self._reader

    def _open(self, address: Address) -> None:
        self.close()
        proxy = proxy_for(address, self._options)
        if proxy is not None and is_inside(address.host) and not self._options.allow_private:
            raise _private(address.host, "in the network of the proxy")
        self._sock = self._dial(proxy or address, is_proxy=proxy is not None)
        if proxy is not None and address.scheme == "https":
            self._tunnel(proxy, address)
        if address.scheme == "https":
            bundle = os.environ.get("REQUESTS_CA_BUNDLE") or os.environ.get("SSL_CERT_FILE") or ""
            self._sock = _tls_context(bundle).wrap_socket(self._sock, server_hostname=address.host)
        self._stream = MeteredStream(self._sock, self._options.min_rate_bytes_s, self._now)
        self._reader = _LastingReader(self._stream, _READ_BYTES)
        self._peer = (address.scheme, address.host, address.port)

    def _dial(self, there: Address, *, is_proxy: bool) -> socket.socket:
        found = socket.getaddrinfo(there.host, there.port, type=socket.SOCK_STREAM)
        last: Exception | None = None
        found.sort(key=lambda one: one[0] != self._family)  # where IPv6 leads nowhere, that is waited for once
        for family, kind, protocol, _, place in found:
            ip = str(place[0])
            if not (is_proxy or self._options.allow_private or not is_inside(ip)):
                last = _private(there.host, ip)
                continue
            try:
                sock = self._connect(family, kind, protocol, place)
                self._family = family
                return sock
            except OSError as error:
                last = error
        raise last or OSError(f"no address of {there.host}")

    def _connect(self, family: int, kind: int, protocol: int, place: tuple[object, ...]) -> socket.socket:
        self._sock = sock = socket.socket(family, kind, protocol)  # known before it connects, so that `cut` reaches it
        try:
            if self._is_cut:
                raise ConnectionAbortedError("cut")
            sock.settimeout(min(self._options.timeout_s, _MOST_CONNECT_S))
            sock.connect(place)
            sock.settimeout(self._options.timeout_s)
            sock.setsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE, 1)
            sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        except TimeoutError as error:
            sock.close()
            raise OSError(errno.ETIMEDOUT, f"no connection within {sock.gettimeout():g} s") from error
        except OSError:
            sock.close()
            raise
        return sock

    def _tunnel(self, proxy: Address, address: Address) -> None:
        assert self._sock is not None
        host = f"[{address.host}]" if ":" in address.host else address.host
        lines = [f"CONNECT {host}:{address.port} HTTP/1.1", f"Host: {host}:{address.port}"]
        lines += [f"{name}: {value}" for name, value in proxy_headers(proxy)]
        self._sock.sendall("\r\n".join((*lines, "", "")).encode("latin-1"))
        answer = http.client.HTTPResponse(self._sock, method="CONNECT")
        answer.begin()
        if answer.status != 200:
            text = f"the proxy {proxy.authority} answered {answer.status} {answer.reason} for {address.authority}"
            raise Failure(Cause.NETWORK, text, status=answer.status)

    def cut(self) -> None:
        """End it from another thread: whoever reads from it wakes up with an error, and it does not open again."""
        self._is_cut = True
        if (sock := self._sock) is not None:
            with contextlib.suppress(OSError):  # it was not connected yet, or is closed already
                socket.socket.shutdown(sock, socket.SHUT_RDWR)

    def close(self) -> None:
        self._arrived = self.arrived
        if self._sock is not None:
            self._sock.close()
        self._sock = self._stream = self._reader = self._response = self._peer = None


def _private(host: str, ip: str) -> Failure:
    advice = "allow it (--allow-private) if this mirror is in your own network"
    return Failure(Cause.UNTRUSTED, f"{host} is {ip}, which is not an address of the public internet", advice=advice)


def proxy_for(address: Address, options: HttpOptions) -> Address | None:
    """Give the proxy to go through, None where there is none. Raises Failure for one of a kind that is not known."""
    url = options.proxy
    if url is None:
        known = urllib.request.getproxies()
        url = known.get(address.scheme) or known.get("all") or ""
        if url and urllib.request.proxy_bypass(f"{address.host}:{address.port}"):
            url = ""
    if not url:
        return None
    try:
        proxy = parse_address(url if "://" in url else f"http://{url}")
    except UsageError as error:
        kind = url.partition("://")[0]
        raise Failure(
            Cause.UNTRUSTED, f"a proxy of the kind {kind} cannot be used", advice="give an http proxy"
        ) from error
    if proxy.scheme != "http":
        raise Failure(
            Cause.UNTRUSTED, "a proxy that is itself reached by https cannot be used", advice="give an http proxy"
        )
    return proxy


def proxy_headers(proxy: Address) -> list[tuple[str, str]]:
    """Give the header that opens a proxy with user and password."""
    return [("Proxy-Authorization", basic(proxy))] if proxy.user else []


def basic(address: Address) -> str:
    """Give user and password of an address as the value of an Authorization header."""
    return "Basic " + base64.b64encode(f"{address.user}:{address.password}".encode()).decode("ascii")


@cache
def _tls_context(bundle: str) -> ssl.SSLContext:
    """Give the rules of TLS: certificates checked by the user's bundle, else the system's, else certifi's.

    Raises: Failure where the bundle cannot be read.
    """
    try:
        context = ssl.create_default_context(cafile=bundle or None)
    except OSError as error:
        raise Failure(Cause.UNTRUSTED, f"the CA bundle {bundle!r} cannot be read: {error.strerror}") from error
    if not bundle and not context.cert_store_stats()["x509_ca"]:
        import certifi

        context.load_verify_locations(certifi.where())
    return context
