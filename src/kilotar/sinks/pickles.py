"""Pickles of plain values, made of a few opcodes; of what is read back, numbers alone.

Rules guarded: nothing is memoized, so equal values are equal bytes whatever Python wrote them; images and arrays are
passed on between the pieces given here and never copied into a pickle as a whole; nothing that is read is run.
Protocol 3, which every Python 3 reads.
Source: CPython Lib/pickletools.py; numpy ndarray.__reduce__; read back with `pickle.loads` in the tests.
"""

from __future__ import annotations

import struct
from collections.abc import Iterable, Iterator
from itertools import chain
from math import prod

from kilotar.sinks.rows import chunks

__all__ = ["BEGIN", "END", "END_OF_PAIR", "END_OF_TRIPLE", "array", "blob_head", "blobs", "integer", "integers"]
__all__ += ["mapping", "parse_integer", "parse_tuples", "text", "tuples"]

BEGIN = b"\x80\x03"
END = b"."
END_OF_PAIR, END_OF_TRIPLE = b"\x86", b"\x87"  # made of the values before it
_MOST_BYTES = 0xFFFFFFFF
_INTEGERS = {b"K": struct.Struct("<B"), b"M": struct.Struct("<H"), b"J": struct.Struct("<i")}


def blob_head(size_bytes: int) -> bytes:
    """Give what stands before so many bytes; from 4 GiB on it is of protocol 4, which Python 3.4 and newer take."""
    return (
        b"B" + struct.pack("<I", size_bytes) if size_bytes <= _MOST_BYTES else b"\x8e" + struct.pack("<Q", size_bytes)
    )


def blobs(values: Iterable[bytes]) -> bytes:
    """Give a list of bytes, each shorter than 256."""
    return _list(b"C" + struct.pack("<B", len(value)) + value for value in values)


def integer(value: int) -> bytes:
    """Give a number of 32 bits."""
    code = b"K" if 0 <= value < 1 << 8 else b"M" if 0 <= value < 1 << 16 else b"J"
    return code + _INTEGERS[code].pack(value)


def integers(values: Iterable[int]) -> Iterator[bytes]:
    """Give a list of numbers in chunks."""
    return chunks(chain((b"](",), map(integer, values), (b"e",)))


def text(word: str) -> bytes:
    """Give a text."""
    data = word.encode("utf-8")
    return b"X" + struct.pack("<I", len(data)) + data


def tuples(rows: Iterable[tuple[str | int, ...]]) -> bytes:
    """Give a list of tuples of texts and numbers."""
    return _list(b"(" + b"".join(text(v) if isinstance(v, str) else integer(v) for v in row) + b"t" for row in rows)


def array(dtype: str, shape: tuple[int, ...], content: Iterable[bytes]) -> Iterator[bytes]:
    """Give an array of NumPy, as its releases of old pickled one and all of them take it.

    Args:
        dtype:   byte order and type, such as "|u1" or "<f8".
        content: its bytes, in the order of C.
    """
    size_bytes = int(dtype[2:]) * prod(shape)
    sides = b"".join(map(integer, shape)) + (b"\x85", b"\x86")[len(shape) - 1]
    kind = b"cnumpy\ndtype\n" + text(dtype[1:]) + b"\x89\x88\x87R"
    kind += b"(K\x03" + text(dtype[0]) + b"NNN" + 2 * integer(-1) + b"K\x00tb"
    yield b"cnumpy.core.multiarray\n_reconstruct\ncnumpy\nndarray\nK\x00\x85C\x01b\x87R"
    yield b"(K\x01" + sides + kind + b"\x89" + blob_head(size_bytes)
    yield from content
    yield b"tb"


def mapping(entries: Iterable[tuple[str, Iterable[bytes]]]) -> Iterator[bytes]:
    """Give a whole pickle of a dictionary of texts and pickled values."""
    yield BEGIN + b"}("
    for key, value in entries:
        yield text(key)
        yield from value
    yield b"u" + END


def _list(values: Iterable[bytes]) -> bytes:
    return b"](" + b"".join(values) + b"e"


def parse_integer(data: bytes) -> tuple[int, int]:
    """Give the number that data begin with, and its length in bytes. Raises ValueError."""
    form = _INTEGERS.get(data[:1])
    if form is None or len(data) <= form.size:
        raise ValueError(f"no number at {data[:8]!r}")
    (value,) = form.unpack_from(data, 1)
    return value, 1 + form.size


def parse_tuples(data: bytes) -> list[tuple[str | int, ...]]:
    """Give what `tuples` made of rows, from the begin of some data; nothing else is read. Raises ValueError."""
    if not data.startswith(b"]("):
        raise ValueError(f"no list of tuples at {data[:8]!r}")
    at, rows = 2, []
    while data[at : at + 1] == b"(":
        at, row = at + 1, list[str | int]()
        while data[at : at + 1] != b"t":
            if data[at : at + 1] == b"X":
                start = at + 5
                at = start + int.from_bytes(data[at + 1 : start], "little")
                row.append(data[start:at].decode("utf-8"))
            else:
                value, size_bytes = parse_integer(data[at : at + 5])
                row.append(value)
                at += size_bytes
        at += 1
        rows.append(tuple(row))
    if data[at : at + 1] != b"e":
        raise ValueError(f"a list of tuples goes on with {data[at : at + 8]!r}")
    return rows
