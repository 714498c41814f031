"""Bencoding, the form of .torrent files and tracker answers, read strictly and within bounds.

Rules guarded: a value has one spelling (no leading zeros, no minus zero, no key twice, keys sorted unless that is
waived); nothing follows the value; depth, number of values and length are bounded, so a hostile body costs bounded time
and memory; the place of every value of the outermost dictionary is kept, because an infohash is of the bytes as they
were sent.
Source: BEP 3, "bencoding".
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import NoReturn, TypeAlias

from kilotar.errors import TorrentRefused

__all__ = ["MAX_BYTES", "Bencoded", "Value", "decode", "encode", "read_dictionary"]

Value: TypeAlias = "int | bytes | list[Value] | dict[bytes, Value]"

MAX_BYTES = 64 << 20  # 2^21 pieces of 20 bytes are 40 MiB
_MAX_DEPTH = 16
_MAX_VALUES = 100_000
_MAX_DIGITS = 20  # a signed number of 64 bits and its sign
_MOST = 1 << 63


@dataclass(frozen=True, slots=True)
class Bencoded:
    """A dictionary and the bytes that its values were sent as.

    Attributes:
        values: by key.
        spans:  half-open ranges of bytes in what was read, by key.
    """

    values: Mapping[bytes, Value]
    spans: Mapping[bytes, tuple[int, int]]


def decode(data: bytes, *, sorted_keys: bool = True) -> Value:
    """Give the one value that the bytes are.

    Args:
        data:        at most 64 MiB.
        sorted_keys: refuse dictionaries whose keys are not in ascending order.
    Raises: TorrentRefused, naming the byte.
    """
    reader = _Reader(data, sorted_keys)
    value = reader.value(0)
    reader.end()
    return value


def read_dictionary(data: bytes, *, sorted_keys: bool = True) -> Bencoded:
    """Give the dictionary that the bytes are, with the range of bytes of each value. Raises as `decode`."""
    reader = _Reader(data, sorted_keys)
    if data[:1] != b"d":
        reader.refuse("a dictionary is expected")
    spans: dict[bytes, tuple[int, int]] = {}
    values = reader.dictionary(0, spans)
    reader.end()
    return Bencoded(values, spans)


def encode(value: Value) -> bytes:
    """Give the bencoded form of a value, keys sorted."""
    if isinstance(value, int):
        return b"i%de" % value
    if isinstance(value, bytes):
        return b"%d:%s" % (len(value), value)
    if isinstance(value, list):
        return b"l" + b"".join(map(encode, value)) + b"e"
    return b"d" + b"".join(encode(key) + encode(value[key]) for key in sorted(value)) + b"e"


class _Reader:
    """Reads values front to back."""

    def __init__(self, data: bytes, sorted_keys: bool) -> None:
        self._data = data
        self._sorted_keys = sorted_keys
        self._at = 0
        self._left = _MAX_VALUES
        if len(data) > MAX_BYTES:
            self.refuse(f"{len(data)} bytes, at most {MAX_BYTES} are read")

    def value(self, depth: int) -> Value:
        first = self._data[self._at : self._at + 1]
        self._left -= 1
        if self._left < 0:
            self.refuse(f"more than {_MAX_VALUES} values")
        if depth > _MAX_DEPTH:
            self.refuse(f"nested deeper than {_MAX_DEPTH}")
        if first == b"i":
            self._at += 1
            return self._number(b"e")
        if first == b"l":
            return self._list(depth)
        if first == b"d":
            return self.dictionary(depth, {})
        return self._bytes()

    def dictionary(self, depth: int, spans: dict[bytes, tuple[int, int]]) -> dict[bytes, Value]:
        """Read a dictionary and note in `spans` where its values stand."""
        self._at += 1
        found: dict[bytes, Value] = {}
        last = b""
        while not self._ends():
            start_of_key = self._at
            key = self._bytes()
            if key in found or (found and self._sorted_keys and key < last):
                self._at = start_of_key
                self.refuse(f"the key {key[:40]!r} stands twice or out of order")
            start = self._at
            found[key] = self.value(depth + 1)
            spans[key] = (start, self._at)
            last = key
        return found

    def end(self) -> None:
        if self._at != len(self._data):
            self.refuse(f"{len(self._data) - self._at} bytes follow the value")

    def refuse(self, why: str) -> NoReturn:
        raise TorrentRefused(
            "this is not bencoded as it must be", seen=f"byte {self._at}: {why}", fix="fetch the .torrent again"
        )

    def _list(self, depth: int) -> list[Value]:
        self._at += 1
        found: list[Value] = []
        while not self._ends():
            found.append(self.value(depth + 1))
        return found

    def _ends(self) -> bool:
        if self._data[self._at : self._at + 1] != b"e":
            return False
        self._at += 1
        return True

    def _bytes(self) -> bytes:
        start = self._at
        length = self._number(b":")
        if length < 0 or length > len(self._data) - self._at:
            self._at = start
            self.refuse(f"text of {length} bytes, where {len(self._data) - start} are left")
        self._at += length
        return self._data[self._at - length : self._at]

    def _number(self, closing: bytes) -> int:
        stop = self._data.find(closing, self._at, self._at + _MAX_DIGITS + 1)
        digits = self._data[self._at : stop] if stop >= 0 else b""
        plain = digits.removeprefix(b"-")
        if not plain.isdigit() or (plain[:1] == b"0" and digits != b"0"):
            self.refuse("a number or a value is expected")
        number = int(digits)
        if not -_MOST <= number < _MOST:
            self.refuse("a number of more than 64 bits")
        self._at = stop + 1
        return number
