"""Whether a disk that was full takes bytes again."""

from __future__ import annotations

import os

from kilotar.errors import storage_error
from kilotar.store.pieces import PieceFile

__all__ = ["has_room"]

ROOM_BYTES = 16 << 20
STATE_BYTES = 1 << 20


def has_room(pieces: PieceFile) -> bool:
    """Tell whether what is missing of an archive fits, or a good part of it. Raises MachineError."""
    try:
        found = os.statvfs(pieces.path.parent)
    except OSError as error:
        raise storage_error(error, f"look at the file system of {pieces.path}") from error
    left = pieces.size_bytes - pieces.landed_bytes()
    return found.f_bavail * found.f_frsize >= min(left + STATE_BYTES, max(ROOM_BYTES, 4 * pieces.table.piece_bytes))
