"""Whether the DHT can be reached: a few questions over UDP, to known nodes and then to those that they name.

Rules guarded: no session and no port stay open; an answer counts only with the number that was sent; nodes inside this
network, that anybody may have named, are not asked.
Source: BEP 5 (ping, find_node), BEP 32 (IPv6). The known nodes are those that clients ship.
"""

from __future__ import annotations

import secrets
import socket
import time
from collections.abc import Sequence

from kilotar.errors import TorrentRefused
from kilotar.model.checkup import DhtAnswer
from kilotar.parse.address import is_inside
from kilotar.parse.bencode import encode, read_dictionary
from kilotar.sources.probe.compact import compact_nodes

__all__ = ["BOOTSTRAP", "ask_dht", "ask_nodes"]

BOOTSTRAP = (
    ("dht.libtorrent.org", 25401),
    ("router.bittorrent.com", 6881),
    ("dht.transmissionbt.com", 6881),
    ("router.bt.ouinet.work", 6881),
)
FAMILIES = {"IPv4": (socket.AF_INET, 4, b"nodes"), "IPv6": (socket.AF_INET6, 16, b"nodes6")}
MOST_NODES = 40
Node = tuple[str, int]


def ask_dht(
    family: str, bootstrap: Sequence[Node] = BOOTSTRAP, *, timeout_s: float = 4.0, allow_private: bool = False
) -> DhtAnswer:
    """Ask known nodes, and the nodes they name, for nodes. Every failure is a value.

    Args:
        family: "IPv4" or "IPv6".
        timeout_s: for two rounds together.
    """
    kind = FAMILIES[family][0]
    try:
        known = _look_up(bootstrap, kind, allow_private)
        if not known:
            return DhtAnswer(family, error="no known node could be looked up")
        return ask_nodes(family, known, timeout_s=timeout_s, allow_private=allow_private)
    except OSError as error:
        return DhtAnswer(family, error=f"no {family} here: {error.strerror or error}")


def _look_up(bootstrap: Sequence[Node], kind: socket.AddressFamily, allow_private: bool) -> list[Node]:
    found: list[Node] = []
    for host, port in bootstrap:
        try:
            rows = socket.getaddrinfo(host, port, family=kind, type=socket.SOCK_DGRAM)
        except socket.gaierror:
            continue
        found += [(str(place[0]), port) for *_, place in rows if allow_private or not is_inside(str(place[0]))]
    return list(dict.fromkeys(found))[:MOST_NODES]


def ask_nodes(family: str, known: Sequence[Node], *, timeout_s: float, allow_private: bool = False) -> DhtAnswer:
    """Ask these nodes, by their addresses, and then the nodes they name. Raises OSError where nothing can be sent."""
    with socket.socket(FAMILIES[family][0], socket.SOCK_DGRAM) as sock:
        answered, named = _round(sock, family, known, timeout_s / 2)
        asked = len(known)
        fresh = [node for node in named if node not in known and node[1] and (allow_private or not is_inside(node[0]))]
        fresh = fresh[: MOST_NODES - asked]
        more, _ = _round(sock, family, fresh, timeout_s / 2) if fresh else (0, [])
    return DhtAnswer(family, asked + len(fresh), answered + more)


def _round(sock: socket.socket, family: str, nodes: Sequence[Node], timeout_s: float) -> tuple[int, list[Node]]:
    """Ask nodes at once. Gives how many answered, and whom they named."""
    waiting: dict[bytes, Node] = {}
    error: OSError | None = None
    for node in nodes:
        number, packet = _question(family)
        try:
            sock.sendto(packet, node)
            waiting[number] = node
        except OSError as reason:  # no way to this one; the others may have one
            error = reason
    if not waiting and error is not None:
        raise error
    asked, named, ends_s = len(waiting), list[Node](), time.monotonic() + timeout_s
    while waiting and (left_s := ends_s - time.monotonic()) > 0:
        sock.settimeout(left_s)
        try:
            packet = sock.recv(4096)
        except TimeoutError:
            break
        except ConnectionRefusedError:
            continue
        named += _named(packet, waiting, family)
    return asked - len(waiting), list(dict.fromkeys(named))


def _question(family: str) -> tuple[bytes, bytes]:
    number = secrets.token_bytes(4)
    asks = {b"id": secrets.token_bytes(20), b"target": secrets.token_bytes(20)}
    if family == "IPv6":
        asks[b"want"] = [b"n6"]  # type: ignore[assignment]
    return number, encode({b"t": number, b"y": b"q", b"q": b"find_node", b"a": asks})  # type: ignore[dict-item]


def _named(packet: bytes, waiting: dict[bytes, Node], family: str) -> list[Node]:
    """Take an answer off those that are waited for, and give the nodes in it."""
    _, width, key = FAMILIES[family]
    try:
        values = read_dictionary(packet, sorted_keys=False).values
    except TorrentRefused:
        return []
    number, answer = values.get(b"t"), values.get(b"r")
    if not isinstance(number, bytes) or number not in waiting or not isinstance(answer, dict):
        return []
    del waiting[number]
    return list(compact_nodes(answer.get(key), width))
