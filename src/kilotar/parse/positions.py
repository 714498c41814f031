"""A table of positions as text: tab-separated, made to be handed on.

Rules guarded: what is read is of one archive by its length and infohash; rows ascend, do not overlap, lie inside the
archive, are multiples of the tar block, and name classes of the edition, each once; anything else is refused with its
line. A table that passes is still only a hint: see `kilotar.plan.locate`.
"""

from __future__ import annotations

import re
from collections.abc import Collection

from kilotar.errors import LayoutRefused
from kilotar.model.lines import strict_lines
from kilotar.model.positions import Position, Positions
from kilotar.parse.tar_header import BLOCK

__all__ = ["format_positions", "parse_positions"]

MOST_BYTES = 4 << 20
_KIND = "kilotar positions 1"
_COLUMNS = "wnid\theader_at\tstart\tstop"
_HEAD = re.compile(rf"{_KIND}\t([!-~]{{1,200}})\t([1-9][0-9]{{0,18}})\t([0-9a-f]{{40}}|-)", re.ASCII)
_ROW = re.compile(r"(n[0-9]{8})" + 3 * r"\t(0|[1-9][0-9]{0,18})", re.ASCII)
_FIX = "leave the table out: the classes are then searched for"


def format_positions(positions: Positions) -> bytes:
    """Give the table as text."""
    head = f"{_KIND}\t{positions.archive}\t{positions.size_bytes}\t{positions.infohash or '-'}"
    rows = (f"{row.wnid}\t{row.header_at}\t{row.start}\t{row.stop}" for row in positions.rows)
    return "\n".join((head, _COLUMNS, *rows, "")).encode("ascii")


def parse_positions(data: bytes, where: str, wnids: Collection[str]) -> Positions:
    """Give the table.

    Args:
        where: name of the file, for messages.
        wnids: the classes of the edition.
    Raises: LayoutRefused, naming the line.
    """
    lines = strict_lines(data, where, LayoutRefused, max_bytes=MOST_BYTES)
    head = _HEAD.fullmatch(lines[0]) if lines else None
    if not head or lines[1:2] != [_COLUMNS]:
        seen = repr(lines[0][:80]) if lines else "it is empty"
        raise LayoutRefused(f"{where} is no table of positions", seen=seen, fix=_FIX)
    size_bytes = int(head[2])
    rows: list[Position] = []
    taken: set[str] = set()
    for number, line in enumerate(lines[2:], 3):
        row = _parse_row(line)
        why = _fault(row, rows[-1].stop if rows else 0, size_bytes) if row else "must be a wnid and three numbers"
        if row and not why and (row.wnid not in wnids or row.wnid in taken):
            why = f"{row.wnid} stood before" if row.wnid in taken else f"{row.wnid} is no class of this edition"
        if why or not row:
            raise LayoutRefused(f"{where}, line {number}: {why}", seen=repr(line[:80]), fix=_FIX)
        rows.append(row)
        taken.add(row.wnid)
    return Positions(head[1], size_bytes, head[3].strip("-"), tuple(rows))


def _parse_row(line: str) -> Position | None:
    match = _ROW.fullmatch(line)
    return Position(int(match[2]), int(match[3]), int(match[4]), match[1]) if match else None


def _fault(row: Position, after: int, size_bytes: int) -> str:
    """Say what is wrong with the place of a row, "" where nothing is; `after` is the end of the row before."""
    if row.header_at % BLOCK or row.stop % BLOCK or row.start != row.header_at + BLOCK:
        return f"a class tar begins {BLOCK} bytes behind its header, and both ends are multiples of {BLOCK}"
    if row.header_at < after:
        return f"rows must ascend and not overlap; the one before ends at byte {after}"
    if row.stop < row.start or row.stop > size_bytes:
        return f"it must lie inside the archive of {size_bytes} bytes"
    return ""
