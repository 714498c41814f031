"""A disk that got full while an archive arrives: waited for a minute, and used again as soon as it has room.

Rules guarded: the minute begins anew with every piece that still lands; nobody is asked again before there is room.
"""

from __future__ import annotations

import os

from kilotar.errors import DiskFull, storage_error
from kilotar.store.pieces import PieceFile

__all__ = ["MAKE_ROOM", "Room", "has_room"]

FULL_DISK_S = 60.0
RETRY_S = 2.0
ROOM_BYTES = 16 << 20
STATE_BYTES = 1 << 20
MAKE_ROOM = "nothing is lost; make room within a minute, and the download goes on by itself"


class Room:
    """Whether the disk of one archive is full, and since when.

    Args:
        pieces: the archive.
    """

    def __init__(self, pieces: PieceFile) -> None:
        self._pieces = pieces
        self._since_s = self._retry_s = -1.0

    @property
    def is_missing(self) -> bool:
        return self._since_s >= 0

    def missing(self, now_s: float) -> None:
        """Note that the disk took something no more."""
        self._since_s = self._since_s if self.is_missing else now_s

    def look(self, now_s: float, last_rise_s: float) -> bool:
        """Tell whether sources should be asked again.

        Args:
            last_rise_s: when the last piece landed.
        Raises: DiskFull where there was no room for a minute; MachineError.
        """
        if not self.is_missing:
            return False
        if now_s - max(self._since_s, last_rise_s) > FULL_DISK_S:
            raise DiskFull(
                f"the disk of {self._pieces.path} is full",
                seen=f"{self._pieces.count} of {self._pieces.table.count} pieces are there, and nothing is damaged",
                fix="make room and run the same command again",
            )
        if now_s < self._retry_s or not has_room(self._pieces):
            return False
        self._retry_s = now_s + RETRY_S
        if last_rise_s > self._since_s:
            self._since_s = -1.0
        return True


def has_room(pieces: PieceFile) -> bool:
    """Tell whether what is missing of an archive fits, or a good part of it. Raises MachineError."""
    try:
        found = os.statvfs(pieces.path.parent)
    except OSError as error:
        raise storage_error(error, f"look at the file system of {pieces.path}") from error
    left = pieces.size_bytes - pieces.landed_bytes()
    return found.f_bavail * found.f_frsize >= min(left + STATE_BYTES, max(ROOM_BYTES, 4 * pieces.table.piece_bytes))
