"""NumPy's `.npy` format 1.0, written as a stream without NumPy.

Rules guarded: text is UTF-32, little-endian, padded with zeros to its fixed width, so the length of the file follows
from the header; the header ends on a multiple of 64 bytes.
Source: NumPy's description of the format (numpy.lib.format); read back with numpy.load in the tests.
"""

from __future__ import annotations

import re
import struct
from collections.abc import Iterable, Iterator, Sequence
from math import prod
from pathlib import Path

from kilotar.sinks.rows import chunks

__all__ = ["fixed_text", "npy", "npy_head", "npy_texts", "read_npy_head"]

_MAGIC = b"\x93NUMPY\x01\x00"
_MOST_HEAD_BYTES = 512
_SHAPE = re.compile(rb"'shape': \(([0-9]{1,18}(?:, [0-9]{1,18})*),?\)")


def npy(dtype: str | list[tuple[str, str]], length: int, rows: Iterable[bytes]) -> Iterator[bytes]:
    """Give a one-dimensional array as chunks.

    Args:
        dtype:  "<U9", or (field, type) pairs of a structured array.
        length: how many rows follow.
        rows:   the bytes of each row.
    """
    yield npy_head(dtype, (length,))
    yield from chunks(rows)


def npy_head(dtype: str | list[tuple[str, str]], shape: tuple[int, ...]) -> bytes:
    """Give what stands before the rows of an array."""
    header = f"{{'descr': {dtype!r}, 'fortran_order': False, 'shape': {shape!r}, }}".encode("latin-1")
    padding = -(len(_MAGIC) + 2 + len(header) + 1) % 64
    return _MAGIC + struct.pack("<H", len(header) + padding + 1) + header + b" " * padding + b"\n"


def read_npy_head(path: Path, dtype: str, sides: int) -> tuple[int, tuple[int, ...]]:
    """Give where the rows of a file begin, and its shape.

    Args:
        dtype: what the file must hold.
        sides: how many its shape must have.
    Raises: OSError; ValueError where the file is not that, or not as long as its shape says.
    """
    with path.open("rb") as file:
        begin = file.read(_MOST_HEAD_BYTES)
        size_bytes = file.seek(0, 2)
    shape = _SHAPE.search(begin)
    found = tuple(map(int, shape[1].replace(b" ", b"").strip(b",").split(b","))) if shape else ()
    head = npy_head(dtype, found)
    if not begin.startswith(head) or len(found) != sides or size_bytes != len(head) + int(dtype[2:]) * prod(found):
        raise ValueError(f"{size_bytes} bytes that are no array of {dtype} of {sides} sides")
    return len(head), found


def npy_texts(words: Sequence[str]) -> Iterator[bytes]:
    """Give an array of text, as wide as its longest word."""
    width = max(map(len, words), default=0)
    return npy(f"<U{width}", len(words), (fixed_text(word, width) for word in words))


def fixed_text(word: str, width: int) -> bytes:
    """Give a word as `width` characters of 4 bytes."""
    return word.encode("utf-32-le").ljust(4 * width, b"\0")
