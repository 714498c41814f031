"""A web server that misbehaves as it is told: one behaviour for each row of what goes wrong between us and a mirror.

A server is given a script: the behaviour of its first request, of its second, ..., and `then` for all that follow. It
works on sockets, because much of what goes wrong cannot be said through a library that keeps the rules.
"""

from __future__ import annotations

import contextlib
import re
import socket
import ssl
import struct
import threading
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field

__all__ = [
    "Behaviour",
    "Exchange",
    "Server",
    "anonymous",
    "chunked",
    "corrupt",
    "drip",
    "endless_head",
    "flood_of_chunks",
    "garbage",
    "honest",
    "less",
    "many_continues",
    "many_headers",
    "named",
    "page",
    "part",
    "redirect",
    "reset_after",
    "short",
    "silent",
    "status",
    "tunnel",
    "whole",
    "without_length",
]

_TLS_HELLO = b"\x16\x03"
_RANGE = re.compile(r"bytes=(\d+)-(\d+)")


@dataclass(slots=True)
class Exchange:
    """One request and the socket to answer it on; `start` and `stop` are what it asks for, the whole if it does not."""

    target: str
    headers: dict[str, str]
    data: bytes
    sock: socket.socket
    connection: int
    start: int = 0
    stop: int = 0

    def __post_init__(self) -> None:
        asked = _RANGE.fullmatch(self.headers.get("range", ""))
        self.start, self.stop = (int(asked[1]), int(asked[2]) + 1) if asked else (0, len(self.data))

    @property
    def body(self) -> bytes:
        return self.data[self.start : self.stop]

    def head(self, line: str, **headers: str | int) -> None:
        """Send a status line and headers, `Content_Length=5` as "Content-Length: 5"."""
        rows = [f"HTTP/1.1 {line}", *(f"{name.replace('_', '-')}: {value}" for name, value in headers.items())]
        self.send("\r\n".join((*rows, "", "")).encode("latin-1"))

    def send(self, data: bytes) -> None:
        self.sock.sendall(data)

    def wait_until_gone(self) -> None:
        """Wait until the other side closes."""
        with contextlib.suppress(OSError):
            while self.sock.recv(4096):
                pass

    def reset(self) -> None:
        """Cut the connection as a dying machine does."""
        self.sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        self.sock.close()


Behaviour = Callable[[Exchange], bool]  # True: the connection stays open


@dataclass(slots=True)
class Server:
    """The server, on a port of its own; `asked` are the exchanges in order.

    Args:
        data:   what it serves, at every path.
        script: behaviours of the first requests.
        then:   of all later ones.
        tls:    the context of an https server.
        host:   the address that it listens on.
    """

    data: bytes
    script: Iterable[Behaviour] = ()
    then: Behaviour | None = None
    tls: ssl.SSLContext | None = None
    host: str = "127.0.0.1"
    asked: list[Exchange] = field(default_factory=list)
    connections: int = 0
    most_at_once: int = 0
    _left: Iterator[Behaviour] = field(default_factory=lambda: iter(()))
    _open: set[socket.socket] = field(default_factory=set)
    _lock: threading.Lock = field(default_factory=threading.Lock)
    _listener: socket.socket | None = None
    port: int = 0

    def __post_init__(self) -> None:
        self._left = iter(tuple(self.script))

    def __enter__(self) -> Server:
        self.listen(0)
        return self

    def __exit__(self, *_: object) -> None:
        self.stop()

    def listen(self, port: int) -> None:
        """Begin to answer; after `stop` on the same port again."""
        family = socket.AF_INET6 if ":" in self.host else socket.AF_INET
        self._listener = socket.create_server((self.host, port), family=family, backlog=64)
        self.port = self._listener.getsockname()[1]
        threading.Thread(target=self._accept, args=(self._listener,), daemon=True).start()

    @property
    def url(self) -> str:
        host = f"[{self.host}]" if ":" in self.host else self.host
        return f"{'https' if self.tls else 'http'}://{host}:{self.port}/archive.tar"

    def resume(self, script: Iterable[Behaviour]) -> None:
        """Go on with another script."""
        with self._lock:
            self._left = iter(tuple(script))

    def stop(self) -> None:
        """Stop to listen, and cut every connection."""
        if self._listener is not None:
            with contextlib.suppress(OSError):
                self._listener.shutdown(socket.SHUT_RDWR)
            self._listener.close()
        with self._lock:
            connections = tuple(self._open)
        for connection in connections:
            with contextlib.suppress(OSError):
                connection.shutdown(socket.SHUT_RDWR)

    def _accept(self, listener: socket.socket) -> None:
        with contextlib.suppress(OSError):
            while True:
                sock, _ = listener.accept()
                sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
                threading.Thread(target=self._serve, args=(sock,), daemon=True).start()

    def _serve(self, sock: socket.socket) -> None:
        with self._lock:
            self._open.add(sock)
            self.connections += 1
            number = self.connections
            self.most_at_once = max(self.most_at_once, len(self._open))
        plain = sock
        try:
            if self.tls is not None:
                sock = self.tls.wrap_socket(sock, server_side=True)
            while (exchange := self._request(sock, number)) is not None:
                if not self._behaviour(exchange)(exchange):
                    break
        except OSError:
            pass  # the client went away, which is what many tests are about
        finally:
            with self._lock:
                self._open.discard(plain)
            sock.close()

    def _request(self, sock: socket.socket, number: int) -> Exchange | None:
        head = b""
        while b"\r\n\r\n" not in head:
            if not (more := sock.recv(65536)):
                return None
            head += more
            if head.startswith(_TLS_HELLO):
                sock.sendall(b"HTTP/1.1 400 The plain HTTP request was sent as HTTPS\r\n\r\n")
                return None
        first, *rows = head.decode("latin-1").split("\r\n\r\n")[0].split("\r\n")
        headers = {name.lower(): value for name, _, value in (row.partition(": ") for row in rows)}
        return Exchange(first.split(" ")[1], headers, self.data, sock, number)

    def _behaviour(self, exchange: Exchange) -> Behaviour:
        with self._lock:
            self.asked.append(exchange)
            return next(self._left, self.then or honest)


def honest(exchange: Exchange) -> bool:
    """Give the range as a good server does."""
    return part()(exchange)


def part(
    *,
    shift: int = 0,
    total: int | None = None,
    length: int | None = None,
    told: bool = True,
    etag: str = '"one"',
    date: str = "Mon, 02 Jan 2012 00:00:00 GMT",
    more: tuple[tuple[str, str | int], ...] = (),
) -> Behaviour:
    """Give a 206 that may lie: about where it begins, the size, its length; or without a Content-Range."""

    def behave(exchange: Exchange) -> bool:
        headers: dict[str, str | int] = {"Content_Length": len(exchange.body) if length is None else length}
        size = len(exchange.data) if total is None else total
        if told:
            headers["Content_Range"] = f"bytes {exchange.start + shift}-{exchange.stop - 1 + shift}/{size}"
        exchange.head("206 Partial Content", **headers, ETag=etag, Last_Modified=date, **dict(more))
        exchange.send(exchange.body)
        return True

    return behave


def named(etag: str, date: str = "Mon, 02 Jan 2012 00:00:00 GMT") -> Behaviour:
    """Be honest, with this tag and date."""
    return part(etag=etag, date=date)


def anonymous(exchange: Exchange) -> bool:
    """Be honest, and tell neither tag nor date."""
    return part(etag="", date="")(exchange)


def less(count: int) -> Behaviour:
    """Give at most `count` bytes of what was asked for, and say so."""

    def behave(exchange: Exchange) -> bool:
        exchange.stop = min(exchange.stop, exchange.start + count)
        return honest(exchange)

    return behave


def whole(
    *, length: int | None = None, told: bool = True, body: bytes | None = None, kind: str = "application/x-tar"
) -> Behaviour:
    """Ignore the range: 200 and the whole, with its length, another, or none."""

    def behave(exchange: Exchange) -> bool:
        data = exchange.data if body is None else body
        headers: dict[str, str | int] = {"Content_Type": kind, "ETag": '"one"'}
        if told:
            headers["Content_Length"] = len(data) if length is None else length
        exchange.head("200 OK", **headers, Connection="close")
        exchange.send(data)
        return False

    return behave


def page(exchange: Exchange) -> bool:
    """Give a log-in page with 200."""
    return whole(body=b"<!DOCTYPE html><title>Log in</title>", kind="text/html; charset=utf-8")(exchange)


def status(code: int, **headers: str | int) -> Behaviour:
    """Answer with a status and no body."""

    def behave(exchange: Exchange) -> bool:
        exchange.head(f"{code} Whatever", Content_Length=0, **headers)
        return True

    return behave


def redirect(location: str, code: int = 302) -> Behaviour:
    """Lead elsewhere; `{port}` stays as it is given."""
    return status(code, Location=location)


def short(count: int) -> Behaviour:
    """Announce the range, give `count` bytes of it, and close as if all were well."""

    def behave(exchange: Exchange) -> bool:
        _announce(exchange)
        exchange.send(exchange.body[:count])
        return False

    return behave


def reset_after(count: int) -> Behaviour:
    """Announce the range, give `count` bytes of it, and reset the connection."""

    def behave(exchange: Exchange) -> bool:
        if count >= 0:
            _announce(exchange)
            exchange.send(exchange.body[:count])
        exchange.reset()
        return False

    return behave


def _announce(exchange: Exchange, **headers: str | int) -> None:
    span = f"bytes {exchange.start}-{exchange.stop - 1}/{len(exchange.data)}"
    exchange.head("206 Partial Content", Content_Length=len(exchange.body), Content_Range=span, ETag='"one"', **headers)


def tunnel(exchange: Exchange) -> bool:
    """Be a proxy: connect to where a CONNECT asks for, and pass bytes on both ways until one side ends."""
    host, _, port = exchange.target.rpartition(":")
    with socket.create_connection((host, int(port))) as there:
        exchange.head("200 Connection established")
        back = threading.Thread(target=_pass_on, args=(there, exchange.sock), daemon=True)
        back.start()
        _pass_on(exchange.sock, there)
    return False


def _pass_on(here: socket.socket, there: socket.socket) -> None:
    with contextlib.suppress(OSError):
        while data := here.recv(65536):
            there.sendall(data)


def silent(count: int) -> Behaviour:
    """Announce the range, give `count` bytes of it, and then nothing any more; -1 for not even a head."""

    def behave(exchange: Exchange) -> bool:
        if count >= 0:
            _announce(exchange)
            exchange.send(exchange.body[:count])
        exchange.wait_until_gone()
        return False

    return behave


def drip(between: Callable[[], object]) -> Behaviour:
    """Give the range byte by byte until the client has enough of it; `between` is called after each."""

    def behave(exchange: Exchange) -> bool:
        _announce(exchange)
        for start in range(len(exchange.body)):
            exchange.send(exchange.body[start : start + 1])
            between()
        return True

    return behave


def without_length(surplus: bytes = b"", cut: int = 0) -> Behaviour:
    """Give the range without saying how long it is, and close; with more behind it, or cut short."""

    def behave(exchange: Exchange) -> bool:
        span = f"bytes {exchange.start}-{exchange.stop - 1}/{len(exchange.data)}"
        exchange.head("206 Partial Content", Content_Range=span, ETag='"one"', Connection="close")
        exchange.send(exchange.body[: len(exchange.body) - cut] + surplus)
        return False

    return behave


def chunked(size: int, surplus: bytes = b"") -> Behaviour:
    """Give the range in chunks."""

    def behave(exchange: Exchange) -> bool:
        span = f"bytes {exchange.start}-{exchange.stop - 1}/{len(exchange.data)}"
        exchange.head("206 Partial Content", Content_Range=span, ETag='"one"', Transfer_Encoding="chunked")
        body = exchange.body + surplus
        for start in range(0, len(body), size):
            piece = body[start : start + size]
            exchange.send(b"%x\r\n%s\r\n" % (len(piece), piece))
        exchange.send(b"0\r\n\r\n")
        return True

    return behave


def flood_of_chunks(exchange: Exchange) -> bool:
    """Give the range in chunks of a byte, each with 60 kB of extension."""
    span = f"bytes {exchange.start}-{exchange.stop - 1}/{len(exchange.data)}"
    exchange.head("206 Partial Content", Content_Range=span, Transfer_Encoding="chunked")
    for start in range(len(exchange.body)):
        exchange.send(b"1;x=%s\r\n%s\r\n" % (b"x" * 60000, exchange.body[start : start + 1]))
    return False


def corrupt(at: int) -> Behaviour:
    """Be honest, but flip the byte at `at` of the whole file."""

    def behave(exchange: Exchange) -> bool:
        if exchange.start <= at < exchange.stop:
            exchange.data = exchange.data[:at] + bytes([exchange.data[at] ^ 1]) + exchange.data[at + 1 :]
        return honest(exchange)

    return behave


def garbage(exchange: Exchange) -> bool:
    """Answer with what is no HTTP."""
    exchange.send(b"\x00\x01SSH-2.0-nothing\r\n\r\n")
    return False


def many_headers(exchange: Exchange) -> bool:
    """Answer with 1,000 headers."""
    exchange.head("206 Partial Content", **{f"X_{number}": "x" for number in range(1000)})
    return False


def endless_head(exchange: Exchange) -> bool:
    """Answer with a header that does not end."""
    exchange.send(b"HTTP/1.1 206 Partial Content\r\nX: ")
    for _ in range(1000):
        exchange.send(b"x" * 1000)
    return False


def many_continues(exchange: Exchange) -> bool:
    """Say "100 Continue" for ever."""
    for _ in range(100_000):
        exchange.send(b"HTTP/1.1 100 Continue\r\n\r\n")
    return False
