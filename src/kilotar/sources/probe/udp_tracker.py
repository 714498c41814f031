"""A UDP tracker: connect, then announce, with packets that nobody else could have answered.

Rules guarded: an answer counts only from the address that was asked and with the number that was sent; a lost packet is
sent again; the whole takes no longer than its time.
Source: BEP 15.
"""

from __future__ import annotations

import secrets
import socket
import struct
import time
from urllib.parse import urlsplit

from kilotar.errors import TorrentRefused
from kilotar.parse.address import is_inside
from kilotar.sources.probe.compact import compact_peers

__all__ = ["ask_udp"]

_MAGIC = 0x41727101980
_CONNECT, _ANNOUNCE, _ERROR = 0, 1, 3
_RESEND_S = 1.5
_MOST_BYTES = 2048
UdpAnswer = tuple[int, int, tuple[tuple[str, int], ...]]


def ask_udp(
    url: str,
    infohash: bytes,
    peer_id: bytes,
    *,
    left_bytes: int,
    port: int,
    timeout_s: float,
    allow_private: bool = False,
) -> UdpAnswer:
    """Announce over UDP. Gives seeds, leechers, and addresses of peers.

    Raises: OSError, TimeoutError; TorrentRefused for an answer that is none, or the tracker's own refusal.
    """
    parts = urlsplit(url)
    family, place = _look_up(parts.hostname or "", parts.port or 80, allow_private)
    ends_s = time.monotonic() + timeout_s
    with socket.socket(family, socket.SOCK_DGRAM) as sock:
        sock.connect(place)
        hello = _exchange(sock, struct.pack("!QI", _MAGIC, _CONNECT), _CONNECT, 8, ends_s)
        question = struct.pack(
            "!8sI20s20sQQQIIIiH", hello[:8], _ANNOUNCE, infohash, peer_id, 0, left_bytes, 0, 0, 0,
            secrets.randbits(32), 30, port,
        )  # fmt: skip
        answer = _exchange(sock, question, _ANNOUNCE, 12, ends_s)
    _, leechers, seeds = struct.unpack_from("!III", answer)
    return seeds, leechers, compact_peers(answer[12:], 16 if family == socket.AF_INET6 else 4)


def _look_up(host: str, port: int, allow_private: bool) -> tuple[int, tuple[object, ...]]:
    found = socket.getaddrinfo(host, port, type=socket.SOCK_DGRAM)
    good = [(family, place) for family, _, _, _, place in found if allow_private or not is_inside(str(place[0]))]
    if not good:
        raise TorrentRefused(f"{host} points into a private network", seen="its address is inside this network")
    return min(good, key=lambda one: one[0] != socket.AF_INET)


def _exchange(sock: socket.socket, head_and_rest: bytes, action: int, least_bytes: int, ends_s: float) -> bytes:
    """Send a packet, with a number of its own behind its first 12 bytes, until its answer comes; give the body."""
    number = secrets.token_bytes(4)
    packet = head_and_rest[:12] + number + head_and_rest[12:]
    while (left_s := ends_s - time.monotonic()) > 0:
        sock.send(packet)
        answer = _await(sock, number, time.monotonic() + min(left_s, _RESEND_S))
        if answer:
            return _body(answer, action, least_bytes)
    raise TimeoutError("no answer")


def _await(sock: socket.socket, number: bytes, until_s: float) -> bytes:
    """Give the first packet with our number, b"" where none came in time; others are passed over."""
    while (left_s := until_s - time.monotonic()) > 0:
        sock.settimeout(left_s)
        try:
            packet = sock.recv(_MOST_BYTES)
        except TimeoutError:
            return b""
        if packet[4:8] == number:
            return packet
    return b""


def _body(packet: bytes, action: int, least_bytes: int) -> bytes:
    said, body = int.from_bytes(packet[:4]), packet[8:]
    if said == _ERROR:
        words = " ".join(body[:200].decode("utf-8", "replace").split())
        raise TorrentRefused("the tracker refuses", seen=words or "without a reason")
    if said != action or len(body) < least_bytes:
        raise TorrentRefused("this is no answer of a tracker", seen=f"action {said}, {len(packet)} bytes")
    return body
