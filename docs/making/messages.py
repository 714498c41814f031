"""The page of messages: every error of the source under its code, in the words that a person sees.

Rules guarded: words come from the calls in the source, read as syntax and not run; a part that is filled in at run time
is shown as "...".
"""

from __future__ import annotations

import ast
import re
from collections.abc import Callable, Iterator
from pathlib import Path

import kilotar
import kilotar.errors

from .markdown import MADE

_SOURCE = Path(kilotar.__file__).parent
_GAP = "..."


def messages_page(advice: Callable[[str], str]) -> str:
    """Give docs/reference/messages.md."""
    found: dict[str, dict[str, str]] = {}
    for code, what, fix in _calls():
        found.setdefault(code, {}).setdefault(what, fix)
    rows = [
        "# Messages",
        MADE,
        f"Every error by its first line, `error CODE: MESSAGE`; `{_GAP}` stands for names and numbers. The lines "
        "*seen* and *try* below it\nsay the rest. What a code means, and its exit code: [errors](../errors.md). "
        "Messages of other programs: [when it goes\nwrong](../steps/16-when-it-goes-wrong.md).",
    ]
    for code, messages in sorted(found.items()):
        rows += [f"## {code}", advice(code)]
        for what, fix in sorted(messages.items(), key=lambda pair: pair[0].lower()):
            rows.append(f"### {_heading(what)}")
            rows += [f"Try: {_heading(fix)}."] if fix else []
    return "\n\n".join(rows) + "\n"


def _calls() -> Iterator[tuple[str, str, str]]:
    """Give (code, message, advice) of every place that makes an error."""
    for path in sorted(_SOURCE.rglob("*.py")):
        for node in ast.walk(ast.parse(path.read_text("utf-8"))):
            if not isinstance(node, ast.Call) or not isinstance(node.func, ast.Name) or not node.args:
                continue
            kind = getattr(kilotar.errors, node.func.id, None)
            if not (isinstance(kind, type) and issubclass(kind, kilotar.errors.KilotarError)):
                continue
            what = _words(node.args[0])
            fix = next((_words(one.value) for one in node.keywords if one.arg == "fix"), "")
            if re.search(r"[a-z]{2}", what.replace(_GAP, "")):
                yield kind.code, what, fix if fix != _GAP else ""


def _words(node: ast.expr) -> str:
    """Give a text of the source; what is computed is a gap."""
    if isinstance(node, ast.Constant) and isinstance(node.value, str):
        return node.value
    if isinstance(node, ast.JoinedStr):
        return "".join(_words(part) if isinstance(part, ast.Constant) else _GAP for part in node.values)
    return _GAP


def _heading(text: str) -> str:
    return re.sub(r"([<*_`\[\]])", r"\\\1", " ".join(text.split()))
