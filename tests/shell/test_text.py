"""One line stays one line."""

from __future__ import annotations

import pytest

from kilotar.shell.text import columns, cut, field, one_line

HOSTILE = [
    "\x1b[2J\x1b[31mred",
    "\x1b]0;title\x07",
    "gpj.\u202eexe",
    "two\nlines",
    "two\rlines",
    "\udcff\udc80",
    "\x9b31m",
    "\u2028",
    "\u200b\u2066",
    "[bold]not markup[/bold]",
]


@pytest.mark.parametrize("text", HOSTILE)
def test_what_could_steer_a_terminal_is_escaped(text: str) -> None:
    shown = one_line(text)

    assert shown.isprintable()
    assert shown.encode("utf-8")
    assert len(shown.splitlines()) == 1


def test_ordinary_names_are_left_as_they_are() -> None:
    assert one_line("n01440764_10026.JPEG äöü 猫") == "n01440764_10026.JPEG äöü 猫"


def test_columns_are_aligned_and_escaped() -> None:
    assert columns(("name", "n"), [("a\nb", "1"), ("c", "22")], frozenset({1})) == [
        "  name   n",
        "  a\\nb   1",
        "  c     22",
    ]


def test_columns_without_rows_are_the_head() -> None:
    assert columns(("a", "b"), []) == ["  a  b"]


def test_a_field_without_text_has_no_trailing_blanks() -> None:
    assert field("report", "") == "  report"


def test_cutting_is_visible() -> None:
    assert (cut("abcdef", 6), cut("abcdefg", 6)) == ("abcdef", "abcde~")
