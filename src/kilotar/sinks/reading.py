"""Reading files of an output back: what all formats of shards share.

Rules guarded: whatever is wrong with a file of somebody else is a refusal of our tree that names it; a length is held
against the file before anything is read; what is read is what was asked for.
"""

from __future__ import annotations

import json
import struct
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from operator import index
from pathlib import Path
from typing import Any, SupportsIndex

from kilotar.errors import LayoutRefused, storage_error
from kilotar.model.sample import Box, Extent, Split
from kilotar.model.seams import Row

__all__ = [
    "BoxReader",
    "FileRows",
    "boxes_of",
    "plain_name",
    "read_extent",
    "read_json",
    "refusing",
    "refusing_library",
    "row_at",
]

FileRows = Iterator[tuple[str, Iterator[Row]]]
"""The files of an output, by their paths below its folder, each with its rows, which are read when asked for."""

BoxReader = Callable[[], tuple[Box, ...]]

_LARGEST_JSON_BYTES = 64 << 20  # an index of 10,000 shards has 5 MB
_DAMAGES = (ValueError, LookupError, TypeError, AttributeError, ArithmeticError, struct.error, RecursionError)


@contextmanager
def refusing(path: Path) -> Iterator[None]:
    """Turn what reading a damaged file raises into a refusal that names it. Raises LayoutRefused, MachineError."""
    try:
        yield
    except FileNotFoundError as error:
        raise LayoutRefused(f"{path.name} is missing", seen=str(error.filename or path)) from error
    except OSError as error:
        raise storage_error(error, f"read {path}") from error
    except _DAMAGES as error:
        raise LayoutRefused(f"{path.name} is damaged, or not of this format", seen=repr(error)[:200]) from error


@contextmanager
def refusing_library(path: Path) -> Iterator[None]:
    """As `refusing`, where a library reads: its RuntimeErrors and OSErrors without a number are not the disk's."""
    with refusing(path):
        try:
            yield
        except RuntimeError as error:
            raise ValueError(str(error)) from error
        except OSError as error:
            if error.errno:
                raise
            raise ValueError(str(error)) from error


def read_json(path: Path) -> Any:
    """Give the content of a small JSON file. Raises LayoutRefused, MachineError."""
    with refusing(path), path.open("rb") as file:
        size_bytes = file.seek(0, 2)
        if size_bytes > _LARGEST_JSON_BYTES:
            raise ValueError(f"{size_bytes:,} bytes, more than {_LARGEST_JSON_BYTES:,}")
        file.seek(0)
        return json.loads(file.read(size_bytes))


def plain_name(name: object) -> str:
    """Give the name of a file that lies beside the index that names it. Raises ValueError where it leads elsewhere."""
    if not isinstance(name, str) or "/" in name or "\0" in name or name in ("", ".", ".."):
        raise ValueError(f"a file is called {name!r}")
    return name


def row_at(
    split: Split,
    name: str,
    wnid: str,
    label: int,
    path: Path,
    offset: int,
    size_bytes: int,
    boxes: BoxReader | None = None,
) -> Row:
    """Give a row whose image stands as it is in a file."""
    at = Extent(str(path), offset, size_bytes)
    return Row(split, name, wnid, label, read_extent(at), at, boxes)


def boxes_of(wnids: Iterable[str], sides: Iterable[Iterable[SupportsIndex]]) -> tuple[Box, ...]:
    """Give boxes by their classes and xmin, ymin, xmax, ymax. Raises ValueError, TypeError where these do not fit."""
    return tuple(_box(wnid, *map(index, four)) for wnid, four in zip(wnids, sides, strict=True))


def _box(wnid: str, xmin: int, ymin: int, xmax: int, ymax: int) -> Box:
    return Box(str(wnid), xmin, ymin, xmax, ymax)


def read_extent(at: Extent) -> Callable[[], bytes]:
    """Give what reads an image when it is asked for; it raises LayoutRefused, MachineError."""
    return lambda: _read(at)


def _read(at: Extent) -> bytes:
    path = Path(at.archive)
    with refusing(path), path.open("rb") as file:
        if at.stop > file.seek(0, 2):
            raise ValueError(f"{at.size_bytes} bytes at {at.offset} are not there")
        file.seek(at.offset)
        return file.read(at.size_bytes)
