"""The floors: a module imports only what stands below it.

Rules guarded: ADR 0004. The table is the whole architecture; a package that is not in it fails the test.
"""

from __future__ import annotations

import ast
import sys
from collections.abc import Iterator

import pytest

from tests.source_tree import Import, Module, imports, modules, parse_module

FLOORS = {
    "errors": 0,
    "events": 0,
    "model": 0,
    "editions": 0,
    "parse": 1,
    "plan": 2,
    "store": 3,
    "sources": 3,
    "sinks": 3,
    "exec": 3,
    "pixels": 3,
    "work": 4,
    "api": 4.5,  # the public functions: built of the verbs
    "__init__": 4.6,  # their names: all that a shell may know of them
    "shell": 5,
    "__main__": 6,
}
EDGES = {name for name, floor in FLOORS.items() if floor == 3}
SHELL_MAY_KNOW = {"__init__", "errors", "events", "model", "editions", "shell"}

# Who alone may know a package: a folder or file below src/kilotar.
ONLY_IN = {
    "multiprocessing": "exec/",
    "concurrent": "exec/",
    "libtorrent": "sources/torrent/",
    "rich": "shell/",
    "cyclopts": "shell/",
}
# What touches disk, network or processes: not for the pure floors.
IMPURE = {"os", "io", "shutil", "tempfile", "glob", "mmap", "socket", "urllib", "http", "subprocess", "threading"}
PURE_NAMES = {"io.BytesIO", "os.PathLike"} | {
    f"urllib.parse.{name}" for name in ("SplitResult", "parse_qsl", "quote", "urljoin", "urlsplit")
}


def offences(module: Module) -> Iterator[str]:
    """Give a line for every import of a module that breaks a law of the floors."""
    if module.package not in FLOORS:
        yield f"{module.path}: the package {module.package} has no floor"
        return
    for found in imports(module):
        for law in (_above, _sideways, _foreign, _not_here, _impure, _inside):
            if reason := law(module, found):
                yield f"{module.path}:{found.line}: {found.name}: {reason}"


def _target(found: Import) -> str:
    """Give the package of ours that an import names, "" where it names none."""
    parts = found.name.split(".")
    if parts[0] != "kilotar":
        return ""
    return parts[1] if len(parts) > 1 and parts[1] in FLOORS else "__init__"


def _above(module: Module, found: Import) -> str:
    target = _target(found)
    if found.name == "kilotar.__version__":  # a value; __init__ sets it before its imports
        return ""
    if target and FLOORS[target] > FLOORS[module.package]:
        return f"floor {FLOORS[module.package]} imports floor {FLOORS[target]}"
    return ""


def _sideways(module: Module, found: Import) -> str:
    target = _target(found)
    if {module.package, target} <= EDGES and target != module.package:
        return f"{module.package} imports {target}: edges do not know one another"
    return ""


def _foreign(module: Module, found: Import) -> str:
    if FLOORS[module.package] <= 2 and found.top != "kilotar" and found.top not in sys.stdlib_module_names:
        return "floors 0 to 2 use the standard library alone"
    return ""


def _not_here(module: Module, found: Import) -> str:
    home = ONLY_IN.get(found.top, "")
    return f"only {home} may know it" if home and not module.path.startswith(home) else ""


def _impure(module: Module, found: Import) -> str:
    if module.package not in {"parse", "plan"} or found.name in PURE_NAMES:
        return ""
    if found.top in IMPURE or found.name in {"pathlib", "pathlib.Path"}:
        return "parse/ and plan/ do no I/O"
    return ""


def _inside(module: Module, found: Import) -> str:
    target = _target(found)
    if module.package == "shell" and target and target not in SHELL_MAY_KNOW:
        return "shells import public names only: kilotar, errors, events, model, editions"
    return ""


@pytest.mark.parametrize("module", modules(), ids=lambda module: module.path)
def test_a_module_imports_only_what_stands_below_it(module: Module) -> None:
    assert list(offences(module)) == []


@pytest.mark.parametrize("module", [m for m in modules() if m.package in {"parse", "plan"}], ids=lambda m: m.path)
def test_pure_floors_open_no_file(module: Module) -> None:
    opened = [n.lineno for n in ast.walk(module.tree) if isinstance(n, ast.Name) and n.id in {"open", "input"}]

    assert opened == []


def test_shells_take_public_names_only() -> None:
    public = _all_of(next(module for module in modules() if module.path == "__init__.py"))

    for module in (module for module in modules() if module.package == "shell"):
        taken = {i.name.split(".")[1] for i in imports(module) if _target(i) == "__init__" and "." in i.name}
        assert taken <= public, module.path


@pytest.mark.parametrize(
    ("path", "text", "reason"),
    [
        ("model/a.py", "from kilotar.parse.tar import walk", "floor 0 imports floor 1"),
        ("plan/a.py", "def f():\n    import kilotar.store.index", "floor 2 imports floor 3"),
        ("work/a.py", "import kilotar", "floor 4 imports floor 4.6"),
        ("work/a.py", "from kilotar import shell", "floor 4 imports floor 5"),
        ("sinks/a.py", "from ..store import files", "edges do not know one another"),
        ("parse/a.py", "import mat4py", "standard library alone"),
        ("parse/a.py", "from pathlib import Path", "do no I/O"),
        ("plan/a.py", "import os", "do no I/O"),
        ("work/a.py", "from concurrent.futures import ThreadPoolExecutor", "only exec/ may know it"),
        ("store/a.py", "import rich", "only shell/ may know it"),
        ("shell/a.py", "from kilotar.work.prepare import prepare", "public names only"),
        ("shell/a.py", "from kilotar.api.outputs import prepare", "public names only"),
        ("gadgets/a.py", "", "has no floor"),
    ],
)
def test_each_law_is_noticed_when_it_is_broken(path: str, text: str, reason: str) -> None:
    assert any(reason in line for line in offences(parse_module(path, text)))


def test_what_the_laws_allow_is_let_through() -> None:
    text = "import kilotar\nfrom kilotar import errors, prepare\nfrom kilotar.model.report import Report\nimport rich"

    assert list(offences(parse_module("shell/a.py", text))) == []
    assert list(offences(parse_module("parse/a.py", "from pathlib import PurePosixPath\nfrom . import tar"))) == []


def _all_of(module: Module) -> set[str]:
    """Give what `__all__` lists, with the version."""
    for node in module.tree.body:
        if isinstance(node, ast.Assign) and ast.unparse(node.targets[0]) == "__all__":
            return {*ast.literal_eval(node.value), "__version__"}
    return {"__version__"}
