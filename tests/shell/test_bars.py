"""Bars, as text of a given width and on a console that believes to be a terminal."""

from __future__ import annotations

import io

import pytest
from rich.console import Console

from kilotar.events import Finding, Found, Landed, Note, Outcome, RunEnded, RunStarted, StepEnded
from kilotar.shell.bars import Bars, bar, picture
from kilotar.shell.progress import Progress

STARTED = RunStarted("prepare", "/data", 10, 1000, 5_000_000)
EVENTS = (
    STARTED,
    Landed("ILSVRC2012_img_train.tar", 0, 71, 100),
    StepEnded("n1", Outcome.DONE, 580),
    Found(Finding("truncated", "a.JPEG", "cut")),
)


def progress() -> Progress:
    made = Progress()
    for event in EVENTS:
        made.see(event, 0.0)
    return made


def test_a_picture_has_a_row_an_archive_one_for_the_work_and_one_for_the_disk() -> None:
    assert picture(progress(), 0.0, 100, 321 * 10**9) == [
        "  prove  ILSVRC2012_img_train.tar ██████████████░░░░░░  71 %  71 B of 100 B",
        "  write                           ███████████░░░░░░░░░  58 %  580 of 1,000 images",
        "  disk 321.00 GB free   1 problem   Ctrl-C stops safely; run again to resume",
    ]


@pytest.mark.parametrize("width", [1, 5, 20, 40, 71, 72, 80, 99, 100, 200])
def test_no_line_is_wider_than_the_window(width: int) -> None:
    assert max(len(line) for line in picture(progress(), 0.0, width, 10**12)) <= width


def test_a_bar_is_full_only_at_100_percent() -> None:
    assert (bar(0, 4), bar(99.9, 4), bar(100, 4)) == ("░░░░", "███░", "████")


class Terminal(io.StringIO):
    """A stream that says it is a terminal, with an encoding."""

    encoding = "utf-8"

    def isatty(self) -> bool:
        return True


def drawn(out: Terminal, *events: object, width: int = 100) -> str:
    console = Console(file=out, force_terminal=True, width=width, highlight=False, markup=False, emoji=False)
    bars = Bars(console, clock=lambda: 0.0)
    for event in events:
        bars(event)  # type: ignore[arg-type]
    bars.close()
    return out.getvalue()


def test_the_last_picture_stays_and_the_cursor_comes_back() -> None:
    text = drawn(Terminal(), *EVENTS)

    assert "580 of 1,000 images" in text
    assert "truncated: a.JPEG: cut" in text
    assert text.rindex("\x1b[?25h") > text.rindex("\x1b[?25l")


def test_a_run_that_failed_at_once_draws_nothing_over_what_comes_next() -> None:
    assert drawn(Terminal(), RunEnded("prepare", Outcome.FAILED, "E-DECISION")) == ""


def test_a_second_run_begins_with_a_picture_of_its_own() -> None:
    text = drawn(Terminal(), *EVENTS, RunEnded("prepare", Outcome.DONE), RunStarted("verify", "/", 1, 7, 0))

    assert text.count("\x1b[?25l") == 2
    assert "ILSVRC2012" not in text[text.rindex("\x1b[?25l") :]
    assert "0 of 7 images" in text


def test_names_are_neither_markup_nor_control_codes() -> None:
    hostile = "[bold red]x[/bold red] :smile: \x1b]0;title\x07 \u202e"

    text = drawn(Terminal(), STARTED, Note("info", hostile), Landed("[red]\x1b[2J", 0, 1, 2))

    assert "[bold red]x[/bold red] :smile: \\x1b]0;title\\x07 \\u202e" in text
    assert "[red]\\x1b[2J" in text
    assert "\x1b]0;" not in text


def test_a_terminal_without_blocks_gets_ascii() -> None:
    class Old(Terminal):
        encoding = "iso8859-1"

    text = drawn(Old(), *EVENTS)

    assert "###" in text
    assert "█" not in text
    assert "░" not in text


def test_bars_that_saw_no_event_draw_nothing() -> None:
    assert drawn(Terminal()) == ""
