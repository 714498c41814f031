"""A MAT-5 file looked through before anything reads it: what it claims is bounded, what it holds is plain.

Rules guarded: a file of at most 4 MB expands to at most 64 MB and 1 million elements, nested at most 4 deep; only
struct, cell, char, double and whole numbers of two dimensions; every size adds up, so that a reader can neither run out
of memory nor over the end. What comes out has no compressed part left: the reader behind never expands anything itself.
Source: MAT-File Format, Level 5, of MathWorks.
"""

from __future__ import annotations

import re
import struct
import zlib
from dataclasses import dataclass
from typing import NoReturn

from kilotar.errors import LabelsRefused

__all__ = ["MAX_DEPTH", "MAX_ELEMENTS", "MAX_EXPANDED_BYTES", "MAX_MAT_BYTES", "expand_mat"]

MAX_MAT_BYTES = 4 << 20
MAX_EXPANDED_BYTES = 64 << 20
MAX_ELEMENTS = 1_000_000
MAX_DEPTH = 4
_MAX_FIELDS = 64
_MATRIX_COST = 10  # a matrix of nothing still costs its reader as much as ten numbers

_MATRIX, _COMPRESSED, _INT8, _INT32, _UINT32, _UTF8 = 14, 15, 1, 5, 6, 16
_CELL, _STRUCT, _CHAR = 1, 2, 4
# Class of a numeric array to the element types its values may be stored in; types to their bytes.
_NUMBERS = {6: 9, 8: 1, 9: 2, 10: 3, 11: 4, 12: 5, 13: 6, 14: 12, 15: 13}
_PACKED = (2, 3, 4, 5)
_BYTES = {1: 1, 2: 1, 3: 2, 4: 2, 5: 4, 6: 4, 9: 8, 12: 8, 13: 8, 16: 1}
_NAMES = {3: "object", 5: "sparse", 7: "single", 16: "function", 17: "opaque", 18: "object"}
_FIELD = re.compile(rb"[A-Za-z][A-Za-z0-9_]{0,30}")


def expand_mat(data: bytes, where: str) -> bytes:
    """Give the same file without compression, after looking at every element.

    Raises: LabelsRefused, naming the variable and field.
    """
    if len(data) > MAX_MAT_BYTES:
        _refuse(where, f"is longer than {MAX_MAT_BYTES} bytes", len(data))
    _check_header(data, where)
    out = bytearray(data[:128])
    budget = _Budget()
    at = 128
    while at < len(data):
        kind, size = _tag(data, at, len(data), where)
        element = data[at : at + 8 + size]
        at += 8 + size
        if kind == _COMPRESSED:
            element = _inflate(element[8:], MAX_EXPANDED_BYTES - len(out), where)
        cursor = _Cursor(element, 0, len(element))
        _check_matrix(cursor.matrix(where), where, 1, budget)
        if cursor.at != cursor.stop:
            _refuse(where, "a compressed part has bytes left over", cursor.stop - cursor.at)
        out += element
    return bytes(out)


@dataclass(slots=True)
class _Budget:
    """Elements that may still come."""

    elements: int = MAX_ELEMENTS

    def spend(self, elements: int, where: str) -> None:
        if elements > self.elements:
            _refuse(where, f"more than {MAX_ELEMENTS} elements", elements)
        self.elements -= elements


@dataclass(slots=True)
class _Cursor:
    """A place in a matrix, and the end of the matrix."""

    data: bytes
    at: int
    stop: int

    def element(self, where: str) -> tuple[int, bytes]:
        """Give the next data element as (type, bytes) and step over it and its padding."""
        if self.at + 8 > self.stop:
            _refuse(where, "is cut short", f"at byte {self.at} of {self.stop}")
        (word,) = struct.unpack_from("<I", self.data, self.at)
        if word >> 16:
            if word >> 16 > 4:
                _refuse(where, "a small element is longer than 4 bytes", word >> 16)
            kind, start, size, self.at = word & 0xFFFF, self.at + 4, word >> 16, self.at + 8
        else:
            kind, size = _tag(self.data, self.at, self.stop, where)
            start = self.at + 8
            self.at = start + size + -size % 8
        if self.at > self.stop:
            _refuse(where, "is cut short", f"at byte {start} of {self.stop}")
        return kind, self.data[start : start + size]

    def matrix(self, where: str) -> _Cursor:
        """Give the next matrix as a cursor of its own and step over it."""
        kind, size = _tag(self.data, self.at, self.stop, where)
        if kind != _MATRIX:
            _refuse(where, "must be a matrix", f"element type {kind}")
        start, self.at = self.at + 8, self.at + 8 + size
        return _Cursor(self.data, start, self.at)


def _check_header(data: bytes, where: str) -> None:
    if data[:8] == b"\x89HDF\r\n\x1a\n" or data[124:126] == b"\x00\x02":
        _refuse(where, "is a MAT file of version 7.3, which is not read", data[:19])
    if len(data) < 128 or data[124:128] != b"\x00\x01IM":
        _refuse(where, "is no little-endian MAT file of version 5", data[:16])
    if len(data) == 128:
        _refuse(where, "holds no variable")


def _inflate(packed: bytes, most: int, where: str) -> bytes:
    inflater = zlib.decompressobj()
    try:
        data = inflater.decompress(packed, max(1, most))
    except zlib.error as error:
        raise LabelsRefused(f"{where}: a compressed part is damaged", seen=str(error), fix=_FIX) from error
    if inflater.unconsumed_tail:
        _refuse(where, f"expands to more than {MAX_EXPANDED_BYTES} bytes")
    if not inflater.eof or inflater.unused_data:
        _refuse(where, "a compressed part is cut short, or followed by other bytes")
    return data


def _check_matrix(cursor: _Cursor, where: str, depth: int, budget: _Budget) -> None:
    if depth > MAX_DEPTH:
        _refuse(where, f"is nested more than {MAX_DEPTH} deep")
    kind, elements = _check_matrix_head(cursor, where)
    budget.spend(elements + _MATRIX_COST, where)
    if kind == _STRUCT:
        _check_struct(cursor, where, depth, budget, elements)
    elif kind == _CELL:
        _check_room(cursor, elements, where)
        for at in range(elements):
            _check_matrix(cursor.matrix(where), f"{where}{{{at}}}", depth + 1, budget)
    else:
        _check_values(cursor, where, kind, elements)
    if cursor.at != cursor.stop:
        _refuse(where, "has bytes left over", cursor.stop - cursor.at)


def _check_matrix_head(cursor: _Cursor, where: str) -> tuple[int, int]:
    """Give class and number of elements of a matrix."""
    kind, flags = cursor.element(where)
    if kind != _UINT32 or len(flags) != 8:
        _refuse(where, "its flags are wrong", flags)
    of, complex_ = flags[0], flags[1] & 0x08
    if complex_ or of not in {_CELL, _STRUCT, _CHAR, *_NUMBERS}:
        _refuse(where, "is of a class that is not read", "complex" if complex_ else _NAMES.get(of, of))
    kind, dims = cursor.element(where)
    if kind != _INT32 or len(dims) != 8:
        _refuse(where, "must have two dimensions", dims[:32])
    rows, columns = struct.unpack("<ii", dims)
    if rows < 0 or columns < 0 or rows * columns > MAX_ELEMENTS:
        _refuse(where, "its dimensions are refused", f"{rows} x {columns}")
    kind, name = cursor.element(where)
    if kind != _INT8 or (name and not _FIELD.fullmatch(name)):
        _refuse(where, "its name is wrong", name[:40])
    return of, rows * columns


def _check_struct(cursor: _Cursor, where: str, depth: int, budget: _Budget, elements: int) -> None:
    kind, width = cursor.element(where)
    if kind != _INT32 or len(width) != 4 or not 1 < int.from_bytes(width, "little") <= 32:
        _refuse(where, "the length of its field names is wrong", width)
    kind, block = cursor.element(where)
    step = int.from_bytes(width, "little")
    names = [block[at : at + step].rstrip(b"\0") for at in range(0, len(block), step)]
    if kind != _INT8 or len(block) % step or not 0 < len(names) <= _MAX_FIELDS or len(set(names)) != len(names):
        _refuse(where, "its field names are wrong", block[:80])
    for name in names:
        if not _FIELD.fullmatch(name) or len(name) == step:
            _refuse(where, "a field name is wrong", name)
    _check_room(cursor, elements * len(names), where)
    for at in range(elements):
        for name in names:
            inner = f"{where}[{at}].{name.decode('ascii')}"
            _check_matrix(cursor.matrix(inner), inner, depth + 1, budget)


def _check_room(cursor: _Cursor, matrices: int, where: str) -> None:
    if matrices * 8 > cursor.stop - cursor.at:
        _refuse(where, "promises more matrices than its bytes can hold", matrices)


def _check_values(cursor: _Cursor, where: str, of: int, elements: int) -> None:
    kind, values = cursor.element(where)
    allowed = {_UTF8} if of == _CHAR else {_NUMBERS[of], *_PACKED}
    if kind not in allowed:
        _refuse(where, "its values are stored in a type that is not read", kind)
    if len(values) != elements * _BYTES[kind]:
        _refuse(where, "its values do not fill its dimensions", f"{len(values)} bytes for {elements} elements")


def _tag(data: bytes, at: int, stop: int, where: str) -> tuple[int, int]:
    """Give type and length of the element at a place; the length lies within the end."""
    if at + 8 > stop:
        _refuse(where, "is cut short", f"at byte {at} of {stop}")
    kind, size = struct.unpack_from("<II", data, at)
    if at + 8 + size > stop:
        _refuse(where, "is cut short", f"{size} bytes promised at byte {at} of {stop}")
    return kind, size


_FIX = "get the development kit again; the built-in labels need no such file"


def _refuse(where: str, why: str, seen: object = "") -> NoReturn:
    raise LabelsRefused(f"{where}: {why}", seen=str(seen)[:200], fix=_FIX)
