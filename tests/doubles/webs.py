"""A web server on loopback that says, byte for byte, what a test wants it to say."""

from __future__ import annotations

import contextlib
import socket
import threading
from collections.abc import Callable, Iterator

__all__ = ["Web", "answer", "web"]

Speak = Callable[[socket.socket, str], None]


def answer(body: bytes, status: str = "200 OK", *headers: str) -> bytes:
    """Give a whole answer, with its length."""
    lines = [f"HTTP/1.1 {status}", f"Content-Length: {len(body)}", "Connection: close", *headers, "", ""]
    return "\r\n".join(lines).encode() + body


class Web:
    """Answers each path with the bytes, or by the function, that are set for it; counts what was asked."""

    def __init__(self) -> None:
        self._socket = socket.create_server(("127.0.0.1", 0))
        self.url = f"http://127.0.0.1:{self._socket.getsockname()[1]}"
        self.says: dict[str, bytes | Speak] = {}
        self.asked: list[str] = []
        self.heads: list[str] = []
        self.ended = threading.Event()

    def serve(self) -> None:
        """Answer until closed, each connection in a thread of its own."""
        while True:
            try:
                connection, _ = self._socket.accept()
            except OSError:
                return
            threading.Thread(target=self._answer, args=(connection,), daemon=True).start()

    def _answer(self, connection: socket.socket) -> None:
        with connection, contextlib.suppress(OSError):
            head = b""
            while b"\r\n\r\n" not in head and (part := connection.recv(4096)):
                head += part
            self.heads.append(head.decode("latin-1"))
            path = head.decode("latin-1").split(" ", 2)[1] if head else ""
            self.asked.append(path)
            says = self.says.get(path, answer(b"nothing here", "404 Not Found"))
            if callable(says):
                says(connection, path)
            else:
                connection.sendall(says)

    def close(self) -> None:
        self.ended.set()
        with contextlib.suppress(OSError):
            self._socket.shutdown(socket.SHUT_RDWR)
        self._socket.close()


@contextlib.contextmanager
def web() -> Iterator[Web]:
    """Give a server that is ready, and close it in the end."""
    server = Web()
    thread = threading.Thread(target=server.serve, daemon=True)
    thread.start()
    try:
        yield server
    finally:
        server.close()
        thread.join(10)
