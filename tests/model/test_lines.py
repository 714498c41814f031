"""Text lists read strictly: one refusal a row."""

from __future__ import annotations

import pytest

from kilotar.errors import LabelsRefused
from kilotar.model.lines import MAX_LINE_CHARS, strict_lines
from tests.budget import budget


@pytest.mark.parametrize(
    ("data", "lines"),
    [(b"", []), (b"a\n", ["a"]), (b"a\nb", ["a", "b"]), (b"a b\nc\n", ["a b", "c"])],
)
def test_plain_lines_come_out_as_they_are(data: bytes, lines: list[str]) -> None:
    assert strict_lines(data, "list", LabelsRefused) == lines


def test_text_beyond_ascii_is_read_where_it_is_asked_for() -> None:
    assert strict_lines("grün\n".encode(), "list", LabelsRefused, encoding="utf-8") == ["grün"]


@pytest.mark.parametrize(
    ("data", "named"),
    [
        (b"\xef\xbb\xbf1\n", "line 1: the file begins with a UTF-8 byte order mark"),
        ("1\n2\n".encode("utf-16"), "line 1: the file begins with UTF-16"),
        (b"\xfe\xff\x001\x00\n", "line 1: the file begins with UTF-16"),
        (b"1\n\x002\n", "line 2: a NUL byte"),
        (b"1\r\n2\r\n", "line 1: a carriage return"),
        (b"1\n2\r3\n", "line 2: a carriage return"),
        (b"1\n\n2\n", "line 2: the line is blank"),
        (b"1\n2\n\n", "line 3: the line is blank"),
        (b"1\n  \n", "line 2: the line is blank"),
        (b"1\n2 \n", "line 2: spaces before or after"),
        (b"1\n\t2\n", "line 2: spaces before or after"),
        ("1\n٢\n".encode(), "line 2: not ascii text"),
        (b"1\n\xff\n", "line 2: not ascii text"),
        (b"1\n" + b"2" * 10_000_000, "line 2: 10000000 bytes in one line"),
        (b"2" * (MAX_LINE_CHARS + 1), "line 1"),
        (b"1\n" * 9_000_000, "too long for a list"),
    ],
    ids=range(16),
)
def test_what_can_be_read_in_two_ways_is_refused_with_its_line(data: bytes, named: str) -> None:
    with budget(), pytest.raises(LabelsRefused) as caught:
        strict_lines(data, "list", LabelsRefused)
    assert named in str(caught.value) and "list" in str(caught.value)
    assert len(str(caught.value)) < 500
