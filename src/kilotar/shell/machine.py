"""Results for programs: one JSON object a command, with the schema's version and stable keys.

Rules guarded: the keys are the fields of the values in `model.report`, so they change with `SCHEMA` only; the text is
ASCII, so no name can steer a terminal or break a line.
"""

from __future__ import annotations

import dataclasses
import json
from collections.abc import Mapping

from kilotar.errors import KilotarError
from kilotar.events import SCHEMA
from kilotar.model.edition import Edition
from kilotar.model.report import Report

__all__ = ["as_object", "edition_object", "error_object", "to_text"]


def to_text(command: str, exit_code: int, facts: Mapping[str, object]) -> str:
    """Give the object of a command as one line of JSON."""
    return json.dumps({"schema": SCHEMA, "command": command, "exit_code": exit_code, **facts})


def as_object(value: object) -> dict[str, object]:
    """Give a value of `model.report` as its fields; a report gets the number of its problems beside them."""
    if not dataclasses.is_dataclass(value) or isinstance(value, type):
        raise TypeError(f"{type(value).__name__} has no JSON form")
    facts = dataclasses.asdict(value)
    return {**facts, "problems": len(value.problems)} if isinstance(value, Report) else facts


def edition_object(edition: Edition) -> dict[str, object]:
    """Give what `kilotar archives` shows."""
    archives = [dataclasses.asdict(archive) for archive in edition.archives]
    return {"edition": edition.name, "terms": edition.terms, "archives": archives}


def error_object(error: KilotarError) -> dict[str, object]:
    """Give an error as what a program can act on."""
    return {"error": {"code": error.code, "what": error.what, "seen": error.seen, "fix": error.fix}}
