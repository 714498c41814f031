"""Images on their way out of an export, piled up by class before they become archives again.

Rules guarded: a pile is a file of records that are only appended to; a record says from which file of the export it
came, so that after a kill whatever came from a file that was not recorded as done is cut off; images are held until
64 MiB are together, then written, each class in one piece. Nothing here is believed without its journal.
"""

from __future__ import annotations

import os
import struct
from collections.abc import Callable
from pathlib import Path
from typing import NamedTuple

from kilotar.errors import storage_error
from kilotar.store.files import fsync_folder, sync_file_system, write_all
from kilotar.store.staging import remove_tree

__all__ = ["Piled", "Piles"]

_HEAD = struct.Struct("<4sIHQ32s")  # mark, number of the export's file, length of the name, length of the data, SHA-256
_MARK = b"kts1"
_HELD_BYTES = 64 << 20


class Piled(NamedTuple):
    """A record: where its data stand in the pile of its class."""

    name: str
    offset: int
    size_bytes: int
    sha256: bytes
    source: int


class Piles:
    """The piles below a folder, which is made.

    Args:
        folder: holds a file a class.
        done:   how many files of the export are recorded as done; what came from later ones is cut off.
    Raises: MachineError.
    """

    def __init__(self, folder: Path, done: int) -> None:
        self._folder = folder
        self._held: dict[str, list[bytes]] = {}
        self._held_bytes = 0
        try:
            folder.mkdir(parents=True, exist_ok=True)
            for key in self.classes():
                self._cut(key, done)
        except OSError as error:
            raise storage_error(error, f"open the piles {folder}") from error

    def classes(self) -> tuple[str, ...]:
        """Give the classes that have a pile, sorted. Raises MachineError."""
        try:
            return tuple(sorted(os.listdir(self._folder)))
        except OSError as error:
            raise storage_error(error, f"list {self._folder}") from error

    def add(self, key: str, source: int, name: str, data: bytes, sha256: bytes) -> None:
        """Hold an image for its class. Raises MachineError."""
        encoded = name.encode("ascii")
        head = _HEAD.pack(_MARK, source, len(encoded), len(data), sha256)
        self._held.setdefault(key, []).extend((head, encoded, data))
        self._held_bytes += len(data)
        if self._held_bytes >= _HELD_BYTES:
            self.flush()

    def flush(self) -> None:
        """Write what is held. Raises MachineError."""
        for key, pieces in self._held.items():
            try:
                fd = os.open(self._folder / key, os.O_WRONLY | os.O_CREAT | os.O_APPEND | os.O_CLOEXEC, 0o644)
                try:
                    write_all(fd, b"".join(pieces))
                finally:
                    os.close(fd)
            except OSError as error:
                raise storage_error(error, f"write the pile of {key}") from error
        self._held.clear()
        self._held_bytes = 0

    def sync(self) -> None:
        """Make all that was added durable. Raises MachineError."""
        self.flush()
        try:
            sync_file_system(self._folder)
        except OSError as error:
            raise storage_error(error, f"sync {self._folder}") from error

    def records(self, key: str) -> tuple[Piled, ...]:
        """Give the records of a class in the order in which they came. Raises MachineError."""
        try:
            return self._walk(key, lambda record: True)[0]
        except OSError as error:
            raise storage_error(error, f"read the pile of {key}") from error

    def path(self, key: str) -> Path:
        return self._folder / key

    def remove(self) -> None:
        """Remove all of it; a kill leaves all or nothing under its name. Raises MachineError."""
        gone = self._folder.with_name(f"{self._folder.name}.gone")
        try:
            remove_tree(gone)
            self._folder.rename(gone)
            fsync_folder(gone.parent)
            self._folder.mkdir()
        except OSError as error:
            raise storage_error(error, f"remove the piles {self._folder}") from error
        remove_tree(gone)

    def _cut(self, key: str, done: int) -> None:
        _, good = self._walk(key, lambda record: record.source < done)
        os.truncate(self._folder / key, good)

    def _walk(self, key: str, is_good: Callable[[Piled], bool]) -> tuple[tuple[Piled, ...], int]:
        """Give the records up to the first that is torn or not good, and where that begins."""
        found, at = [], 0
        with (self._folder / key).open("rb") as file:
            size_bytes = file.seek(0, 2)
            while at + _HEAD.size <= size_bytes:
                file.seek(at)
                mark, source, length, data_bytes, sha256 = _HEAD.unpack(file.read(_HEAD.size))
                begin = at + _HEAD.size + length
                if mark != _MARK or begin + data_bytes > size_bytes:
                    break
                record = Piled(file.read(length).decode("ascii"), begin, data_bytes, sha256, source)
                if not is_good(record):
                    break
                found.append(record)
                at = begin + data_bytes
        return tuple(found), at
