"""What the package imports is declared, and what is declared for users is imported."""

from __future__ import annotations

import ast
import re
import sys
import tomllib
from pathlib import Path

REPOSITORY = Path(__file__).resolve().parent.parent
PROJECT = tomllib.loads((REPOSITORY / "pyproject.toml").read_text("utf-8"))["project"]
NOT_FOR_USERS = {"dev", "interop", "standard"}  # the last is made of other extras
DISTRIBUTIONS = {"PIL": "pillow", "lance": "pylance"}


def imported() -> set[str]:
    """Give the distributions that some module imports, at its head or later."""
    found: set[str] = set()
    for path in (REPOSITORY / "src" / "kilotar").rglob("*.py"):
        for node in ast.walk(ast.parse(path.read_text("utf-8"))):
            if isinstance(node, ast.Import):
                found |= {name.name.partition(".")[0] for name in node.names}
            elif isinstance(node, ast.ImportFrom) and node.module and not node.level:
                found.add(node.module.partition(".")[0])
    found -= {*sys.stdlib_module_names, "kilotar", "_typeshed"}
    return {DISTRIBUTIONS.get(name, name).replace("_", "-") for name in found}


def declared(lines: list[str]) -> set[str]:
    return {re.split(r"[^A-Za-z0-9_.-]", line, maxsplit=1)[0].lower().replace("_", "-") for line in lines}


def test_what_is_imported_is_declared() -> None:
    extras = [line for lines in PROJECT["optional-dependencies"].values() for line in lines]

    assert imported() - declared(PROJECT["dependencies"]) - declared(extras) == set()


def test_what_everybody_must_install_is_used() -> None:
    assert declared(PROJECT["dependencies"]) - imported() == set()


def test_what_an_extra_installs_is_used() -> None:
    extras = {name: lines for name, lines in PROJECT["optional-dependencies"].items() if name not in NOT_FOR_USERS}

    assert {name: left for name, lines in extras.items() if (left := declared(lines) - imported())} == {}
