"""Tables of positions on disk: what was learnt about an archive, and what a person brings or takes away.

Rules guarded: a table lies beside the facts of a root and is replaced whole; one of ours that cannot be read costs a
new search and nothing else, one that a person gives is refused aloud.
"""

from __future__ import annotations

import re
from collections.abc import Collection
from pathlib import Path

from kilotar.errors import LayoutRefused, storage_error
from kilotar.model.positions import Position, Positions
from kilotar.parse.positions import MOST_BYTES, format_positions, parse_positions
from kilotar.parse.tar_header import BLOCK
from kilotar.store.files import publish, read_file
from kilotar.store.index import Outline

__all__ = ["positions_file", "positions_of", "read_positions", "take_positions", "write_positions"]

_KEY = re.compile(r"[0-9a-f]{40}|[A-Za-z0-9][A-Za-z0-9._+-]{0,199}", re.ASCII)


def positions_file(state: Path, key: str) -> Path:
    """Give where the table of an archive lies in the state of a root.

    Args:
        key: the infohash; the archive's name where it has none. Raises ValueError for a key that is neither.
    """
    if not _KEY.fullmatch(key):
        raise ValueError(f"neither infohash nor name: {key!r}")
    return state / "positions" / f"{key}.tsv"


def read_positions(path: Path, wnids: Collection[str]) -> Positions | None:
    """Give a table of ours, None where there is none or it is damaged. Raises: MachineError."""
    content = read_file(path)
    try:
        return parse_positions(content, str(path), wnids) if content is not None else None
    except LayoutRefused:
        return None


def take_positions(path: Path, wnids: Collection[str], size_bytes: int | None = None, infohash: str = "") -> Positions:
    """Give the table that a person brings.

    Args:
        wnids: the classes of the edition.
        size_bytes, infohash: of the archive that it must be of, where that is known.
    Raises: LayoutRefused naming the line, or where it is of another archive; MachineError.
    """
    try:
        with open(path, "rb") as file:
            content = file.read(MOST_BYTES + 1)
    except OSError as error:
        raise storage_error(error, f"read {path}") from error
    positions = parse_positions(content, str(path), wnids)
    if size_bytes is not None and not positions.is_of(size_bytes, infohash):
        raise LayoutRefused(
            f"{path} is of another archive",
            seen=f"{positions.archive}, {positions.size_bytes} bytes, infohash {positions.infohash or 'none'}; "
            f"this one has {size_bytes} bytes, infohash {infohash or 'none'}",
            fix="leave the table out: the classes are then searched for",
        )
    return positions


def write_positions(path: Path, positions: Positions) -> None:
    """Write a table durably; its folder is made. Raises: MachineError."""
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise storage_error(error, f"make the folder {path.parent}") from error
    publish(path, [format_positions(positions)])


def positions_of(outline: Outline, archive: str, size_bytes: int, infohash: str) -> Positions:
    """Give the table of a local archive whose outline is known; class tars only.

    A tar that is no multiple of the block is left out, as no honest one is.
    """
    spans = (span for span in outline.parts if span.wnid and not span.is_slice and not span.stop % BLOCK)
    rows = (Position(span.start - BLOCK, span.start, span.stop, span.wnid) for span in spans)
    return Positions.of(archive, size_bytes, infohash, rows)
