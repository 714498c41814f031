"""The framing of TFRecord files: length, its checksum, the record, its checksum.

Rules guarded: both checksums are made, and both are held against what is read; a length beyond the end of the file is
refused before anything is read. CRC-32C over 140 GB needs a package in C: google_crc32c.
Source: tensorflow/core/lib/io/record_writer.h.
"""

from __future__ import annotations

import struct
from collections.abc import Iterator, Sequence
from pathlib import Path

from kilotar.errors import LayoutRefused
from kilotar.sinks.reading import refusing

__all__ = ["FRAME_BYTES", "frame", "read_frames"]

FRAME_BYTES = 16
_HEAD_BYTES, _TAIL_BYTES = 12, 4


def frame(record: Sequence[bytes]) -> Iterator[bytes]:
    """Give a record, given in pieces, as it stands in a file."""
    from google_crc32c import extend

    length = struct.pack("<Q", sum(map(len, record)))
    yield length + _masked(extend(0, length))
    crc = 0
    for piece in record:
        crc = extend(crc, piece)
        yield piece
    yield _masked(crc)


def _masked(crc: int) -> bytes:
    """Give a checksum as it is stored: turned by 15 bits, and a constant added."""
    return struct.pack("<I", ((crc >> 15 | crc << 17) + 0xA282EAD8) & 0xFFFFFFFF)


def read_frames(path: Path) -> Iterator[tuple[int, bytes]]:
    """Give the records of a file with their offsets. Raises LayoutRefused, MachineError."""
    from google_crc32c import value

    at = 0
    with refusing(path), path.open("rb") as file:
        size_bytes = path.stat().st_size
        while head := file.read(_HEAD_BYTES):
            length = int.from_bytes(head[:8], "little")
            if len(head) < _HEAD_BYTES or _masked(value(head[:8])) != head[8:]:
                raise LayoutRefused(f"{path.name} is damaged at byte {at}", seen="the length of a record")
            if length > size_bytes - at - FRAME_BYTES:
                raise LayoutRefused(f"{path.name} is cut off at byte {at}", seen=f"a record of {length} bytes")
            record, tail = file.read(length), file.read(_TAIL_BYTES)
            if _masked(value(record)) != tail:
                raise LayoutRefused(f"{path.name} is damaged at byte {at}", seen="a record")
            yield at + _HEAD_BYTES, record
            at += length + FRAME_BYTES
