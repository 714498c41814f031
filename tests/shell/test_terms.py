"""Who is asked about the terms, and what counts as a yes."""

from __future__ import annotations

import io
from collections.abc import Callable
from typing import Any

import pytest

from kilotar.errors import DecisionNeeded
from kilotar.shell.terms import ask
from tests.shell.conftest import REPORT, Ended, Library

Run = Callable[..., Ended]
NEEDED = DecisionNeeded("the terms of use were not accepted", fix="add --accept-terms if you accept them")


class Terminal(io.StringIO):
    def isatty(self) -> bool:
        return True


@pytest.mark.parametrize(
    ("answer", "accepted"),
    [("y\n", True), ("YES\n", True), ("n\n", False), ("\n", False), ("", False), ("yep\n", False)],
)
def test_only_a_yes_is_a_yes(answer: str, accepted: bool) -> None:
    out = Terminal()

    assert ask("Only for\nresearch.", Terminal(answer), out) is accepted
    assert "Only for\\nresearch." in out.getvalue()
    assert "[y/N]" in out.getvalue()


def test_nobody_is_asked_without_a_terminal() -> None:
    silent = io.StringIO()

    assert ask("terms", io.StringIO("y\n"), Terminal()) is False
    assert ask("terms", Terminal("y\n"), silent) is False
    assert ask("terms", None, Terminal()) is False
    assert silent.getvalue() == ""


def test_a_closed_stdin_is_nobody() -> None:
    closed = Terminal("y\n")
    closed.close()

    assert ask("terms", closed, Terminal()) is False


def accepting(library: Library, needed: DecisionNeeded = NEEDED) -> None:
    def prepare(*_: Any, **words: Any) -> Any:
        if not words["accept_terms"]:
            raise needed
        return REPORT

    library.gives["prepare"] = prepare


def test_without_a_terminal_it_is_exit_6_and_says_the_flag(library: Library, kt: Run) -> None:
    accepting(library)

    ended = kt("prepare")

    assert ended.code == 6
    assert "--accept-terms" in ended.err


def test_the_flag_accepts(library: Library, kt: Run) -> None:
    accepting(library)

    assert kt("prepare", "--accept-terms").code == 0


def test_a_yes_on_a_terminal_calls_again(library: Library, kt: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    accepting(library)
    monkeypatch.setattr("sys.stdin", Terminal("y\n"))
    monkeypatch.setattr("sys.stderr", Terminal())
    monkeypatch.setenv("TERM", "dumb")

    assert kt("prepare").code == 0
    assert [words["accept_terms"] for name, _, words in library.calls if name == "prepare"] == [False, True]


def test_another_decision_is_not_asked_for_as_if_it_were_the_terms(
    library: Library, kt: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    accepting(library, DecisionNeeded("overwrite?", fix="give another --out"))
    monkeypatch.setattr("sys.stdin", Terminal("y\n"))
    monkeypatch.setattr("sys.stderr", Terminal())

    assert kt("prepare").code == 6
