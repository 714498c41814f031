"""The `tf.train.Example` of an image, made without TensorFlow.

Rules guarded: the same features give the same bytes (protobuf leaves the order of a map open; here it is that of the
names); an image is one piece of the record and is not copied into another.
Source: tensorflow/core/example/{example,feature}.proto and the wire format of protobuf.
"""

from __future__ import annotations

import struct
from bisect import bisect_left
from collections.abc import Iterable, Mapping, Sequence
from functools import lru_cache
from typing import TypeVar

__all__ = [
    "Image",
    "example",
    "example_bytes",
    "features_bytes",
    "floats",
    "ints",
    "padding",
    "text",
    "varint",
    "wide_int",
]

Image = TypeVar("Image", bytes, memoryview)
_PADDING = 15  # a field that Example has not, and that every reader passes over


def example(features: Mapping[str, bytes], name: str, image: Image) -> list[bytes | Image]:
    """Give a record in three pieces, the second of which is the image.

    Args:
        features: by name, as the functions below give them.
        name:     of the feature that the image is.
    """
    head, after = _around(features, name, len(image))
    return [head, image, after]


def example_bytes(beside_bytes: int, name: str, image_bytes: int) -> int:
    """Give the length of a record without having it.

    Args:
        beside_bytes: of all features but the image, by `features_bytes`.
        name:         of the feature that the image is.
        image_bytes:  of the image.
    """
    size_bytes = image_bytes
    for beside in (0, 0, 0, len(name) + _begin_bytes(len(name)), beside_bytes):
        size_bytes += beside
        size_bytes += _begin_bytes(size_bytes)
    return size_bytes


def features_bytes(features: Mapping[str, bytes]) -> int:
    """Give the length that features take in a record."""
    return sum(len(_entry(name, feature)) for name, feature in features.items())


def _around(features: Mapping[str, bytes], name: str, size_bytes: int) -> tuple[bytes, bytes]:
    """Give what stands before and behind the image in its record."""
    names = sorted(features)
    split = bisect_left(names, name)
    before = b"".join([_entry(other, features[other]) for other in names[:split]])
    after = b"".join([_entry(other, features[other]) for other in names[split:]])
    head = b""
    for number in (1, 1, 2):  # bytes of a list, list of a feature, value of an entry
        head = _begin(number, len(head) + size_bytes) + head
    head = _wrap(1, name.encode("ascii")) + head
    head = before + _begin(1, len(head) + size_bytes) + head
    return _begin(1, len(head) + size_bytes + len(after)) + head, after


@lru_cache(maxsize=4096)  # of a class all images have the same words
def text(value: str) -> bytes:
    """Give a feature of one text."""
    return _wrap(1, _wrap(1, value.encode("utf-8")))


def ints(values: Iterable[int]) -> bytes:
    """Give a feature of integers of 64 bits."""
    return _list(3, b"".join(varint(value & (1 << 64) - 1) for value in values))


@lru_cache(maxsize=4096)  # few widths and heights are many
def wide_int(value: int) -> bytes:
    """Give a feature of one integer below 2**21 that takes the same room whatever it is; every reader takes it so."""
    return _list(3, bytes((value & 0x7F | 0x80, value >> 7 & 0x7F | 0x80, value >> 14)))


def floats(values: Sequence[float]) -> bytes:
    """Give a feature of floats of 32 bits; none are a list without values."""
    return _list(2, struct.pack(f"<{len(values)}f", *values))


def padding(size_bytes: int) -> bytes:
    """Give bytes, 2 or more, that follow a record and that readers pass over."""
    for head in (2, 3, 4):
        begin = _begin(_PADDING, max(0, size_bytes - head))
        if len(begin) == head:
            return begin + bytes(size_bytes - head)
    return padding(2) + padding(size_bytes - 2)  # one byte more would need a longer begin, and that two bytes more


@lru_cache(maxsize=8192)
def _entry(name: str, feature: bytes) -> bytes:
    return _wrap(1, _wrap(1, name.encode("ascii")) + _wrap(2, feature))


def _list(kind: int, packed: bytes) -> bytes:
    return _wrap(kind, _wrap(1, packed) if packed else b"")


def _wrap(number: int, content: bytes) -> bytes:
    return _begin(number, len(content)) + content


def _begin(number: int, size_bytes: int) -> bytes:
    return bytes((number << 3 | 2, size_bytes)) if size_bytes < 0x80 else bytes((number << 3 | 2,)) + varint(size_bytes)


def _begin_bytes(size_bytes: int) -> int:
    return 2 if size_bytes < 0x80 else 1 + -(-size_bytes.bit_length() // 7)


def varint(value: int) -> bytes:
    """Give a number, 0 or more, as protobuf has it."""
    out = bytearray()
    while value > 0x7F:
        out.append(value & 0x7F | 0x80)
        value >>= 7
    out.append(value)
    return bytes(out)
