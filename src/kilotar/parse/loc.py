"""Kaggle's LOC_train_solution.csv and LOC_val_solution.csv: boxes of an image in one line.

Rules guarded: no quoting, no formulas, no guessing: a line is a name, a comma, and groups of a wnid and four numbers;
an image stands once. Form: "ImageId,PredictionString", then "n02017213_4263,n02017213 355 155 430 273 n02017213 ...".
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import NamedTuple, NoReturn

from kilotar.errors import LabelsRefused
from kilotar.model.lines import strict_lines
from kilotar.model.sample import Box

__all__ = ["LOC_HEADER", "LocRow", "parse_loc"]

LOC_HEADER = "ImageId,PredictionString"
_MAX_BYTES = 64 << 20
_GROUP = r"n[0-9]{8}(?: [0-9]{1,6}){4}"
_LINE = re.compile(rf"([A-Za-z][A-Za-z0-9_]{{0,63}}),({_GROUP}(?: {_GROUP})*) ?", re.ASCII)


class LocRow(NamedTuple):
    """The boxes of one image, by its key."""

    key: str
    boxes: tuple[Box, ...]


def parse_loc(data: bytes, where: str) -> Iterator[LocRow]:
    """Yield the rows; the one space that Kaggle puts at the end of a line is allowed.

    Raises: LabelsRefused, naming the line.
    """
    lines = strict_lines(data.replace(b" \n", b"\n"), where, LabelsRefused, max_bytes=_MAX_BYTES)
    if not lines or lines[0] != LOC_HEADER:
        _refuse(where, 1, f"must be {LOC_HEADER}", lines[0] if lines else "")
    seen: set[str] = set()
    for number, line in enumerate(lines[1:], 2):
        match = _LINE.fullmatch(line)
        if not match:
            _refuse(where, number, "must be a name, a comma, and a wnid with four numbers for each box", line)
        if match[1] in seen:
            _refuse(where, number, "the image stood before", match[1])
        seen.add(match[1])
        words = match[2].split(" ")
        yield LocRow(match[1], tuple(_box(words[at : at + 5]) for at in range(0, len(words), 5)))


def _box(words: list[str]) -> Box:
    xmin, ymin, xmax, ymax = map(int, words[1:])
    return Box(words[0], xmin, ymin, xmax, ymax)


def _refuse(where: str, line: int, why: str, seen: str) -> NoReturn:
    raise LabelsRefused(f"{where}, line {line}: {why}", seen=repr(seen[:80]), fix="get the file from Kaggle again")
