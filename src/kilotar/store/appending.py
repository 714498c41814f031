"""A new file written piece by piece, for whoever writes several at once.

Rules guarded: every write is explicit and checked, and hashed on the way; it is durable when `close` returns; whoever
writes such files does it in a folder that gets its name only when all of them are whole.
"""

from __future__ import annotations

import hashlib
import os
from pathlib import Path

from kilotar.errors import storage_error
from kilotar.model.seams import Written
from kilotar.store.files import WRITE_BYTES, write_all

__all__ = ["AppendedFile"]


class AppendedFile:
    """A file that is made, appended to and closed.

    Args:
        path: of no file yet.
    Raises: MachineError, also from its methods.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        self.size_bytes = 0
        self._held = bytearray()
        self._digest = hashlib.sha256()
        try:
            self._fd = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC | os.O_NOFOLLOW, 0o644)
        except OSError as error:
            raise storage_error(error, f"make {path}") from error

    def add(self, data: bytes) -> None:
        """Append bytes."""
        self._held += data
        self.size_bytes += len(data)
        if len(self._held) >= WRITE_BYTES:
            self._flush()

    def _flush(self) -> None:
        self._digest.update(self._held)
        try:
            write_all(self._fd, bytes(self._held))
        except OSError as error:
            raise storage_error(error, f"write {self.path}") from error
        self._held.clear()

    def close(self) -> Written:
        """Make all of it durable; give its name, length and SHA-256."""
        self._flush()
        try:
            os.fsync(self._fd)
        except OSError as error:
            raise storage_error(error, f"sync {self.path}") from error
        self.drop()
        return Written(self.path.name, self.size_bytes, self._digest.hexdigest())

    def drop(self) -> None:
        """Let go of the file as it is."""
        if self._fd >= 0:
            fd, self._fd = self._fd, -1
            os.close(fd)

    def remove(self) -> None:
        """Let go of the file, and remove it."""
        self.drop()
        try:
            self.path.unlink()
        except OSError as error:
            raise storage_error(error, f"remove {self.path}") from error
