"""A torrent site's list, kept on this machine as lines of text.

Rules guarded: it is a cache, so whatever is wrong with it means that there is none; it is replaced whole; a list that
broke off while it was read replaces nothing.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from pathlib import Path

import msgspec

from kilotar.errors import storage_error
from kilotar.model.catalogue import SiteEntry
from kilotar.store.files import publish

__all__ = ["CatalogueHead", "keep_catalogue", "read_head", "walk_catalogue"]

SCHEMA = 1
_MAX_LINE_BYTES = 16 << 10
_FLUSH_ENTRIES = 1000


class CatalogueHead(msgspec.Struct, frozen=True):
    """What a kept list is: the address it was read from, and when (seconds since 1970)."""

    url: str
    read_at_s: float
    schema: int = SCHEMA


def keep_catalogue(path: Path, head: CatalogueHead, entries: Iterable[SiteEntry]) -> None:
    """Write a list while it is read. Raises: MachineError; whatever `entries` raises, and then the old list stays."""
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise storage_error(error, f"make the folder {path.parent}") from error
    publish(path, _text(head, entries))


def _text(head: CatalogueHead, entries: Iterable[SiteEntry]) -> Iterator[bytes]:
    lines = [msgspec.json.encode(head).decode()]
    for entry in entries:
        lines.append(f"{entry.infohash}\t{entry.size_bytes}\t{entry.category}\t{entry.title}")
        if len(lines) >= _FLUSH_ENTRIES:
            yield _joined(lines)
            lines.clear()
    yield _joined(lines)


def _joined(lines: list[str]) -> bytes:
    return "".join(f"{line}\n" for line in lines).encode("utf-8", "replace")


def read_head(path: Path) -> CatalogueHead | None:
    """Give what a kept list is, None where there is none that can be read. Raises: MachineError."""
    try:
        with path.open("rb") as file:
            head = msgspec.json.decode(file.readline(_MAX_LINE_BYTES), type=CatalogueHead)
    except (FileNotFoundError, NotADirectoryError, msgspec.DecodeError):
        return None
    except OSError as error:
        raise storage_error(error, f"read {path}") from error
    return head if head.schema == SCHEMA else None


def walk_catalogue(path: Path) -> Iterator[SiteEntry]:
    """Walk over a kept list; lines that are none of ours are passed over. Raises: MachineError."""
    try:
        with path.open("rb") as file:
            file.readline(_MAX_LINE_BYTES)
            while line := file.readline(_MAX_LINE_BYTES):
                infohash, *rest = line.decode("utf-8", "replace").rstrip("\n").split("\t", 3)
                if len(rest) == 3 and rest[0].removeprefix("-").isdecimal():
                    yield SiteEntry(rest[2], infohash, int(rest[0]), rest[1])
    except OSError as error:
        raise storage_error(error, f"read {path}") from error
