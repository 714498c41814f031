"""The wire format of protobuf, as far as records of images use it.

Rules guarded: pure; every length is held against the bytes that are there, a number takes ten bytes at most.
Source: the description of protobuf's encoding.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import NamedTuple

from kilotar.errors import LayoutRefused

__all__ = ["DELIMITED", "VARINT", "WireField", "read_varint", "walk_fields"]

VARINT, DELIMITED = 0, 2
_FIXED64, _FIXED32 = 1, 5


class WireField(NamedTuple):
    """A field of a message, and where its value lies."""

    number: int
    wire: int
    start: int
    stop: int


def walk_fields(data: bytes, start: int, stop: int) -> Iterator[WireField]:
    """Give the fields of the message in `data[start:stop]`. Raises LayoutRefused."""
    at = start
    while at < stop:
        tag, at = read_varint(data, at, stop)
        wire = tag & 7
        if wire == DELIMITED:
            length, at = read_varint(data, at, stop)
        elif wire == VARINT:
            length = read_varint(data, at, stop)[1] - at
        elif wire in (_FIXED32, _FIXED64):
            length = 4 if wire == _FIXED32 else 8
        else:
            raise LayoutRefused("the record is no message of protobuf", seen=f"wire type {wire} at byte {at}")
        if length > stop - at:
            raise LayoutRefused("the record is cut off", seen=f"{length} bytes announced, {stop - at} there")
        yield WireField(tag >> 3, wire, at, at + length)
        at += length


def read_varint(data: bytes, at: int, stop: int) -> tuple[int, int]:
    """Give a number of 64 bits and where it ends. Raises LayoutRefused."""
    value = 0
    for place in range(min(10, stop - at)):
        byte = data[at + place]
        value |= (byte & 0x7F) << (7 * place)
        if byte < 0x80:
            return value & (1 << 64) - 1, at + place + 1
    raise LayoutRefused("the record is no message of protobuf", seen=f"a number without end at byte {at}")
