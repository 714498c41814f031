"""Addresses as trackers and the DHT pack them: 4 or 16 bytes of address and 2 of port.

Source: BEP 23 (compact peers), BEP 7 (IPv6), BEP 5 and BEP 32 (nodes of the DHT).
"""

from __future__ import annotations

import ipaddress

__all__ = ["compact_nodes", "compact_peers"]

MOST = 200
ID_BYTES = 20


def compact_peers(packed: object, address_bytes: int) -> tuple[tuple[str, int], ...]:
    """Give (address, port) of every whole entry, at most 200; () for what is not bytes.

    Args:
        address_bytes: 4 or 16.
    """
    return tuple(_entries(packed, 0, address_bytes))


def compact_nodes(packed: object, address_bytes: int) -> tuple[tuple[str, int], ...]:
    """Give the same of nodes of the DHT, whose entries begin with an id of 20 bytes."""
    return tuple(_entries(packed, ID_BYTES, address_bytes))


def _entries(packed: object, skip: int, address_bytes: int) -> list[tuple[str, int]]:
    if not isinstance(packed, bytes):
        return []
    width = skip + address_bytes + 2
    starts = range(0, len(packed) - width + 1, width)[:MOST]
    return [_entry(packed[start + skip : start + width], address_bytes) for start in starts]


def _entry(entry: bytes, address_bytes: int) -> tuple[str, int]:
    return str(ipaddress.ip_address(entry[:address_bytes])), int.from_bytes(entry[address_bytes:])
