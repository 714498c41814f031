"""MAT-5 files by hand: honest ones quickly, and dishonest ones that no library would write."""

from __future__ import annotations

import struct
import zlib

__all__ = ["HEADER", "cell", "char", "compressed", "element", "matrix", "number", "numbers", "struct_of", "synsets"]

HEADER = b"MATLAB 5.0 MAT-file".ljust(116) + bytes(8) + b"\x00\x01IM"
CELL, STRUCT, CHAR, DOUBLE = 1, 2, 4, 6


def element(kind: int, data: bytes, *, size: int | None = None) -> bytes:
    """Give a data element with its padding; `size` makes it lie about its length."""
    return struct.pack("<II", kind, len(data) if size is None else size) + data + bytes(-len(data) % 8)


def small(kind: int, data: bytes, *, size: int | None = None) -> bytes:
    """Give a small data element: type, length and up to four bytes in eight."""
    return struct.pack("<HH", kind, len(data) if size is None else size) + data.ljust(4, b"\0")


def matrix(
    of: int, dims: tuple[int, ...], body: bytes = b"", *, name: bytes = b"", flags: int = 0, size: int | None = None
) -> bytes:
    head = element(6, struct.pack("<II", of | flags, 0)) + element(5, struct.pack(f"<{len(dims)}i", *dims))
    return element(14, head + element(1, name) + body, size=size)


def char(text: str, *, dims: tuple[int, int] | None = None, stored: int = 16) -> bytes:
    data = text.encode("utf-8")
    return matrix(CHAR, dims or (1, len(data)), element(stored, data))


def number(value: float) -> bytes:
    return matrix(DOUBLE, (1, 1), element(9, struct.pack("<d", value)))


def numbers(*values: int) -> bytes:
    return matrix(DOUBLE, (1 if values else 0, len(values)), element(5, struct.pack(f"<{len(values)}i", *values)))


def cell(*cells: bytes) -> bytes:
    return matrix(CELL, (1, len(cells)), b"".join(cells))


def struct_of(
    names: list[bytes], dims: tuple[int, int], cells: list[bytes], *, name: bytes = b"", width: int = 32
) -> bytes:
    block = b"".join(each.ljust(width, b"\0") for each in names)
    body = element(5, struct.pack("<i", width)) + element(1, block) + b"".join(cells)
    return matrix(STRUCT, dims, body, name=name)


def compressed(data: bytes) -> bytes:
    packed = zlib.compress(data)
    return struct.pack("<II", 15, len(packed)) + packed


def synsets(rows: list[tuple[int, str, str, str, int]], year: str = "2015_CLSLOC", *, row: bool = True) -> bytes:
    """Give meta_clsloc.mat of the later kits: one row of structs with id, wnid, name, description, training images."""
    names = [f"ILSVRC{year}_ID".encode(), b"WNID", b"name", b"description", b"num_train_images"]
    cells = [
        each
        for number_, wnid, name, gloss, images in rows
        for each in (number(number_), char(wnid), char(name), char(gloss), number(images))
    ]
    dims = (1, len(rows)) if row else (len(rows), 1)
    return HEADER + compressed(struct_of(names, dims, cells, name=b"synsets"))
