"""One LMDB database in one file: written in transactions of some megabytes, read without a lock file.

Rules guarded: the same entries give the same bytes (what LMDB hands to the disk is zeroed before, nothing is stamped),
on machines whose pages of memory have the same size; memory does not grow with the file; the map is as large as the
file needs, in whole steps, so that it opens where address space is short; nothing stands beside the file.
A database is opened only where the file is as long as its header says, for LMDB maps it and would be killed behind its
end; what stands inside is not proved here: the digest of the file does that.

LMDB refuses to open a file twice in one process, so readers of one file share what is open.
Source: LMDB 0.9 mdb.c and its Python binding.
"""

from __future__ import annotations

import weakref
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from kilotar.sinks.library_errors import as_os_error

__all__ = ["Database", "Entry", "open_database", "write_database"]

Entry = tuple[bytes, bytes]

_BATCH_BYTES = 32 << 20
_SPARE_BYTES = 16 << 20  # for the pages of the tree that a transaction writes anew
_STEP_BYTES = 64 << 20


def write_database(path: Path, entries: Iterable[Entry], *, sorted_keys: bool) -> None:
    """Write a new file.

    Args:
        entries:     keys and values; no key comes twice.
        sorted_keys: whether keys come in the order of their bytes; then pages are filled to the end.
    Raises: OSError.
    """
    import lmdb

    with (
        _as_os_error(path),
        lmdb.open(str(path), map_size=_STEP_BYTES, subdir=False, lock=False, sync=False, meminit=True) as base,
    ):
        for batch in _batches(entries):
            _make_room(base, sum(len(value) for _, value in batch))
            with base.begin(write=True) as transaction:
                for key, value in batch:
                    transaction.put(key, value, append=sorted_keys)


def _batches(entries: Iterable[Entry]) -> Iterator[list[Entry]]:
    batch: list[Entry] = []
    size_bytes = 0
    for entry in entries:
        batch.append(entry)
        size_bytes += len(entry[1])
        if size_bytes >= _BATCH_BYTES:
            yield batch
            batch, size_bytes = [], 0
    yield batch


def _make_room(base: Any, size_bytes: int) -> None:
    """Let the map hold a batch, whose values end on whole pages."""
    info, page_bytes = base.info(), base.stat()["psize"]
    wanted = (info["last_pgno"] + 1) * page_bytes + 2 * size_bytes + _SPARE_BYTES
    if wanted > info["map_size"]:
        base.set_mapsize(-(-wanted // _STEP_BYTES) * _STEP_BYTES)


@contextmanager
def _as_os_error(path: Path) -> Iterator[None]:
    """Raise the library's errors as what they are."""
    import lmdb

    try:
        yield
    except lmdb.Error as error:
        raise as_os_error(error, path) from error


@contextmanager
def _as_value_error() -> Iterator[None]:
    """Raise what the library finds wrong with a file as a ValueError."""
    import lmdb

    try:
        yield
    except lmdb.Error as error:
        raise ValueError(str(error)) from error


class Database:
    """A file that is open for reading, as long as somebody holds it."""

    def __init__(self, path: Path) -> None:
        """Raises: OSError, ValueError for a file that is no whole database."""
        import lmdb

        size_bytes = path.stat().st_size
        with _as_value_error():
            self._base = lmdb.open(str(path), subdir=False, readonly=True, create=False, lock=False, readahead=False)
        wanted = (self._base.info()["last_pgno"] + 1) * self._base.stat()["psize"]
        if size_bytes < wanted:
            self._base.close()
            raise ValueError(f"{size_bytes} bytes where the header says {wanted}")

    def get(self, key: bytes) -> bytes:
        """Give a value. Raises ValueError where there is none."""
        with _as_value_error(), self._base.begin() as transaction:
            value = transaction.get(key)
        if value is None:
            raise ValueError(f"there is no {key!r}")
        return value

    def __iter__(self) -> Iterator[Entry]:
        """Give keys and values in the order of keys. Raises ValueError."""
        with _as_value_error(), self._base.begin() as transaction:
            yield from transaction.cursor()


_open: weakref.WeakValueDictionary[tuple[int, int, int], Database] = weakref.WeakValueDictionary()


def open_database(path: Path) -> Database:
    """Open a file, or share it where it is open. Raises OSError, ValueError for a file that is no whole database."""
    found = path.stat()
    key = (found.st_dev, found.st_ino, found.st_mtime_ns)
    database = _open.get(key) or Database(path)
    _open[key] = database
    return database
