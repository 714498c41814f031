"""An S3 server on loopback (moto), and a gateway before it that misbehaves where a test wants it to.

The gateway passes requests on and counts them. A fault is told by what it matches and how it fails: with a status and a
code of S3; "cut" takes half of the body and resets the connection; "lost" does the work and never answers.
"""

from __future__ import annotations

import contextlib
import http.client
import itertools
import logging
import socket
import struct
import threading
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import parse_qs, urlsplit

import pytest

from tests.need import need_module

__all__ = ["SECRET", "Buckets", "Fault", "Gateway", "give_keys", "open_buckets"]

SECRET = "wJalrXUtnFEMI-never-shown"
_numbers = itertools.count()


@dataclass
class Fault:
    """What goes wrong with the next `times` requests of a method whose path and query hold a text."""

    method: str
    part: str
    how: str  # "cut", "lost", or "<status> <code of S3>"
    times: int = 1

    def takes(self, method: str, target: str) -> bool:
        if self.times > 0 and method == self.method and self.part in target:
            self.times -= 1
            return True
        return False


@dataclass
class Gateway:
    """A way to the server on which things go wrong.

    Attributes:
        asked:  (method, path with query, status) of every request, in order; status 0 where it was cut or lost.
        faults: the first that takes a request happens to it.
        headers: of every request, with names in small letters.
        may_list: whether these credentials may; S3 says 403 for what is not there to those that may not.
        has_conditions: whether If-None-Match is heeded; some servers take it and overwrite.
    """

    port: int
    url: str = ""
    asked: list[tuple[str, str, int]] = field(default_factory=list)
    faults: list[Fault] = field(default_factory=list)
    headers: list[dict[str, str]] = field(default_factory=list)
    may_list: bool = True
    has_conditions: bool = True

    def made(self) -> Counter[str]:
        """Give how often each object was made: puts that were taken, and uploads in parts that were completed."""
        found: Counter[str] = Counter()
        for method, target, status in self.asked:
            query = parse_qs(urlsplit(target).query)
            whole = method == "PUT" and not query
            if 200 <= status < 300 and (whole or (method == "POST" and "uploadId" in query)):
                found[urlsplit(target).path.partition("/")[2].partition("/")[2]] += 1
        return found

    def methods(self) -> Counter[str]:
        return Counter(method for method, _, _ in self.asked)


@dataclass(frozen=True)
class Buckets:
    """A server, and buckets on it that a test has for itself."""

    port: int

    def make(self) -> str:
        """Make a bucket and give its name."""
        name = f"bucket-{next(_numbers)}"
        self._store.create_bucket(name, "us-east-1")
        return name

    @property
    def _store(self) -> Any:
        from moto.backends import get_backend

        return get_backend("s3")["123456789012"]["aws"]

    def put(self, bucket: str, name: str, content: bytes) -> None:
        """Put an object as a stranger would, over whatever is there."""
        self._store.put_object(bucket, name, content)

    def remove(self, bucket: str, name: str) -> None:
        """Remove an object as a stranger would."""
        self._store.delete_object(bucket, name)

    def objects(self, bucket: str) -> dict[str, bytes]:
        """Give every object that anybody can see, by its name."""
        keys = self._store.buckets[bucket].keys
        return {name: keys[name].value for name in keys}

    @contextlib.contextmanager
    def gateway(self) -> Iterator[Gateway]:
        """Give a gateway that is ready, and close it in the end."""
        gateway = Gateway(self.port)
        server = ThreadingHTTPServer(("127.0.0.1", 0), _handler(gateway))
        server.daemon_threads = True
        gateway.url = f"http://127.0.0.1:{server.server_address[1]}"
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01}, daemon=True)
        thread.start()
        try:
            yield gateway
        finally:
            server.shutdown()
            server.server_close()
            thread.join(10)


def _handler(gateway: Gateway) -> type[BaseHTTPRequestHandler]:
    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def _pass(self) -> None:
            fault = next((f for f in gateway.faults if f.takes(self.command, self.path)), None)
            size = int(self.headers.get("Content-Length", 0))
            if fault is not None and fault.how == "cut":
                self.rfile.read(size // 2)
                self._hang_up()
                return
            body = self.rfile.read(size)
            gateway.headers.append({name.lower(): value for name, value in self.headers.items()})
            if fault is not None and fault.how != "lost":
                status, _, code = fault.how.partition(" ")
                self._answer(int(status), f"<Error><Code>{code}</Code><Message>m</Message></Error>".encode(), {})
                return
            status, content, headers = self._ask(body)
            if fault is not None:
                self._hang_up()
                return
            if status == 404 and not gateway.may_list:
                status, content, headers = 403, b"<Error><Code>AccessDenied</Code></Error>", {}
            self._answer(status, content, headers)

        def _ask(self, body: bytes) -> tuple[int, bytes, dict[str, str]]:
            connection = http.client.HTTPConnection("127.0.0.1", gateway.port, timeout=30)
            headers = dict(self.headers)
            if not gateway.has_conditions:
                headers = {name: value for name, value in headers.items() if name.lower() != "if-none-match"}
            connection.request(self.command, self.path, body, headers)
            answer = connection.getresponse()
            content = answer.read()
            connection.close()
            return answer.status, content, dict(answer.getheaders())

        def _answer(self, status: int, content: bytes, headers: dict[str, str]) -> None:
            gateway.asked.append((self.command, self.path, status))
            self.send_response_only(status)
            passed = {k: v for k, v in headers.items() if k.lower() not in ("transfer-encoding", "connection")}
            for name, value in ({"Content-Length": str(len(content))} | passed).items():
                self.send_header(name, value)
            self.end_headers()
            if self.command != "HEAD":
                self.wfile.write(content)

        def _hang_up(self) -> None:
            gateway.asked.append((self.command, self.path, 0))
            self.connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))  # a reset
            self.connection.close()
            self.close_connection = True

        def log_message(self, format: str, *args: object) -> None:
            """Say nothing."""

        do_GET = do_PUT = do_POST = do_DELETE = do_HEAD = _pass

    return Handler


@contextlib.contextmanager
def open_buckets() -> Iterator[Buckets]:
    """Start the server, and stop it in the end."""
    server = need_module("moto.server")
    logging.getLogger("werkzeug").setLevel(logging.ERROR)
    running = server.ThreadedMotoServer(ip_address="127.0.0.1", port=0, verbose=False)
    running.start()
    try:
        yield Buckets(running.get_host_and_port()[1])
    finally:
        running.stop()


def give_keys(patch: pytest.MonkeyPatch) -> None:
    """Put keys that the server takes into the environment, and nothing that leads elsewhere."""
    patch.setenv("AWS_ACCESS_KEY_ID", "AKIAIOSFODNN7EXAMPLE")
    patch.setenv("AWS_SECRET_ACCESS_KEY", SECRET)
    patch.setenv("AWS_REGION", "us-east-1")
    for name in ("AWS_ENDPOINT_URL", "AWS_ENDPOINT_URL_S3", "AWS_PROFILE", "AWS_ALLOW_HTTP"):
        patch.delenv(name, raising=False)
