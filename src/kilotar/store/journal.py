"""An append-only file of facts, one line each, that survives any kill.

Rules guarded: a line is `<crc32 of the JSON, 8 hex> <JSON>\\n`; what is acknowledged is on the disk (fdatasync); replay
stops at the first line that is torn or damaged, cuts the tail there and keeps the cut bytes beside; replay never raises
for damage and never invents a record; what a failed append left is cut before the next, which it would hide.
Source: LevelDB's log format.
"""

from __future__ import annotations

import os
import zlib
from collections.abc import Iterable, Iterator
from pathlib import Path
from types import TracebackType
from typing import Generic, TypeVar

import msgspec

from kilotar.errors import storage_error
from kilotar.store.files import fsync_folder, read_file, write_all

__all__ = ["Journal", "Recollection", "read_journal", "replay"]

Record = TypeVar("Record")


class Journal(Generic[Record]):
    """The journal at `path`, opened for appending, its damaged tail cut off.

    Args:
        path: the file; made if it is not there. Its folder exists.
        kind: the msgspec type of a record; a line that is no such record ends the replay.
    Raises: MachineError.
    """

    def __init__(self, path: Path, kind: type[Record]) -> None:
        self.path = path
        self._encoder = msgspec.json.Encoder()
        try:
            self.records = self._open(path, kind)
        except OSError as error:
            raise storage_error(error, f"open the journal {path}") from error

    def _open(self, path: Path, kind: type[Record]) -> list[Record]:
        self._fd = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC | os.O_NOFOLLOW, 0o644)
        with open(self._fd, "rb", closefd=False) as file:
            content = file.read()
        records, good = replay(content, kind)
        if good < len(content):
            self._cut(content, good)
        os.lseek(self._fd, good, os.SEEK_SET)
        self._good, self._is_torn = good, False
        fsync_folder(path.parent)
        return records

    def _cut(self, content: bytes, good: int) -> None:
        aside = os.open(f"{self.path}.cut", os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_CLOEXEC, 0o644)
        try:
            write_all(aside, content[good:])
        finally:
            os.close(aside)
        os.ftruncate(self._fd, good)
        os.fdatasync(self._fd)

    def append(self, records: Iterable[Record]) -> None:
        """Add records; when this returns they are on the disk. Raises MachineError."""
        records = tuple(records)
        try:
            self._append(b"".join(map(self._line, records)))
        except OSError as error:
            raise storage_error(error, f"append to the journal {self.path}") from error
        self.records += records

    def _append(self, lines: bytes) -> None:
        if self._is_torn:
            os.ftruncate(self._fd, self._good)
            os.lseek(self._fd, self._good, os.SEEK_SET)
        self._is_torn = True
        self._good += self._write(lines)
        self._is_torn = False

    def _write(self, lines: bytes) -> int:
        size_bytes = write_all(self._fd, lines)
        os.fdatasync(self._fd)
        return size_bytes

    def _line(self, record: Record) -> bytes:
        text = self._encoder.encode(record)
        return b"%08x %s\n" % (zlib.crc32(text), text)

    def close(self) -> None:
        os.close(self._fd)

    def __enter__(self) -> Journal[Record]:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()


class Recollection(Generic[Record]):
    """The records of a journal for one who only looks: nothing is cut or written, what is appended is forgotten.

    Raises: MachineError.
    """

    def __init__(self, path: Path, kind: type[Record]) -> None:
        self.records = list(read_journal(path, kind))

    def append(self, records: Iterable[Record]) -> None:
        """Add records to what this one knows."""
        self.records += records

    def close(self) -> None:
        """There is nothing to close."""


def read_journal(path: Path, kind: type[Record]) -> tuple[Record, ...]:
    """Give the records of a journal without opening it for writing; () where there is none. Raises MachineError."""
    return tuple(replay(read_file(path) or b"", kind)[0])


def replay(content: bytes, kind: type[Record]) -> tuple[list[Record], int]:
    """Give the records up to the first damage, and the length of the undamaged beginning."""
    records: list[Record] = []
    good = 0
    decoder = msgspec.json.Decoder(kind)
    for line in _whole_lines(content):
        text = line[9:-1]
        if line[:9] != b"%08x " % zlib.crc32(text):
            break
        try:
            records.append(decoder.decode(text))
        except (msgspec.DecodeError, UnicodeDecodeError):
            break
        good += len(line)
    return records, good


def _whole_lines(content: bytes) -> Iterator[bytes]:
    start = 0
    while (stop := content.find(b"\n", start) + 1) > 0:
        yield content[start:stop]
        start = stop
