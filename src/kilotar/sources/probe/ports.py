"""Whether this process may listen on a port, and whether peers take a TCP connection from here."""

from __future__ import annotations

import errno
import os
import socket
from collections.abc import Sequence

from kilotar.model.checkup import PeerAnswers, PortFact
from kilotar.parse.address import is_inside
from kilotar.sources.probe.at_once import at_once

__all__ = ["bind_port", "connect_peers"]

MOST_PEERS = 12


def bind_port(port: int) -> PortFact:
    """Open a port over TCP and UDP on all IPv4 addresses, and close it; nothing is accepted. 0 takes any."""
    return PortFact(port, _bind_error(port, socket.SOCK_STREAM), _bind_error(port, socket.SOCK_DGRAM))


def _bind_error(port: int, kind: socket.SocketKind) -> str:
    try:
        with socket.socket(socket.AF_INET, kind) as sock:
            sock.bind(("", port))
            if kind is socket.SOCK_STREAM:
                sock.listen(1)
    except OSError as error:
        return os.strerror(error.errno) if error.errno else str(error)
    return ""


def connect_peers(
    peers: Sequence[tuple[str, int]], *, timeout_s: float = 3.0, allow_private: bool = False
) -> PeerAnswers | None:
    """Connect to some of the peers and hang up at once; None where there is nobody to try.

    Args:
        allow_private: else addresses inside a network are passed over: a tracker may not make us knock there.
    """
    tried = [(ip, port) for ip, port in peers if port and (allow_private or not is_inside(ip))][:MOST_PEERS]
    if not tried:
        return None
    numbers = at_once([lambda peer=peer: _connect(peer, timeout_s) for peer in tried], timeout_s + 0.5)  # type: ignore[misc]
    connected = numbers.count(0)
    refused = sum(number in (errno.ECONNREFUSED, errno.ECONNRESET) for number in numbers)
    return PeerAnswers(len(tried), connected, refused, len(tried) - connected - refused)


def _connect(peer: tuple[str, int], timeout_s: float) -> int:
    family = socket.AF_INET6 if ":" in peer[0] else socket.AF_INET
    with socket.socket(family, socket.SOCK_STREAM) as sock:
        sock.settimeout(timeout_s)
        try:
            return sock.connect_ex(peer)
        except OSError as error:
            return error.errno or errno.ETIMEDOUT
