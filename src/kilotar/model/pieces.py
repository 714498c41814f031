"""The pieces of an archive: where each lies, and the SHA-1 that says whether it is right.

Rules guarded: a torrent's piece table is the manifest for every source, so a byte from a peer, a web server or a disk
is believed by the same hash; pieces are numbered from 0, all have `piece_bytes` bytes but the last, which has the rest.
"""

from __future__ import annotations

from dataclasses import dataclass, field

__all__ = ["SHA1_BYTES", "PieceTable", "Torrent"]

SHA1_BYTES = 20
PLAIN_PIECE_BYTES = 2 << 20  # of a table without hashes; the published train torrent has pieces of this length


@dataclass(frozen=True, slots=True)
class PieceTable:
    """How an archive is cut into pieces.

    Attributes:
        name:        file name of the archive in the torrent.
        size_bytes:  of the archive, at least 1.
        piece_bytes: of every piece but the last, at least 1.
        sha1s:       20 bytes a piece, in order; b"" where no hashes are known (a plain web server), and then a piece is
            only as good as the digest of the whole archive.
        infohash:    40 hex digits, "" without hashes.
    """

    name: str
    size_bytes: int
    piece_bytes: int
    sha1s: bytes = field(default=b"", repr=False)
    infohash: str = ""

    def __post_init__(self) -> None:
        if self.size_bytes < 1 or self.piece_bytes < 1:
            raise ValueError(f"no pieces: {self.size_bytes} bytes by {self.piece_bytes}")
        if self.sha1s and len(self.sha1s) != SHA1_BYTES * self.count:
            raise ValueError(f"{len(self.sha1s)} bytes of hashes for {self.count} pieces")

    @classmethod
    def plain(cls, name: str, size_bytes: int) -> PieceTable:
        """Give a table without hashes."""
        return cls(name, size_bytes, PLAIN_PIECE_BYTES)

    @property
    def count(self) -> int:
        return -(-self.size_bytes // self.piece_bytes)

    @property
    def has_hashes(self) -> bool:
        return bool(self.sha1s)

    def start(self, piece: int) -> int:
        """Give the first byte of a piece."""
        return piece * self.piece_bytes

    def stop(self, piece: int) -> int:
        """Give the byte behind a piece."""
        return min((piece + 1) * self.piece_bytes, self.size_bytes)

    def length(self, piece: int) -> int:
        return self.stop(piece) - self.start(piece)

    def sha1(self, piece: int) -> bytes:
        """Give the 20 bytes that the SHA-1 of a piece must be; b"" where no hashes are known."""
        return self.sha1s[piece * SHA1_BYTES : (piece + 1) * SHA1_BYTES]

    def touching(self, start: int, stop: int) -> range:
        """Give the pieces that hold any of the bytes `[start, stop)`."""
        return range(start // self.piece_bytes, -(-min(stop, self.size_bytes) // self.piece_bytes))


@dataclass(frozen=True, slots=True)
class Torrent:
    """What a .torrent file says of a single-file archive, after it was checked.

    Attributes:
        table:     its pieces.
        info:      the bencoded info dictionary; its SHA-1 is the infohash.
        trackers:  announce addresses in tiers.
        web_seeds: addresses of the file itself (BEP 19).
    """

    table: PieceTable
    info: bytes = field(repr=False)
    trackers: tuple[tuple[str, ...], ...] = ()
    web_seeds: tuple[str, ...] = ()
