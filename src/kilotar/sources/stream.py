"""A tar archive, packed or not, as bytes by offset that come once and in order.

Rules guarded: what a file is called and what it is must agree; what was passed over is let go; the end is reached and
checked, so that a checksum is not left untested.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from kilotar.errors import ArchiveRefused, storage_error
from kilotar.sources.gunzip import GZIP_MAGIC, claimed_bytes, walk_gunzipped

__all__ = ["TarStream", "open_stream"]

_CHUNK_BYTES = 256 << 10
_FIX = "fetch the archive again"


def open_stream(path: Path, most_bytes: int) -> TarStream:
    """Open a .tar.gz, .tgz or .tar that expands to at most `most_bytes`. Raises: ArchiveRefused, MachineError."""
    try:
        with path.open("rb") as file:
            packed = file.read(2) == GZIP_MAGIC
        size_bytes = path.stat().st_size
    except OSError as error:
        raise storage_error(error, f"read {path.name}") from error
    if path.name.endswith((".gz", ".tgz")) is not packed:
        raise ArchiveRefused(f"{path.name} is not what its name says", fix=_FIX)
    stop = claimed_bytes(path) if packed else size_bytes
    if stop > most_bytes:
        raise ArchiveRefused(f"{path.name} expands to more than {most_bytes} bytes", seen=f"{stop} bytes")
    return TarStream(path.name, walk_gunzipped(path, stop) if packed else _walk_file(path), stop)


def _walk_file(path: Path) -> Iterator[bytes]:
    try:
        with path.open("rb") as file:
            while chunk := file.read(_CHUNK_BYTES):
                yield chunk
    except OSError as error:
        raise storage_error(error, f"read {path.name}") from error


@dataclass(slots=True)
class TarStream:
    """Bytes by offset out of pieces that come in order; what was passed over cannot be asked for again.

    Attributes:
        name:   of the file, for messages.
        pieces: the bytes.
        stop:   their number, as claimed.
    """

    name: str
    pieces: Iterator[bytes]
    stop: int
    held: bytes = b""
    held_at: int = 0

    def read(self, offset: int, size_bytes: int) -> bytes:
        """Give bytes at an offset that does not fall. Raises: ArchiveRefused where they end before."""
        while self.held_at + len(self.held) < offset + size_bytes:
            piece = next(self.pieces, b"")
            if not piece:
                seen = f"it ends at byte {self.held_at + len(self.held)} of {self.stop}"
                raise ArchiveRefused(f"{self.name} is cut short", seen=seen, fix=_FIX)
            self._drop(offset)
            self.held += piece
        self._drop(offset)
        return self.held[offset - self.held_at : offset - self.held_at + size_bytes]

    def _drop(self, offset: int) -> None:
        """Let go of bytes before an offset, once they are many."""
        passed = min(offset - self.held_at, len(self.held))
        if passed >= _CHUNK_BYTES // 2:
            self.held, self.held_at = self.held[passed:], self.held_at + passed

    def end(self) -> None:
        """Read to the end, so that the checksum is tested. Raises: ArchiveRefused."""
        for _ in self.pieces:
            pass
