"""A small BitTorrent tracker for the demo's own swarm.

Rules guarded: it listens on loopback and answers for the torrents it was told of, no others; a request that is none
gets a failure reason, as trackers give it; peers come and go in memory only.
Source: BEP 3 (announce), BEP 23 (compact peers).
"""

from __future__ import annotations

import ipaddress
import threading
import time
from collections.abc import Iterable
from dataclasses import dataclass
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from urllib.parse import unquote_to_bytes

from kilotar.parse.bencode import Value, encode

__all__ = ["DemoTracker"]

_INTERVAL_S = 30
_MOST_PEERS = 50
_FORGOTTEN_S = 900.0  # libtorrent announces every 5 minutes at most, whatever interval is asked for


@dataclass(frozen=True, slots=True)
class _Peer:
    """Who announced: where it listens, what it lacks, when it was heard last."""

    ip: str
    port: int
    left_bytes: int
    heard_s: float
    peer_id: bytes


class DemoTracker:
    """A tracker that answers until it is closed.

    Args:
        infohashes: of the torrents that it knows, 40 hex digits each.
    """

    def __init__(self, infohashes: Iterable[str]) -> None:
        self._swarms: dict[bytes, dict[tuple[str, int], _Peer]] = {bytes.fromhex(one): {} for one in infohashes}
        self._turn = threading.Condition()
        tracker = self

        class Handler(BaseHTTPRequestHandler):
            timeout = 10

            def do_GET(self) -> None:
                path, _, query = self.path.partition("?")
                body = tracker.announce(query, self.client_address[0])
                self.send_response(200 if path == "/announce" else 404)
                self.send_header("Content-Type", "text/plain")
                self.send_header("Content-Length", str(len(body)))
                self.end_headers()
                self.wfile.write(body)

            def log_message(self, format: str, *args: object) -> None:
                """Say nothing."""

        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self._server.daemon_threads = True
        self.url = f"http://127.0.0.1:{self._server.server_address[1]}/announce"
        self._thread = threading.Thread(target=self._server.serve_forever, args=(0.05,), daemon=True)
        self._thread.start()

    def announce(self, query: str, ip: str) -> bytes:
        """Give the answer to an announce from an address."""
        words = {name: unquote_to_bytes(value) for name, _, value in (part.partition("=") for part in query.split("&"))}
        infohash, peer_id = words.get("info_hash", b""), words.get("peer_id", b"")
        port, left = _number(words.get("port")), _number(words.get("left"))
        if infohash not in self._swarms:
            return _failure(f"Invalid info_hash ({len(infohash)} bytes)")
        if len(peer_id) != 20 or not 0 < port < 1 << 16 or left < 0:
            return _failure("peer_id, port or left is missing")
        peer = _Peer(ip, port, left, time.monotonic(), peer_id)
        with self._turn:
            swarm = self._swarms[infohash]
            swarm.pop((ip, port), None)
            others = [one for one in swarm.values() if peer.heard_s - one.heard_s < _FORGOTTEN_S]
            if words.get("event") != b"stopped":
                swarm[ip, port] = peer
            self._turn.notify_all()
        return encode(_answer(others, is_compact=words.get("compact") != b"0"))

    def wait_for_seeds(self, timeout_s: float) -> bool:
        """Wait until every torrent has a peer that lacks nothing; False where that took too long."""
        with self._turn:
            return self._turn.wait_for(
                lambda: all(any(peer.left_bytes == 0 for peer in swarm.values()) for swarm in self._swarms.values()),
                timeout_s,
            )

    def close(self) -> None:
        """Stop answering."""
        self._server.shutdown()
        self._server.server_close()
        self._thread.join(5)


def _number(word: bytes | None) -> int:
    return int(word) if word is not None and word.isdigit() and len(word) < 19 else -1


def _failure(reason: str) -> bytes:
    return encode({b"failure reason": reason.encode()})


def _answer(peers: list[_Peer], *, is_compact: bool) -> dict[bytes, Value]:
    seeds = sum(peer.left_bytes == 0 for peer in peers)
    told = peers[:_MOST_PEERS]
    listed: Value = [{b"ip": one.ip.encode(), b"peer id": one.peer_id, b"port": one.port} for one in told]
    compact = b"".join(ipaddress.IPv4Address(one.ip).packed + one.port.to_bytes(2, "big") for one in told)
    return {
        b"complete": seeds,
        b"incomplete": len(peers) - seeds,
        b"interval": _INTERVAL_S,
        b"peers": compact if is_compact else listed,
    }
