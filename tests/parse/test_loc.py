"""Kaggle's CSV of boxes: one refusal a row."""

from __future__ import annotations

import pytest

from kilotar.errors import LabelsRefused
from kilotar.model.sample import Box
from kilotar.parse.loc import parse_loc
from tests.budget import budget

HEADER = b"ImageId,PredictionString\n"
ROW = b"n02017213_4263,n02017213 355 155 430 273 n02017213 1 2 3 4"


@pytest.mark.parametrize("end", [b"\n", b" \n", b""])
def test_boxes_are_read_with_and_without_the_space_at_the_end(end: bytes) -> None:
    (row,) = parse_loc(HEADER + ROW + end, "LOC.csv")
    assert row.key == "n02017213_4263"
    assert row.boxes == (Box("n02017213", 355, 155, 430, 273), Box("n02017213", 1, 2, 3, 4))


@pytest.mark.parametrize(
    ("data", "named"),
    [
        (ROW, "line 1: must be ImageId,PredictionString"),
        (b"", "line 1"),
        (HEADER + ROW + b" 5\n", "line 2"),
        (HEADER + ROW.removesuffix(b" 4") + b"\n", "line 2"),
        (HEADER + b"a,\n", "line 2"),
        (HEADER + ROW + b"\n" + ROW + b"\n", "line 3: the image stood before"),
        (HEADER + b"=cmd|' /C calc'!A0,n02017213 1 2 3 4\n", "line 2"),
        (HEADER + b'"a",n02017213 1 2 3 4\n', "line 2"),
        (HEADER + b"a,n02017213 1.0 2 3 4\n", "line 2"),
        (HEADER + b"a,n02017213 -1 2 3 4\n", "line 2"),
        (HEADER + b"a,n02017213 nan 2 3 4\n", "line 2"),
        (HEADER + b"a,n02017213 " + b"1" * 5000 + b" 2 3 4\n", "line 2"),
        (HEADER + b"../a,n02017213 1 2 3 4\n", "line 2"),
        (HEADER + b"a,<script> 1 2 3 4\n", "line 2"),
        (HEADER + b"a,n02017213" + b" 1" * 5_000_000, "line 2"),
        (HEADER + b"a," + b"n02017213 1 2 3 4 " * 800 + b"x\n", "line 2"),
    ],
    ids=range(16),
)
def test_a_bad_line_is_refused_with_its_number(data: bytes, named: str) -> None:
    with budget(), pytest.raises(LabelsRefused) as caught:
        list(parse_loc(data, "LOC.csv"))
    assert named in str(caught.value)
