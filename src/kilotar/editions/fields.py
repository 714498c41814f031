"""A table of TOML read field by field, so that a wrong, missing or unknown field is named.

Rules guarded: nothing is converted or guessed (`1` is no text, `true` is no number); a field nobody asked for is
refused.
"""

from __future__ import annotations

import difflib
import re
from collections.abc import Mapping
from typing import NoReturn

from kilotar.errors import EditionRefused

__all__ = ["Fields", "refuse"]

_MAX_TEXT_CHARS = 4096


def refuse(where: str, why: str, seen: object = "") -> NoReturn:
    """Raise EditionRefused for a field or line."""
    raise EditionRefused(
        f"{where}: {why}",
        seen=repr(seen)[:200] if seen != "" else "",
        fix="correct the edition file; the built-in one shows the form",
    )


class Fields:
    """One table and where it stands ("tiny.toml, archives[2]")."""

    def __init__(self, table: object, where: str) -> None:
        if not isinstance(table, Mapping):
            refuse(where, "must be a table", table)
        self._table: Mapping[str, object] = table
        self._asked: set[str] = set()
        self.where = where

    def has(self, name: str) -> bool:
        return name in self._table

    def at(self, name: str) -> str:
        return f"{self.where}, field {name}"

    def value(self, name: str) -> object:
        """Give a field of any kind. Raises: EditionRefused where it is missing."""
        self._asked.add(name)
        if name not in self._table:
            refuse(self.at(name), "is missing")
        return self._table[name]

    def text(self, name: str, default: str | None = None, *, pattern: str = "") -> str:
        """Give a line of text; it matches `pattern` where it is not the default."""
        if default is not None and not self.has(name):
            return default
        value = self.value(name)
        if not isinstance(value, str) or not value.isprintable() or len(value) > _MAX_TEXT_CHARS:
            refuse(self.at(name), f"must be one line of text, at most {_MAX_TEXT_CHARS} characters", value)
        if pattern and not re.fullmatch(pattern, value, re.ASCII):
            refuse(self.at(name), f"does not match {pattern}", value)
        return value

    def number(self, name: str, *, least: int = 0) -> int:
        """Give a whole number of at least `least` and less than 2^63."""
        value = self.value(name)
        if type(value) is not int or not least <= value < 1 << 63:
            refuse(self.at(name), f"must be a whole number from {least}", value)
        return value

    def flag(self, name: str) -> bool:
        """Give true or false; false where the field is missing."""
        if not self.has(name):
            return False
        value = self.value(name)
        if not isinstance(value, bool):
            refuse(self.at(name), "must be true or false", value)
        return value

    def rows(self, name: str) -> list[object]:
        """Give a list; an empty one where the field is missing."""
        if not self.has(name):
            return []
        value = self.value(name)
        if not isinstance(value, list):
            refuse(self.at(name), "must be a list", value)
        return value

    def texts(self, name: str) -> tuple[str, ...]:
        """Give a list of lines of text."""
        rows = self.rows(name)
        for row in rows:
            if not isinstance(row, str) or not row.isprintable() or len(row) > _MAX_TEXT_CHARS:
                refuse(self.at(name), "must be a list of lines of text", row)
        return tuple(str(row) for row in rows)

    def table(self, name: str) -> Fields:
        """Give a table; an empty one where the field is missing."""
        return Fields(self.value(name) if self.has(name) else {}, self.at(name))

    def tables(self, name: str) -> list[Fields]:
        """Give a list of tables; an empty one where the field is missing."""
        return [Fields(row, f"{self.where}, {name}[{at}]") for at, row in enumerate(self.rows(name))]

    def end(self) -> None:
        """Refuse every field that was not asked for."""
        for name in self._table:
            if name not in self._asked:
                near = difflib.get_close_matches(name, sorted(self._asked), n=1)
                refuse(self.at(name), f"is not known; did you mean {near[0]}?" if near else "is not known")
