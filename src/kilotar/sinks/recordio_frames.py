"""Records as dmlc's RecordIO frames them, for MXNet and DALI.

::

    u32 magic   u32 (flag << 29 | length)   payload   zeros up to a multiple of 4        little-endian

Rules guarded: the magic word stands nowhere at a multiple of 4 but before a part, so that a reader can start anywhere.
A payload that holds it there is cut into parts without it (flag 1 first, 2 between, 3 last; 0 is a whole one), and each
cut makes its record 4 bytes longer. In ImageNet's 150 GB about nine are to be expected.
Source: dmlc/dmlc-core include/dmlc/recordio.h and src/recordio.cc.
"""

from __future__ import annotations

import struct
from array import array
from bisect import bisect_left
from collections.abc import Callable, Iterable, Iterator
from functools import cache
from itertools import accumulate, pairwise

from kilotar.errors import ArchiveRefused, LayoutRefused

__all__ = ["MAGIC", "find_starts", "frame", "framed_bytes", "payload"]

MAGIC = struct.pack("<I", 0xCED7230A)
_MOST_BYTES = (1 << 29) - 1
_MOST_CUTS = 4096  # of a shard; by chance there are ten, and looking for their places costs time
_WHOLE, _FIRST, _BETWEEN, _LAST = range(4)


def frame(head: bytes, data: bytes) -> Iterator[bytes | memoryview]:
    """Give a record.

    Args:
        head: the begin of its payload: a multiple of 4 bytes that do not hold the magic word.
        data: the rest.
    Raises: ArchiveRefused where it is too long, or holds the magic word thousands of times.
    """
    cuts = _cuts(data)
    if len(head) + len(data) > _MOST_BYTES or len(cuts) > _MOST_CUTS:
        raise ArchiveRefused("an image cannot be a record", seen=f"{len(data):,} bytes, {len(cuts):,} magic words")
    view = memoryview(data)
    parts = [view[start + len(MAGIC) : stop] for start, stop in pairwise((-len(MAGIC), *cuts, len(data)))]
    flags = [_FIRST, *[_BETWEEN] * (len(cuts) - 1), _LAST] if cuts else [_WHOLE]
    for flag, part in zip(flags, parts, strict=True):
        before = head if flag in (_WHOLE, _FIRST) else b""
        yield MAGIC + struct.pack("<I", flag << 29 | len(before) + len(part)) + before
        yield part
    yield bytes(-len(data) % 4)


def _cuts(data: bytes) -> list[int]:
    """Give where the magic word stands at a multiple of 4. From the end: rfind takes half the time of find."""
    cuts, at = [], data.rfind(MAGIC)
    while at >= 0:
        if at % len(MAGIC) == 0:
            cuts.append(at)
        at = data.rfind(MAGIC, 0, at + len(MAGIC) - 1)
    return cuts[::-1]


def framed_bytes(payload_bytes: int) -> int:
    """Give how long the record of a payload without the magic word is."""
    return 8 + payload_bytes + -payload_bytes % 4


def payload(record: bytes) -> bytes:
    """Give the payload of a record. Raises LayoutRefused."""
    parts, flags, at = [], [], 0
    while at < len(record):
        magic, word = record[at : at + 4], int.from_bytes(record[at + 4 : at + 8], "little")
        stop = at + 8 + (word & _MOST_BYTES)
        if magic != MAGIC or stop > len(record):
            raise LayoutRefused(
                "a record is damaged", seen=f"{magic.hex()} at byte {at} of it, its part ends at {stop}"
            )
        flags.append(word >> 29)
        parts.append(record[at + 8 : stop])
        at = stop + -stop % 4
    if flags not in ([_WHOLE], [_FIRST, *[_BETWEEN] * (len(flags) - 2), _LAST]):
        raise LayoutRefused("a record is damaged", seen=f"its parts are flagged {flags[:8]}")
    return MAGIC.join(parts)


def find_starts(
    lengths: Iterable[int], size_bytes: int, shift_of: Callable[[int, int, int], int | None]
) -> Iterator[int]:
    """Give where the records of a file begin, by their lengths and a look at few of them.

    Args:
        lengths:    of the records as they would be without cuts.
        size_bytes: of the file; what it is longer than their sum is owed to cuts.
        shift_of:   tells of a record's number, its place without cuts and the most that it can be shifted how far it
            is shifted, None where it is not found.
    Raises: LayoutRefused where a record is not found.
    """
    plain = array("Q", accumulate(lengths, initial=0))
    rows, excess = len(plain) - 1, size_bytes - plain[-1]

    @cache
    def shift(row: int) -> int:
        found = shift_of(row, plain[row], excess) if row < rows else excess
        if found is None:
            raise LayoutRefused("a record is not where it was written", seen=f"number {row}, at byte {plain[row]}")
        return found

    if excess < 0:
        raise LayoutRefused("a file of records is too short", seen=f"{size_bytes} bytes of {plain[-1]}")
    shifted = iter([bisect_left(range(rows + 1), cut, key=shift) for cut in range(4, excess + 1, 4)])
    following, moved = next(shifted, rows), 0
    for row in range(rows):
        while following <= row:
            following, moved = next(shifted, rows), moved + 4
        yield plain[row] + moved
