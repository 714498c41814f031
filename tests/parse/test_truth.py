"""Lists of labels: one test a row of the catalogue of bad lists."""

from __future__ import annotations

import pytest

from kilotar.errors import LabelsRefused
from kilotar.parse.truth import parse_blacklist, parse_ground_truth, parse_map_clsloc, parse_wnids
from tests.budget import budget

GOOD = b"490\n361\n1\n1000\n"


def test_a_ground_truth_is_read() -> None:
    assert parse_ground_truth(GOOD, "truth.txt", classes=1000, images=4) == (490, 361, 1, 1000)


@pytest.mark.parametrize(
    ("data", "named"),
    [
        (b"\xef\xbb\xbf" + GOOD, "line 1: the file begins with a UTF-8 byte order mark"),
        (GOOD.replace(b"\n", b"\r\n"), "line 1: a carriage return"),
        (GOOD.decode().encode("utf-16"), "UTF-16"),
        (b"490\n3\x0061\n1\n1000\n", "line 2: a NUL byte"),
        (b"490\n361\n1\n", "has 3 lines"),
        (GOOD + b"7\n", "has 5 lines"),
        (b"", "has 0 lines"),
        (b"490\n361\n1\n\n", "line 4: the line is blank"),
        (GOOD + b"\n", "line 5: the line is blank"),
        (b"490\n361\n0\n1000\n", "line 3: must be a number from 1 to 1000"),
        (b"490\n361\n1001\n1000\n", "line 3"),
        (b"490\n361\n-1\n1000\n", "line 3"),
        (b"490\n361\n+1\n1000\n", "line 3"),
        (b"490\n361\n1.0\n1000\n", "line 3"),
        (b"490\n361\n1e3\n1000\n", "line 3"),
        (b"490\n361\n01\n1000\n", "line 3"),
        (b"490\n361\n1_0\n1000\n", "line 3"),
        ("490\n361\n٣\n1000\n".encode(), "line 3: not ascii text"),
        (b"490\n361\n1 \n1000\n", "line 3: spaces"),
        (b"490\n361\n1 2\n1000\n", "line 3"),
        (b"490\n361\n=cmd\n1000\n", "line 3"),
        (b"490\n361\n<b>1</b>\n1000\n", "line 3"),
        (b"1" * 10_000_000, "has 1 lines|10000000 bytes"),
        (b"490\n361\n" + b"1" * 10_000 + b"\n1000\n", "line 3"),
    ],
    ids=range(24),
)
def test_a_bad_ground_truth_is_refused_with_its_line(data: bytes, named: str) -> None:
    with budget(), pytest.raises(LabelsRefused) as caught:
        parse_ground_truth(data, "truth.txt", classes=1000, images=4)
    assert any(each in str(caught.value) for each in named.split("|"))
    assert str(caught.value).startswith("truth.txt") and caught.value.fix


def test_49999_and_50001_lines_are_refused() -> None:
    for lines in (49_999, 50_001):
        with pytest.raises(LabelsRefused, match=f"has {lines} lines"):
            parse_ground_truth(b"1\n" * lines, "truth.txt", classes=1000, images=50_000)


def test_an_empty_list_of_unknown_length_is_refused() -> None:
    with pytest.raises(LabelsRefused, match="is empty"):
        parse_ground_truth(b"", "truth.txt", classes=1000)


def test_zero_is_explained_as_the_other_order() -> None:
    with pytest.raises(LabelsRefused, match="0-based labels"):
        parse_ground_truth(b"65\n970\n0\n", "truth.txt", classes=1000)


def test_a_class_map_is_read_and_sorted_by_number() -> None:
    rows = parse_map_clsloc(b"n02119789 1 kit_fox\nn02100735 3 English_setter\nn02100877 2 Irish\n", "map")
    assert [(row.ilsvrc_id, row.wnid) for row in rows] == [(1, "n02119789"), (2, "n02100877"), (3, "n02100735")]


@pytest.mark.parametrize(
    ("data", "named"),
    [
        (b"n02119789 1\n", "line 1: must be a wnid, a number and a word"),
        (b"n02119789  1 kit_fox\n", "line 1"),
        (b"n02119789 1 kit fox\n", "line 1"),
        (b"n02119789 01 kit_fox\n", "line 1"),
        (b"x02119789 1 kit_fox\n", "line 1"),
        (b"n02119789 1 a\nn02119789 2 b\n", "line 2: n02119789 stood before"),
        (b"n02119789 1 a\nn02119780 1 b\n", "line 2: 1 stood before"),
        (b"n02119789 1 a\nn02119780 3 b\n", "must be 1 to 2, each once"),
        (b"", "must be 1 to 0"),
        (b"n02119789 1 " + b"a" * 300 + b"\n", "line 1"),
    ],
)
def test_a_bad_class_map_is_refused_with_its_line(data: bytes, named: str) -> None:
    with pytest.raises(LabelsRefused) as caught:
        parse_map_clsloc(data, "map")
    assert named in str(caught.value)


def test_a_blacklist_is_read() -> None:
    assert parse_blacklist(b"36\n50\n", "black", images=50) == (36, 50)
    assert parse_blacklist(b"", "black", images=50) == ()


@pytest.mark.parametrize(
    ("data", "named"), [(b"0\n", "line 1"), (b"36\n51\n", "line 2"), (b"36\n36\n", "stood before"), (b"x\n", "line 1")]
)
def test_a_bad_blacklist_is_refused_with_its_line(data: bytes, named: str) -> None:
    with pytest.raises(LabelsRefused, match=named):
        parse_blacklist(data, "black", images=50)


def test_a_list_of_wnids_keeps_its_order() -> None:
    assert parse_wnids(b"n02119789\nn01440764", "list") == ("n02119789", "n01440764")


@pytest.mark.parametrize(
    ("data", "named"),
    [
        (b"", "lists no wnid"),
        (b"n02119789\nn0144076\n", "line 2"),
        (b"n02119789 kit fox\n", "line 1"),
        (b"N02119789\n", "line 1"),
        ("n0211978٩\n".encode(), "line 1"),
        (b"n02119789\nn02119789\n", "line 2: n02119789 stood before"),
        (b"../../etc/passwd\n", "line 1"),
        (b"\x1b[31m\n", "line 1"),
    ],
)
def test_a_bad_list_of_wnids_is_refused_with_its_line(data: bytes, named: str) -> None:
    with pytest.raises(LabelsRefused) as caught:
        parse_wnids(data, "list")
    assert named in str(caught.value)
    assert "\x1b" not in "".join(caught.value.lines())
