"""A web server on loopback that gives one scripted answer to everything, and remembers what it was asked."""

from __future__ import annotations

import contextlib
import socket
import threading
from collections.abc import Iterator

__all__ = ["http_answer", "serve_bytes"]


@contextlib.contextmanager
def serve_bytes(answer: bytes | None) -> Iterator[tuple[str, list[str]]]:
    """Send these bytes to whoever asks, None for never; gives the address and the first lines of the requests."""
    asked: list[str] = []
    ended = threading.Event()
    with socket.create_server(("127.0.0.1", 0)) as listener:

        def serve() -> None:
            while True:
                try:
                    sock, _ = listener.accept()
                except OSError:
                    return
                with sock:
                    if ended.is_set():
                        return
                    asked.append(sock.recv(65536).split(b"\r\n")[0].decode())
                    if answer is None:
                        ended.wait(10)
                    else:
                        sock.sendall(answer)

        thread = threading.Thread(target=serve, daemon=True)
        thread.start()
        try:
            yield f"http://127.0.0.1:{listener.getsockname()[1]}/announce", asked
        finally:
            ended.set()
            with contextlib.suppress(OSError):
                socket.create_connection(listener.getsockname(), 1).close()
            thread.join(5)


def http_answer(body: bytes, status: str = "200 OK", date: str = "") -> bytes:
    """Give a whole answer of HTTP."""
    dated = f"Date: {date}\r\n" if date else ""
    return f"HTTP/1.1 {status}\r\n{dated}Content-Length: {len(body)}\r\nConnection: close\r\n\r\n".encode() + body
