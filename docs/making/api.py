"""The page of the library, from its signatures and docstrings.

Rules guarded: every public name of `kilotar` is on the page, and no other.
"""

from __future__ import annotations

import ast
import dataclasses
import inspect
import re
import textwrap
from collections.abc import Iterator
from typing import Any

import kilotar
from kilotar.model.sample import Box, Sample
from kilotar.work.dataset import Dataset, Image
from kilotar.work.request import Fetching, Request

from .markdown import MADE, cell, described, flat, opening, table

_KINDS = (Dataset, Image, Sample, Box)


def api_page() -> str:
    """Give docs/reference/python.md."""
    rows = [
        "# The library",
        MADE,
        "```python\nimport kilotar\n```",
        "These names are public; the command line uses nothing else. Errors are `kilotar.errors.KilotarError`; their "
        "classes, codes and\nmessages are on the page of [errors](../errors.md). Events, which `on_event` gets, and "
        "reports are on that of [JSON](json.md).",
    ]
    for name in sorted(kilotar.__all__):
        rows += _function(name) if inspect.isfunction(getattr(kilotar, name)) else []
    rows += ["## Keywords of prepare, export, plan, why, index and get", *_dataclass(Request, hidden=("root",))]
    rows += ["## Fetching", *_dataclass(Fetching)]
    for kind in _KINDS:
        rows += _class(kind)
    return "\n\n".join(rows) + "\n"


def _function(name: str) -> Iterator[str]:
    function = getattr(kilotar, name)
    yield f"## {name}"
    yield f"```python\n{_signature(name, function)}\n```"
    yield from _words(function)


def _signature(name: str, function: Any) -> str:
    """Give a signature as it stands in the source, an argument a line where it is long."""
    head = ast.parse(textwrap.dedent(inspect.getsource(function))).body[0]
    assert isinstance(head, ast.FunctionDef) and head.returns
    arguments, end = ast.unparse(head.args), f") -> {ast.unparse(head.returns)}"
    if len(arguments) + len(end) < 90:
        return f"kilotar.{name}({arguments}{end}"
    lines = "".join(f"    {one},\n" for one in re.split(r", (?=\*?\*?\w+: |\*,)", arguments))
    return f"kilotar.{name}(\n{lines.replace('*,,', '*,')}{end}"


def _words(thing: Any) -> Iterator[str]:
    yield flat(opening(thing))
    if said := described(thing):
        yield table(["argument", "meaning"], [[f"`{name}`", cell(text)] for name, text in said.items()])
    for line in (inspect.getdoc(thing) or "").splitlines():
        if line.startswith(("Returns:", "Raises:")):
            yield flat(line)


def _dataclass(kind: Any, hidden: tuple[str, ...] = ()) -> Iterator[str]:
    said = described(kind)
    yield flat(opening(kind))
    rows = []
    for field in dataclasses.fields(kind):
        if field.name not in hidden:
            rows.append([f"`{field.name}`", f"`{field.type}`".replace("|", "\\|"), cell(said.get(field.name, ""))])
    yield table(["name", "type", "meaning"], rows)


def _class(kind: Any) -> Iterator[str]:
    yield f"## {kind.__name__}"
    yield flat(opening(kind))
    if said := described(kind):
        yield table(["name", "meaning"], [[f"`{name}`", cell(text)] for name, text in said.items()])
    rows = []
    for name, thing in vars(kind).items():
        if name.startswith("_") and name not in {"__len__", "__getitem__"}:
            continue
        if isinstance(thing, property):
            rows.append([f"`.{name}`", cell(opening(thing.fget))])
        elif inspect.isfunction(thing) and inspect.getdoc(thing):
            given = ", ".join(part for part in inspect.signature(thing).parameters if part != "self")
            rows.append([f"`.{name}({given})`" if name[0] != "_" else f"`{name}`", cell(opening(thing))])
    if rows:
        yield table(["", ""], rows)
