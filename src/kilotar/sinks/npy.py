"""NumPy's `.npy` format 1.0, written as a stream without NumPy.

Rules guarded: text is UTF-32, little-endian, padded with zeros to its fixed width, so the length of the file follows
from the header; the header ends on a multiple of 64 bytes.
Source: NumPy's description of the format (numpy.lib.format); read back with numpy.load in the tests.
"""

from __future__ import annotations

import struct
from collections.abc import Iterable, Iterator, Sequence

from kilotar.sinks.rows import chunks

__all__ = ["fixed_text", "npy", "npy_texts"]

_MAGIC = b"\x93NUMPY\x01\x00"


def npy(dtype: str | list[tuple[str, str]], length: int, rows: Iterable[bytes]) -> Iterator[bytes]:
    """Give a one-dimensional array as chunks.

    Args:
        dtype:  "<U9", or (field, type) pairs of a structured array.
        length: how many rows follow.
        rows:   the bytes of each row.
    """
    header = f"{{'descr': {dtype!r}, 'fortran_order': False, 'shape': ({length},), }}".encode("latin-1")
    padding = -(len(_MAGIC) + 2 + len(header) + 1) % 64
    yield _MAGIC + struct.pack("<H", len(header) + padding + 1) + header + b" " * padding + b"\n"
    yield from chunks(rows)


def npy_texts(words: Sequence[str]) -> Iterator[bytes]:
    """Give an array of text, as wide as its longest word."""
    width = max(map(len, words), default=0)
    return npy(f"<U{width}", len(words), (fixed_text(word, width) for word in words))


def fixed_text(word: str, width: int) -> bytes:
    """Give a word as `width` characters of 4 bytes."""
    return word.encode("utf-32-le").ljust(4 * width, b"\0")
