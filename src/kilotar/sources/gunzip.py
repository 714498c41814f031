"""A gzip file read once, front to back, within limits.

Rules guarded: one gzip stream fills the file; its checksum and length hold; it expands to no more than allowed,
whatever it claims; nothing is given out behind its end. The length that the file claims in its last four bytes is
believed only until the end, where it is checked.
"""

from __future__ import annotations

import zlib
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import BinaryIO

from kilotar.errors import ArchiveRefused, storage_error

__all__ = ["GZIP_MAGIC", "claimed_bytes", "read_gunzipped", "walk_gunzipped"]

GZIP_MAGIC = b"\x1f\x8b"
_CHUNK_BYTES = 256 << 10
_FIX = "fetch the archive again"


def claimed_bytes(path: Path) -> int:
    """Give the length that a gzip file claims when expanded, modulo 2^32. Raises ArchiveRefused, MachineError."""
    try:
        with path.open("rb") as file:
            if file.read(2) != GZIP_MAGIC:
                raise ArchiveRefused(f"{path.name} is no gzip file", fix=_FIX)
            file.seek(0, 2)
            if file.tell() < 18:
                raise ArchiveRefused(f"{path.name} is cut short", seen=f"{file.tell()} bytes", fix=_FIX)
            file.seek(-4, 2)
            return int.from_bytes(file.read(4), "little")
    except OSError as error:
        raise storage_error(error, f"read {path.name}") from error


def read_gunzipped(path: Path, most_bytes: int) -> bytes:
    """Give the expanded contents, at most `most_bytes`. Raises as `walk_gunzipped`."""
    return b"".join(walk_gunzipped(path, most_bytes))


def _nobody(packed: bytes) -> None:
    """Nobody asked to see the packed bytes."""


def walk_gunzipped(path: Path, most_bytes: int, see: Callable[[bytes], None] = _nobody) -> Iterator[bytes]:
    """Yield the expanded contents in pieces of at most 256 kB.

    Args:
        see: gets the packed bytes as they are read, each once.
    Raises: ArchiveRefused where it is damaged, cut short, too long or followed by other bytes; MachineError.
    """
    inflater = zlib.decompressobj(wbits=31)
    given = 0
    try:
        with path.open("rb") as file:
            while not inflater.eof:
                packed = inflater.unconsumed_tail or _read_more(file, path, see)
                piece = inflater.decompress(packed, _CHUNK_BYTES)
                given += len(piece)
                if given > most_bytes:
                    raise ArchiveRefused(f"{path.name} expands to more than {most_bytes} bytes", fix=_FIX)
                if piece:
                    yield piece
            if inflater.unused_data or file.read(1):
                raise ArchiveRefused(f"{path.name} has bytes behind its end", fix=_FIX)
    except zlib.error as error:
        raise ArchiveRefused(
            f"{path.name} is a damaged gzip file", seen=f"{error}, after {given} bytes", fix=_FIX
        ) from error
    except OSError as error:
        raise storage_error(error, f"read {path.name}") from error


def _read_more(file: BinaryIO, path: Path, see: Callable[[bytes], None]) -> bytes:
    data = file.read(_CHUNK_BYTES)
    if not data:
        raise ArchiveRefused(f"{path.name} is a gzip file cut short", seen=f"it ends at byte {file.tell()}", fix=_FIX)
    see(data)
    return data
