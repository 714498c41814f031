"""A small web server for the demo: the torrent site, the web seed and the publisher in one.

Rules guarded: it listens on loopback and gives out what stands in its table, nothing by the path of a request; ranges
are answered as RFC 9110 wants them, with the length of the whole.
"""

from __future__ import annotations

import contextlib
import re
import threading
from collections import Counter
from collections.abc import Mapping
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

__all__ = ["DemoWeb"]

_RANGE = re.compile(r"bytes=(\d{1,18})-(\d{0,18})", re.ASCII)
_CHUNK_BYTES = 1 << 20


class DemoWeb:
    """A server that answers until it is closed; it has nothing before `offer`.

    Attributes:
        url:  its address, without a slash at the end.
        sent: bytes of bodies by path.
    """

    def __init__(self) -> None:
        self.sent: Counter[str] = Counter()
        self._offered: dict[str, Path | bytes] = {}
        web = self

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"
            timeout = 30

            def do_GET(self) -> None:
                with contextlib.suppress(ConnectionError, TimeoutError):  # who asked has gone
                    web._answer(self)

            def log_message(self, format: str, *args: object) -> None:
                """Say nothing."""

        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self._server.daemon_threads = True
        self.url = f"http://127.0.0.1:{self._server.server_address[1]}"
        self._thread = threading.Thread(target=self._server.serve_forever, args=(0.05,), daemon=True)
        self._thread.start()

    def offer(self, offered: Mapping[str, Path | bytes]) -> None:
        """Give out these from now on, by their paths ("/download/x.torrent")."""
        self._offered.update(offered)

    def _answer(self, request: BaseHTTPRequestHandler) -> None:
        found = self._offered.get(request.path)
        if found is None:
            request.send_response(404)
            request.send_header("Content-Length", "0")
            request.end_headers()
            return
        total = len(found) if isinstance(found, bytes) else found.stat().st_size
        asked = _RANGE.fullmatch(request.headers.get("Range", ""))
        start = int(asked[1]) if asked else 0
        stop = min(int(asked[2]) + 1, total) if asked and asked[2] else total
        if asked and start >= stop:
            request.send_response(416)
            request.send_header("Content-Range", f"bytes */{total}")
            request.send_header("Content-Length", "0")
            request.end_headers()
            return
        request.send_response(206 if asked else 200)
        request.send_header("Content-Type", "application/octet-stream")
        request.send_header("Content-Length", str(stop - start))
        request.send_header("Accept-Ranges", "bytes")
        if asked:
            request.send_header("Content-Range", f"bytes {start}-{stop - 1}/{total}")
        request.end_headers()
        self._send(request, found, start, stop)

    def _send(self, request: BaseHTTPRequestHandler, found: Path | bytes, start: int, stop: int) -> None:
        if isinstance(found, bytes):
            request.wfile.write(found[start:stop])
            self.sent[request.path] += stop - start
            return
        with found.open("rb") as file:
            file.seek(start)
            while start < stop and (chunk := file.read(min(_CHUNK_BYTES, stop - start))):
                request.wfile.write(chunk)
                start += len(chunk)
                self.sent[request.path] += len(chunk)

    def close(self) -> None:
        """Stop answering."""
        self._server.shutdown()
        self._server.server_close()
        self._thread.join(5)
