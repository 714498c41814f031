"""Words into Markdown: tables, docstrings, and the line that says that a page is made.

Rules guarded: text out of the source cannot break a table or become HTML.
"""

from __future__ import annotations

import inspect
import re
from collections.abc import Iterable, Sequence

MADE = "<!-- made by docs/generate.py; change it there or in the source -->"

_SECTION = re.compile(r"^(Args|Attributes|Raises|Returns|Source|Rules guarded.*|The keys):", re.MULTILINE)


def flat(text: str) -> str:
    """Make a text one line in which nothing outside of backticks is taken for HTML."""
    parts = " ".join(text.split()).split("`")
    return "`".join(part if at % 2 else part.replace("<", "&lt;") for at, part in enumerate(parts))


def cell(text: str) -> str:
    """Make a text fit into one cell of a table."""
    return flat(text).replace("|", "\\|")


def table(heads: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    """Give a table; cells are Markdown already."""
    lines = [heads, ["---"] * len(heads), *rows]
    return "\n".join(f"| {' | '.join(line)} |" for line in lines)


def described(thing: object) -> dict[str, str]:
    """Give what a docstring says of each name under "Args:" or "Attributes:"."""
    doc = inspect.getdoc(thing) or ""
    found: dict[str, str] = {}
    names: list[str] = []
    inside = False
    for line in doc.splitlines():
        if _SECTION.match(line):
            inside = line.startswith(("Args:", "Attributes:"))
            continue
        if not inside:
            continue
        begun = re.match(r"^ {4}([a-z_][\w, ]*?):\s+(.*)$", line)
        if begun:
            names = [name.strip() for name in begun[1].split(",")]
            found |= dict.fromkeys(names, begun[2])
        elif line.startswith(" " * 8) and names:
            found |= {name: f"{found[name]} {line.strip()}" for name in names}
    return found


def opening(thing: object) -> str:
    """Give the words of a docstring before its first section, as paragraphs."""
    doc = inspect.getdoc(thing) or ""
    cut = _SECTION.search(doc)
    return (doc[: cut.start()] if cut else doc).strip()
