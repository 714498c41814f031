"""Label lists as text: ground truth, class maps, blacklists and lists of wnids.

Rules guarded: numbers are plain ASCII digits without sign, point or leading zero; counts are exact; nothing stands
twice; a list that two programs could read in two ways is refused with the number of the line, and the last value never
wins.
Source of the forms: the development kits of 2012 to 2017 (readme.txt, data/).
"""

from __future__ import annotations

import re
from typing import NamedTuple, NoReturn

from kilotar.errors import LabelsRefused
from kilotar.model.lines import strict_lines

__all__ = ["MapRow", "parse_blacklist", "parse_ground_truth", "parse_map_clsloc", "parse_wnids"]

_NUMBER = re.compile(r"[1-9][0-9]{0,8}", re.ASCII)
_WNID = re.compile(r"n[0-9]{8}", re.ASCII)
_MAP = re.compile(r"(n[0-9]{8}) ([1-9][0-9]{0,8}) ([!-~]{1,200})", re.ASCII)
_FIX = "get the file from its publisher again; the built-in labels need no such file"


class MapRow(NamedTuple):
    """One line of map_clsloc.txt: the word has "_" for spaces."""

    wnid: str
    ilsvrc_id: int
    word: str


def parse_ground_truth(data: bytes, where: str, *, classes: int, images: int | None = None) -> tuple[int, ...]:
    """Give the ilsvrc_id of each validation image in the order of their numbers.

    Args:
        classes: numbers go from 1 to this.
        images:  exact number of lines, None where it is not known.
    Raises: LabelsRefused, naming the line.
    """
    lines = strict_lines(data, where, LabelsRefused)
    if images is not None and len(lines) != images:
        raise LabelsRefused(f"{where} has {len(lines)} lines", seen=f"expected exactly {images}", fix=_FIX)
    if not lines:
        raise LabelsRefused(f"{where} is empty", fix=_FIX)
    numbers = {str(number): number for number in range(1, classes + 1)}
    try:
        return tuple([numbers[line] for line in lines])
    except KeyError as error:
        _refuse_number(lines, str(error.args[0]), where, classes)


def _refuse_number(lines: list[str], bad: str, where: str, classes: int) -> NoReturn:
    why = f"must be a number from 1 to {classes}, in plain digits"
    if bad == "0":
        why += "; a list with 0 holds 0-based labels, not the numbers of the development kit"
    raise LabelsRefused(f"{where}, line {lines.index(bad) + 1}: {why}", seen=repr(bad[:60]), fix=_FIX)


def parse_map_clsloc(data: bytes, where: str) -> tuple[MapRow, ...]:
    """Give the rows of map_clsloc.txt, sorted by ilsvrc_id, which go from 1 to n, each once.

    Raises: LabelsRefused, naming the line.
    """
    rows: list[MapRow] = []
    seen: dict[str, int] = {}
    for number, line in enumerate(strict_lines(data, where, LabelsRefused), 1):
        match = _MAP.fullmatch(line)
        if not match:
            raise LabelsRefused(
                f"{where}, line {number}: must be a wnid, a number and a word", seen=repr(line[:80]), fix=_FIX
            )
        row = MapRow(match[1], int(match[2]), match[3])
        for value in (row.wnid, match[2]):
            if seen.setdefault(value, number) != number:
                raise LabelsRefused(
                    f"{where}, line {number}: {value} stood before", seen=f"line {seen[value]}", fix=_FIX
                )
        rows.append(row)
    rows.sort(key=lambda row: row.ilsvrc_id)
    if not rows or rows[-1].ilsvrc_id != len(rows):
        raise LabelsRefused(f"{where}: its {len(rows)} numbers must be 1 to {len(rows)}, each once", fix=_FIX)
    return tuple(rows)


def parse_blacklist(data: bytes, where: str, *, images: int) -> tuple[int, ...]:
    """Give the numbers of validation images whose boxes are not to be judged, rising. Raises: LabelsRefused."""
    found: dict[int, int] = {}
    for number, line in enumerate(strict_lines(data, where, LabelsRefused), 1):
        if not _NUMBER.fullmatch(line) or int(line) > images:
            raise LabelsRefused(
                f"{where}, line {number}: must be a number from 1 to {images}", seen=repr(line[:60]), fix=_FIX
            )
        if found.setdefault(int(line), number) != number:
            raise LabelsRefused(
                f"{where}, line {number}: {line} stood before", seen=f"line {found[int(line)]}", fix=_FIX
            )
    return tuple(sorted(found))


def parse_wnids(data: bytes, where: str) -> tuple[str, ...]:
    """Give the wnids of a list, one a line, in its order, each once. Raises: LabelsRefused, naming the line."""
    found: dict[str, int] = {}
    for number, line in enumerate(strict_lines(data, where, LabelsRefused), 1):
        if not _WNID.fullmatch(line):
            raise LabelsRefused(
                f"{where}, line {number}: must be a wnid (n and eight digits) and nothing else",
                seen=repr(line[:60]),
                fix="write one wnid a line",
            )
        if found.setdefault(line, number) != number:
            raise LabelsRefused(
                f"{where}, line {number}: {line} stood before", seen=f"line {found[line]}", fix="write each wnid once"
            )
    if not found:
        raise LabelsRefused(f"{where} lists no wnid", fix="write one wnid a line")
    return tuple(found)
