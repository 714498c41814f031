"""The `tf.train.Example` of an image, made without TensorFlow.

Rules guarded: the same features give the same bytes (protobuf leaves the order of a map open; here it is that of the
names); an image is one piece of the record and is not copied into another.
Source: tensorflow/core/example/{example,feature}.proto and the wire format of protobuf.
"""

from __future__ import annotations

import struct
from collections.abc import Iterable, Mapping, Sequence

__all__ = ["Feature", "example", "floats", "ints", "padding", "text", "wide_int"]

Feature = tuple[bytes, ...]
_PADDING = 15  # a field that Example has not, and that every reader passes over
_SMALL_BYTES = 4096


def example(features: Mapping[str, Feature]) -> list[bytes]:
    """Give a record in pieces, the small ones joined."""
    entries: list[bytes] = []
    for name in sorted(features):
        entries += _wrap(1, (*_wrap(1, (name.encode("ascii"),)), *_wrap(2, features[name])))
    return _joined(_wrap(1, entries))


def text(value: str | bytes) -> Feature:
    """Give a feature of one text or image."""
    return _wrap(1, _wrap(1, (value.encode("utf-8") if isinstance(value, str) else value,)))


def ints(values: Iterable[int]) -> Feature:
    """Give a feature of integers of 64 bits."""
    return _list(3, b"".join(_varint(value & (1 << 64) - 1) for value in values))


def wide_int(value: int) -> Feature:
    """Give a feature of one integer below 2**21 that takes the same room whatever it is; every reader takes it so."""
    return _list(3, bytes((value & 0x7F | 0x80, value >> 7 & 0x7F | 0x80, value >> 14)))


def floats(values: Sequence[float]) -> Feature:
    """Give a feature of floats of 32 bits; none are a list without values."""
    return _list(2, struct.pack(f"<{len(values)}f", *values))


def padding(size_bytes: int) -> bytes:
    """Give bytes, 2 or more, that follow a record and that readers pass over."""
    for head in (2, 3, 4):
        begin = _begin(_PADDING, max(0, size_bytes - head))
        if len(begin) == head:
            return begin + bytes(size_bytes - head)
    return padding(2) + padding(size_bytes - 2)  # one byte more would need a longer begin, and that two bytes more


def _list(kind: int, packed: bytes) -> Feature:
    return _wrap(kind, _wrap(1, (packed,)) if packed else ())


def _wrap(number: int, pieces: Sequence[bytes]) -> Feature:
    return (_begin(number, sum(map(len, pieces))), *pieces)


def _begin(number: int, size_bytes: int) -> bytes:
    return bytes((number << 3 | 2,)) + _varint(size_bytes)


def _varint(value: int) -> bytes:
    out = bytearray()
    while value > 0x7F:
        out.append(value & 0x7F | 0x80)
        value >>= 7
    out.append(value)
    return bytes(out)


def _joined(pieces: Iterable[bytes]) -> list[bytes]:
    joined: list[bytes] = []
    small: list[bytes] = []
    for piece in pieces:
        if len(piece) < _SMALL_BYTES:
            small.append(piece)
        else:
            joined += (b"".join(small), piece)
            small.clear()
    return [*joined, b"".join(small)]
