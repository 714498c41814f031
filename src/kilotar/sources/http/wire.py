"""One connection to a web server, and requests over it.

Rules guarded: the address that is connected to is the one that was judged (no second look-up in between); certificates
are always checked; a connection is used again only if its last answer ended where it said it would; another thread may
cut it at any time.

The client of the standard library is not used above its parser of answers: it hides the socket, reads past what was
announced unless watched, and copies every byte once more than needed.
"""

from __future__ import annotations

import contextlib
import http.client
import io
import socket
import time
from collections.abc import Callable, Iterable
from typing import cast

from kilotar.parse.address import is_inside
from kilotar.sources.http.address import Address
from kilotar.sources.http.dial import Dialer, inside
from kilotar.sources.http.failing import failure_of
from kilotar.sources.http.meter import MeteredStream
from kilotar.sources.http.options import HttpOptions
from kilotar.sources.http.proxy import proxy_for, tunnel
from kilotar.sources.http.trust import tls_context

__all__ = ["Wire"]

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
        self._dialer = Dialer(options, self._know)

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
            raise inside(address.host, "in the network of the proxy")
        self._sock = self._dialer.dial(proxy or address, is_proxy=proxy is not None)
        if address.scheme == "https":
            if proxy is not None:
                tunnel(self._sock, proxy, address)
            self._sock = tls_context().wrap_socket(self._sock, server_hostname=address.host)
        self._stream = MeteredStream(self._sock, self._options.min_rate_bytes_s, self._now)
        self._reader = _LastingReader(self._stream, _READ_BYTES)
        self._peer = (address.scheme, address.host, address.port)

    def _know(self, sock: socket.socket) -> None:
        self._sock = sock
        if self._is_cut:
            raise ConnectionAbortedError("cut")

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
