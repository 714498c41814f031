"""The page of what programs read: results of `--json`, lines of `--events`, files under a root.

Rules guarded: fields and types are those of the values in the source; the schemas are made by msgspec from the same.
"""

from __future__ import annotations

import dataclasses
import inspect
import json
import re
from typing import Any, get_args, get_type_hints

import msgspec

from kilotar import events
from kilotar.model import checkup, report
from kilotar.model.edition import Archive, Synset
from kilotar.store.manifest import Manifest

from .markdown import MADE, cell, described, flat, opening, table

_ANSWERS: tuple[tuple[str, str, Any], ...] = (
    ("prepare, export, get, index, adopt, repair, verify, seed", "Report", report.Report),
    ("plan, prepare --dry-run", "Forecast", report.Forecast),
    ("status", "Status", report.Status),
    ("why", "WhyRow, under `steps`", report.WhyRow),
    ("doctor", "Checkup", checkup.Checkup),
    ("archives", "Archive, under `archives`", Archive),
    ("classes", "Synset, under `classes`", Synset),
)


def schemas_page() -> str:
    """Give docs/reference/json.md."""
    rows = [
        "# JSON and events",
        MADE,
        "`--json` prints one object on stdout: `schema` (the version of all on this page, now "
        f"{events.SCHEMA}), `command`, `exit_code`, and the fields\nof the value below. A command that failed has "
        "`error` with `code`, `what`, `seen` and `fix`. `--events FILE` writes one object a line; `-` is\nstdout. "
        "Fields may be added within a version; none changes its meaning.",
        table(["command", "value"], [[f"`{command}`", _linked(name)] for command, name, _ in _ANSWERS]),
        "JSON Schemas: [report.schema.json](report.schema.json), [event.schema.json](event.schema.json).",
        "## Results",
    ]
    for kind in _with_parts([kind for _, _, kind in _ANSWERS]):
        rows += _value(kind)
    rows += ["## Events", "`event` is the name; the fields stand beside it."]
    for kind in get_args(events.Event):
        rows += _value(kind)
    where = "`ROOT/.kilotar/exports/<format>/manifest.json`."
    rows += ["## Manifest", f"{where} {flat(opening(Manifest))}", _fields(Manifest)]
    return "\n\n".join(rows) + "\n"


def report_schema() -> str:
    """Give docs/reference/report.schema.json."""
    return _schema(report.Report)


def event_schema() -> str:
    """Give docs/reference/event.schema.json: one object a line of `--events`."""
    kinds = get_args(events.Event)
    (_, parts) = msgspec.json.schema_components(kinds, ref_template="#/$defs/{name}")
    for kind in kinds:
        parts[kind.__name__]["properties"] = {"event": {"const": kind.__name__}, **parts[kind.__name__]["properties"]}
        parts[kind.__name__]["required"] = ["event", *parts[kind.__name__].get("required", [])]
    whole = {"anyOf": [{"$ref": f"#/$defs/{kind.__name__}"} for kind in kinds], "$defs": parts}
    return json.dumps(whole, indent=1) + "\n"


def _schema(kind: Any) -> str:
    return json.dumps(msgspec.json.schema(kind), indent=1) + "\n"


def _linked(name: str) -> str:
    kind, comma, rest = name.partition(",")
    return f"[{kind}](#{kind.lower()}){comma}{rest}"


def _value(kind: Any) -> list[str]:
    return [f"### {kind.__name__}", flat(opening(kind)), _fields(kind)]


def _fields(kind: Any) -> str:
    said, hints = described(kind), get_type_hints(kind)
    names = [name for name in hints if not name.startswith("_")]
    rows = [[f"`{name}`", _type(hints[name]), cell(said.get(name, ""))] for name in names]
    return table(["field", "type", "meaning"], rows)


def _type(hint: Any) -> str:
    """Give a type as its JSON has it."""
    text = inspect.formatannotation(hint)
    text = re.sub(r"(?:\w+\.)+(\w+)", r"\1", text)
    many = re.fullmatch(r"tuple\[(.+), \.\.\.\]", text)
    return f"list of {many[1]}" if many else text.replace("|", "or")


def _with_parts(kinds: list[Any]) -> list[Any]:
    """Give values and the values that they are made of, each once, in the order they are met."""
    found: list[Any] = []
    while kinds:
        kind = kinds.pop(0)
        if kind in found or not dataclasses.is_dataclass(kind):
            continue
        found.append(kind)
        for hint in get_type_hints(kind).values():
            kinds += [part for part in (hint, *get_args(hint)) if isinstance(part, type)]
    return found
