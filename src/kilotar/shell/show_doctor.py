"""The lines of the doctor and its explanations, as text that can be pasted into an issue."""

from __future__ import annotations

import textwrap
from collections.abc import Iterable

from kilotar.model.checkup import Checkup, Line, Mark
from kilotar.model.explanations import Explanation
from kilotar.shell.text import one_line
from kilotar.shell.units import counted

__all__ = ["show_checkup", "show_explanations"]

WHAT_CELLS = 12
WIDTH = 100


def show_checkup(checkup: Checkup) -> list[str]:
    """Give every line with what helps below it, and the count of problems last."""
    lines = [text for line in checkup.lines for text in _line(line)]
    notes = sum(line.state is Mark.NOTE for line in checkup.lines)
    first = next((line for line in checkup.lines if line.state is Mark.PROBLEM), None)
    begin = f"; begin with: {one_line(first.what)}" if first else ""
    return [*lines, f"  {counted(checkup.problems, 'problem')}, {counted(notes, 'note')}{begin}"]


def _line(line: Line) -> list[str]:
    head = f"  {line.state:<8} {line.what:<{WHAT_CELLS}} {one_line(line.seen)}"
    return [head, *([f"  {'':8} {'':{WHAT_CELLS}} fix: {one_line(line.fix)}"] if line.fix else [])]


def show_explanations(chosen: Iterable[Explanation]) -> list[str]:
    """Give each state with its paragraphs, wrapped."""
    lines: list[str] = []
    for one in chosen:
        lines += ["", f"  {one.title}"] if lines else [f"  {one.title}"]
        for paragraph in one.paragraphs:
            lines += ["", *textwrap.wrap(paragraph, WIDTH, initial_indent="    ", subsequent_indent="    ")]
    return lines
