"""Recoded images on disk, a part at a time: a file of bytes, and a file that says where in it each image is.

Rules guarded: the bytes are durable under their name before the columns are published, and old columns are gone before
new bytes are, so columns that read well are those of the bytes beside them; what is absent, damaged or cut short is
None, and is made again. A cache: delete it at any moment.
"""

from __future__ import annotations

import itertools
import os
import re
import shutil
import zlib
from array import array
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

import msgspec

from kilotar.errors import storage_error
from kilotar.events import Finding
from kilotar.model.table import Rows
from kilotar.store.files import publish, publish_built, read_file

__all__ = ["SpoolFolder", "SpooledPart", "remove_spools"]

_KEY = re.compile(r"[0-9A-Za-z_-]{1,80}", re.ASCII)
_CRC_BYTES = 8
_counter = itertools.count()


@dataclass(frozen=True, slots=True)
class SpooledPart:
    """What was looked at of a part.

    Attributes:
        rows:     images that an output may hold, in the order of the part; the offsets are into the spool's file where
            `made` says so, into the archive where not.
        made:     a byte for each row, 1 where its bytes are new.
        findings: about images that were left out, and those that were kept against the wish.
        dropped:  names of images that are left out.
    """

    rows: Rows
    made: bytes
    findings: tuple[Finding, ...] = ()
    dropped: tuple[str, ...] = ()


class _Columns(msgspec.Struct, frozen=True, array_like=True):
    names: bytes
    name_ends: bytes
    offsets: bytes
    sizes: bytes
    digests: bytes
    made: bytes
    findings: tuple[Finding, ...]
    dropped: tuple[str, ...]
    data_bytes: int


class SpoolFolder:
    """The spool of one archive for one way of recoding.

    Args:
        folder: made with the first write.
    """

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    def data_of(self, key: str) -> Path:
        """Give the file of a part's recoded images."""
        return self.folder / f"{_checked(key)}.data"

    def _columns_of(self, key: str) -> Path:
        return self.folder / f"{_checked(key)}.columns"

    def read(self, key: str) -> SpooledPart | None:
        """Give what is there of a part, None where it is to be made. Raises MachineError."""
        content = read_file(self._columns_of(key))
        if content is None or content[:_CRC_BYTES] != b"%08x" % zlib.crc32(content[_CRC_BYTES:]):
            return None
        try:
            columns = msgspec.msgpack.decode(content[_CRC_BYTES:], type=_Columns)
        except msgspec.DecodeError:
            return None
        try:
            size_bytes = os.stat(self.data_of(key)).st_size
        except FileNotFoundError:
            return None
        except OSError as error:
            raise storage_error(error, f"look at {self.data_of(key)}") from error
        return _unpack(columns) if size_bytes == columns.data_bytes else None

    def begin(self, key: str) -> Path:
        """Give the path at which the bytes of a part are to be gathered, in a file that is there and empty.

        What was there of the part is given up; `Workspace.sweep` removes what a dead run left. Raises MachineError.
        """
        path = self.folder / f".{os.getpid():x}.{next(_counter)}.part"
        try:
            self.folder.mkdir(parents=True, exist_ok=True)
            self._columns_of(key).unlink(missing_ok=True)
            path.write_bytes(b"")
        except OSError as error:
            raise storage_error(error, f"begin {path}") from error
        return path

    def publish(self, key: str, gathered: Path, part: SpooledPart) -> None:
        """Make a part durable: the bytes that were gathered, then its columns. Raises MachineError."""
        written = publish_built(self.data_of(key), lambda path: os.rename(gathered, path))
        rows = part.rows.packed()
        columns = _Columns(
            bytes(rows.names),
            array("I", rows.name_ends).tobytes(),
            array("Q", rows.offsets).tobytes(),
            array("I", rows.sizes).tobytes(),
            bytes(rows.digests),
            part.made,
            part.findings,
            part.dropped,
            written.size_bytes,
        )
        content = msgspec.msgpack.encode(columns)
        publish(self._columns_of(key), [b"%08x" % zlib.crc32(content), content])


def _unpack(columns: _Columns) -> SpooledPart:
    def cast(column: bytes, code: str) -> array[int]:
        values = array(code)
        values.frombytes(column)
        return values

    rows = Rows(
        columns.names,
        cast(columns.name_ends, "I"),
        cast(columns.offsets, "Q"),
        cast(columns.sizes, "I"),
        columns.digests,
    )
    return SpooledPart(rows, columns.made, columns.findings, columns.dropped)


def _checked(key: str) -> str:
    if not _KEY.fullmatch(key):
        raise ValueError(f"not the key of a part: {key!r}")
    return key


def remove_spools(folders: Iterable[Path]) -> None:
    """Remove spools that no output waits for any more. Raises MachineError."""
    for folder in folders:
        try:
            shutil.rmtree(folder)
        except FileNotFoundError:
            continue
        except OSError as error:
            raise storage_error(error, f"remove {folder}") from error
