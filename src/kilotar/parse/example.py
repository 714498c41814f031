"""A serialized `tf.train.Example`, read without TensorFlow.

Rules guarded: pure; every length is held against the bytes that are there, a number takes ten bytes at most; unknown
fields are passed over, of a repeated feature the last counts, as in protobuf; whatever does not parse is refused.
Source: tensorflow/core/example/{example,feature}.proto and the wire format of protobuf.
"""

from __future__ import annotations

import struct
from collections.abc import Iterator
from dataclasses import dataclass

from kilotar.errors import LayoutRefused
from kilotar.parse.protobuf import DELIMITED, WireField, read_varint, walk_fields

__all__ = ["Example", "parse_example"]

_BYTES, _FLOATS, _INTS = 1, 2, 3  # fields of Feature


@dataclass(frozen=True, slots=True)
class Example:
    """The features of one record.

    Attributes:
        data:  the record.
        lists: by feature: which kind of list, and where in the record it lies.
    """

    data: bytes
    lists: dict[str, WireField]

    def span(self, name: str) -> range:
        """Give where in the record the only value of a feature of bytes lies. Raises LayoutRefused."""
        spans = self._spans(name, _BYTES)
        if len(spans) != 1:
            raise LayoutRefused(f"feature {name!r} has {len(spans)} values", seen="one is expected")
        return range(spans[0].start, spans[0].stop)

    def text(self, name: str) -> str:
        """Give the only value of a feature of bytes as text. Raises LayoutRefused."""
        span = self.span(name)
        try:
            return self.data[span.start : span.stop].decode("utf-8")
        except UnicodeDecodeError as error:
            raise LayoutRefused(f"feature {name!r} is no text", seen=str(error)) from error

    def ints(self, name: str) -> tuple[int, ...]:
        """Give the values of a feature of integers, packed or not. Raises LayoutRefused."""
        found: list[int] = []
        for _, _, at, stop in self._spans(name, _INTS):
            while at < stop:
                value, at = read_varint(self.data, at, stop)
                found.append(value - (1 << 64) if value >> 63 else value)
        return tuple(found)

    def floats(self, name: str) -> tuple[float, ...]:
        """Give the values of a feature of floats, packed or not. Raises LayoutRefused."""
        found: list[float] = []
        for _, _, start, stop in self._spans(name, _FLOATS):
            if (stop - start) % 4:
                raise LayoutRefused(f"feature {name!r} is cut off", seen=f"{stop - start} bytes of floats")
            found += struct.unpack_from(f"<{(stop - start) // 4}f", self.data, start)
        return tuple(found)

    def _spans(self, name: str, kind: int) -> list[WireField]:
        place = self.lists.get(name)
        if place is None or place.number != kind:
            raise LayoutRefused(f"the record has no feature {name!r} of that kind", seen=", ".join(sorted(self.lists)))
        return [field for field in walk_fields(self.data, place.start, place.stop) if field.number == 1]


def parse_example(data: bytes) -> Example:
    """Read the names of a record's features and where they lie. Raises LayoutRefused."""
    lists: dict[str, WireField] = {}
    for features in _inner(data, WireField(0, 0, 0, len(data)), 1):
        for entry in _inner(data, features, 1):
            name = "".join(str(data[key.start : key.stop], "utf-8", "replace") for key in _inner(data, entry, 1))
            for feature in _inner(data, entry, 2):
                for kind in walk_fields(data, feature.start, feature.stop):
                    lists[name] = kind
    return Example(data, lists)


def _inner(data: bytes, outer: WireField, number: int) -> Iterator[WireField]:
    """Give the messages and strings of one number inside another message."""
    for field in walk_fields(data, outer.start, outer.stop):
        if field.number == number and field.wire == DELIMITED:
            yield field
