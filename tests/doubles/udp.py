"""A UDP server whose answers are scripted: a tracker, a node of the DHT, a gateway, or one that stays silent."""

from __future__ import annotations

import contextlib
import socket
import struct
import threading
from collections.abc import Callable, Iterator

from kilotar.parse.bencode import encode, read_dictionary

__all__ = ["dht_node", "serve_udp", "udp_tracker"]

Answer = Callable[[bytes], bytes | None]


@contextlib.contextmanager
def serve_udp(answer: Answer) -> Iterator[tuple[int, list[bytes]]]:
    """Answer packets on loopback until the block ends. Gives the port, and the packets that came."""
    came: list[bytes] = []
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as sock:
        sock.bind(("127.0.0.1", 0))

        def serve() -> None:
            while True:
                packet, place = sock.recvfrom(4096)
                if packet == b"stop":
                    return
                came.append(packet)
                if (reply := answer(packet)) is not None:
                    sock.sendto(reply, place)

        thread = threading.Thread(target=serve, daemon=True)
        thread.start()
        try:
            yield sock.getsockname()[1], came
        finally:
            with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as last:
                last.sendto(b"stop", sock.getsockname())
            thread.join(5)


def udp_tracker(peers: bytes = b"", *, refuses: bytes = b"", drops: int = 0) -> Answer:
    """Be a tracker of BEP 15 that knows 3 seeds and 4 others.

    Args:
        refuses: answer an announce with this error.
        drops:   leave so many packets without an answer first.
    """
    left = [drops]

    def answer(packet: bytes) -> bytes | None:
        if left[0] > 0:
            left[0] -= 1
            return None
        action, number = struct.unpack_from("!I4s", packet, 8)
        if action == 0:
            return struct.pack("!I4sQ", 0, number, 77)
        if refuses:
            return struct.pack("!I4s", 3, number) + refuses
        assert len(packet) == 98 and struct.unpack_from("!Q", packet)[0] == 77
        return struct.pack("!I4sIII", 1, number, 1800, 4, 3) + peers

    return answer


def dht_node(names: bytes = b"") -> Answer:
    """Be a node of the DHT that names other nodes."""

    def answer(packet: bytes) -> bytes:
        values = read_dictionary(packet).values
        return encode({b"t": values[b"t"], b"y": b"r", b"r": {b"id": b"n" * 20, b"nodes": names}})

    return answer
