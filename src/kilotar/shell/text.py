"""Words and columns for a terminal: one line stays one line, whatever a file in an archive is called."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from kilotar.errors import plain

__all__ = ["columns", "cut", "field", "one_line"]


def one_line(text: str) -> str:
    """Escape whatever could steer a terminal, end a line or turn the direction of writing."""
    return plain(text).replace("\n", "\\n")


def cut(text: str, cells: int) -> str:
    """Shorten to at most `cells` characters, visibly."""
    return text if len(text) <= cells else text[: max(0, cells - 1)] + "~"


def field(name: str, text: str) -> str:
    """Give a line of the form "  name     text"."""
    return f"  {name:<8} {one_line(text)}".rstrip()


def columns(head: Sequence[str], rows: Iterable[Sequence[str]], right: frozenset[int] = frozenset()) -> list[str]:
    """Give a table as lines, without drawn boxes.

    Args:
        head:  the names of the columns.
        rows:  cells; each is escaped.
        right: columns set flush right.
    """
    table = [tuple(head), *(tuple(one_line(cell) for cell in row) for row in rows)]
    widths = [max(len(row[at]) for row in table) for at in range(len(head))]
    return [
        "  " + "  ".join(f"{cell:{'>' if at in right else '<'}{widths[at]}}" for at, cell in enumerate(row)).rstrip()
        for row in table
    ]
