"""Whether an archive that grows is still the file that was opened, as long as it was, and without new holes.

Rules guarded: a file that somebody cut or put another in the place of is never taken for the one whose pieces were
proved, and never gets the final name; the next run reads all of it again. What changed bytes alone is not seen here:
only reading all of it again tells.
"""

from __future__ import annotations

import errno
import os
from collections.abc import Iterator

from kilotar.errors import StorageFailed, storage_error
from kilotar.store.pieces import PieceFile

__all__ = ["refuse_changed", "refuse_holes"]


def refuse_changed(pieces: PieceFile) -> None:
    """Raises: StorageFailed where the file was replaced, removed or cut behind our back; MachineError."""
    try:
        facts = os.stat(pieces.path)
    except OSError as error:
        raise storage_error(error, f"look at {pieces.path}, which is being filled") from error
    if facts.st_ino != pieces.inode:
        raise _changed(pieces, "another file has its name now")
    if facts.st_size != pieces.size_bytes:
        raise _changed(pieces, f"it has {facts.st_size:,} bytes now, and had {pieces.size_bytes:,}")


def refuse_holes(pieces: PieceFile) -> None:
    """Read the pieces of a whole archive that lie in holes: only zeros can, unless the file was cut and grew again.

    Raises: StorageFailed where one is wrong, which is absent from then on; MachineError.
    """
    table = pieces.table
    touched = dict.fromkeys(piece for start, stop in _holes(pieces) for piece in table.touching(start, stop))
    wrong = [piece for piece in touched if table.has_hashes and not pieces.recheck(piece)]
    if wrong:
        raise _changed(pieces, f"{len(wrong)} pieces that were there are holes now")


def _holes(pieces: PieceFile) -> Iterator[tuple[int, int]]:
    try:
        fd = os.open(pieces.path, os.O_RDONLY | os.O_CLOEXEC)
        try:
            at, end = 0, pieces.size_bytes
            while at < end and (start := os.lseek(fd, at, os.SEEK_HOLE)) < end:
                at = _next_data(fd, start, end)
                yield start, at
        finally:
            os.close(fd)
    except OSError as error:
        raise storage_error(error, f"look into {pieces.path}") from error


def _next_data(fd: int, at: int, end: int) -> int:
    try:
        return os.lseek(fd, at, os.SEEK_DATA)
    except OSError as error:
        if error.errno == errno.ENXIO:
            return end
        raise


def _changed(pieces: PieceFile, seen: str) -> StorageFailed:
    pieces.distrust()
    return StorageFailed(
        f"somebody else changed {pieces.path} while it was being filled",
        seen=seen,
        fix="leave the file alone and run the same command again: all of it is looked at, and what is lost is fetched",
    )
