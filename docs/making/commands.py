"""The page of commands, from the command line itself: its names, flags, defaults and help.

Rules guarded: a flag stands on the page exactly when the program takes it.
"""

from __future__ import annotations

import dataclasses
import inspect
from collections.abc import Iterator
from typing import Any

from cyclopts import App, Argument

from kilotar.shell.cli import COMMANDS, build_app
from kilotar.shell.flags import Talk
from kilotar.shell.network import Network

from .markdown import MADE, cell, described, table

_SHARED = {"Flags of every command": Talk, "Flags of fetching": Network}


def commands_page() -> str:
    """Give docs/reference/commands.md."""
    app = build_app()
    rows = [
        "# Commands",
        MADE,
        "`kilotar COMMAND --help` says the same. Where a flag comes from when the command line does not say: "
        "[settings](settings.md). Exit codes: [errors](../errors.md).",
        table(["command", "does"], [[f"[`{name}`](#kilotar-{name})", cell(what)] for name, what in _commands(app)]),
    ]
    for name, what in _commands(app):
        rows += _command(app, name, what)
    for title, kind in _SHARED.items():
        shared = {field.name for field in dataclasses.fields(kind)}
        every = _arguments(app["get"])
        rows += [f"## {title}", _table([one for one in every if _field(one) in shared], {})]
    return "\n\n".join(rows) + "\n"


def _commands(app: App) -> Iterator[tuple[str, str]]:
    for where, what in COMMANDS:
        yield where.partition(":")[2], what


def _command(app: App, name: str, what: str) -> Iterator[str]:
    """Give the section of one command: summary, usage, its own flags, and which shared ones it takes."""
    arguments = _arguments(app[name])
    yield f"## kilotar {name}"
    yield what
    placed = [one for one in arguments if _is_placed(one)]
    words = " ".join(_placed_word(one) for one in placed)
    yield f"```text\nkilotar {name} {words}{' ' if words else ''}[OPTIONS]\n```"
    own, links = [], []
    for one in arguments:
        if not any(_field(one) in _names(kind) for kind in _SHARED.values()) or _shadowed(app, name, one):
            own.append(one)
    for title, kind in _SHARED.items():
        if all(_names_there(arguments, kind)):
            links.append(f"[{title[0].lower()}{title[1:]}](#{title.lower().replace(' ', '-')})")
    if own:
        yield _table(own, described(_function(app, name)))
    yield f"And: {', '.join(links)}." if links else ""


def _names(kind: type) -> set[str]:
    return {field.name for field in dataclasses.fields(kind)}


def _names_there(arguments: list[Argument], kind: type) -> Iterator[bool]:
    there = {_field(one) for one in arguments}
    return (name in there for name in _names(kind))


def _shadowed(app: App, name: str, one: Argument) -> bool:
    """Say whether a command has a flag of its own under the name of a shared one."""
    return _field(one) in inspect.signature(_function(app, name)).parameters


def _function(app: App, name: str) -> Any:
    return app[name].default_command


def _arguments(app: App) -> list[Argument]:
    return [one for one in app.assemble_argument_collection(parse_docstring=True) if one.names != ("*",) and one.parse]


def _field(one: Argument) -> str:
    return one.field_info.name


def _is_placed(one: Argument) -> bool:
    kinds = (inspect.Parameter.POSITIONAL_OR_KEYWORD, inspect.Parameter.VAR_POSITIONAL)
    return one.field_info.kind in kinds and len(one.keys) == 0


def _placed_word(one: Argument) -> str:
    word = _field(one).upper()
    many = one.field_info.kind is inspect.Parameter.VAR_POSITIONAL
    word += "..." if many else ""
    return word if one.required else f"[{word}]"


def _table(arguments: list[Argument], helps: dict[str, str]) -> str:
    return table(["flag", "", "meaning"], [_row(one, helps) for one in arguments])


def _row(one: Argument, helps: dict[str, str]) -> list[str]:
    names = [name for name in one.names if name not in one.negatives and name.startswith("-")]
    word = _field(one).upper() if _is_placed(one) else ""
    shown = ", ".join(f"`{name}`" for name in ([word] if word else []) + ([] if word else names))
    choices = one.get_choices() or ()
    kind = " ".join(f"`{choice}`" for choice in choices if choice) if choices else _kind(one)
    return [shown, kind, cell(helps.get(_field(one)) or one.parameter.help or "")]


def _kind(one: Argument) -> str:
    text = str(one.hint)
    if one.hint is bool or "bool" in text:
        return ""
    for word, said in (("Path", "PATH"), ("float", "NUMBER"), ("int", "NUMBER"), ("str", "TEXT")):
        if word in text:
            return said + ("..." if "tuple" in text else "")
    return ""
