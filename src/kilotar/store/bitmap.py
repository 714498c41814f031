"""The bits of a growing archive on disk: a bit a piece, and which file they are of.

Rules guarded: the file is replaced whole and has a CRC; one that is damaged, or of other pieces, is none.
"""

from __future__ import annotations

import struct
import zlib
from dataclasses import dataclass
from pathlib import Path

from kilotar.model.pieces import PieceTable
from kilotar.store.files import publish, read_file

__all__ = ["Saved", "read_bitmap", "write_bitmap"]

_MAGIC = b"KTBITS01"
# magic, CRC-32 of what follows, infohash, size, piece length, inode, born, mtime and ctime when it was saved
_HEADER = struct.Struct("<8sI20sQQQQqq")
_CRC_AT = 12
_DIGITS = b"011" + bytes(253)


@dataclass(frozen=True, slots=True)
class Saved:
    """What is known of a growing archive.

    Attributes:
        inode, born_ns: which file it is, and when its bits were first kept.
        mtime_ns, ctime_ns: of the file when they were saved last; 0 where some are under suspicion.
        bits: a byte a piece, 0 where it is absent.
    """

    inode: int
    born_ns: int
    mtime_ns: int
    ctime_ns: int
    bits: bytes


def write_bitmap(path: Path, table: PieceTable, saved: Saved) -> None:
    """Write what is known of an archive durably. Raises MachineError."""
    numbers = (table.size_bytes, table.piece_bytes, saved.inode, saved.born_ns, saved.mtime_ns, saved.ctime_ns)
    body = _HEADER.pack(_MAGIC, 0, _infohash(table), *numbers)[_CRC_AT:] + _pack(saved.bits)
    publish(path, [_MAGIC, zlib.crc32(body).to_bytes(4, "little"), body])


def read_bitmap(path: Path, table: PieceTable) -> Saved | None:
    """Give what is known of a file; None where nothing is, or where it is damaged or of other pieces."""
    content = read_file(path)
    if content is None or len(content) < _HEADER.size or zlib.crc32(content[_CRC_AT:]) != _crc_of(content):
        return None
    magic, _, infohash, size, piece, inode, born, mtime, ctime = _HEADER.unpack_from(content)
    if (magic, infohash, size, piece) != (_MAGIC, _infohash(table), table.size_bytes, table.piece_bytes):
        return None
    bits = _unpack(content[_HEADER.size :], table.count)
    return Saved(inode, born, mtime, ctime, bits) if bits is not None else None


def _crc_of(content: bytes) -> int:
    return int.from_bytes(content[8:_CRC_AT], "little")


def _pack(states: bytes) -> bytes:
    """Give eight pieces a byte, the first in the lowest bit: set where it is not absent."""
    padded = states + bytes(-len(states) % 8)
    return int(padded[::-1].translate(_DIGITS), 2).to_bytes(len(padded) // 8, "little")


def _unpack(packed: bytes, count: int) -> bytes | None:
    if len(packed) != -(-count // 8):
        return None
    digits = f"{int.from_bytes(packed, 'little'):0{len(packed) * 8}b}"[::-1]
    return bytes(map(int, digits[:count]))


def _infohash(table: PieceTable) -> bytes:
    """Give the 20 bytes of the infohash, zeros where there is none."""
    return bytes.fromhex(table.infohash).ljust(20, b"\0")
