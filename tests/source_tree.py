"""The source of kilotar as syntax trees: what the tests of the house rules read."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache
from pathlib import Path

SOURCE = Path(__file__).resolve().parent.parent / "src" / "kilotar"


@dataclass(frozen=True)
class Module:
    """One file: path below src/kilotar, "/"-separated, and its tree."""

    path: str
    tree: ast.Module
    text: str

    @property
    def package(self) -> str:
        """Give the first name of the path: "parse" for parse/tar.py, "errors" for errors.py."""
        return self.path.split("/")[0].removesuffix(".py")


@dataclass(frozen=True)
class Import:
    """An import of one module or name: "kilotar.parse.tar", "os"; `is_late`: in a function, or for types only."""

    line: int
    name: str
    is_late: bool

    @property
    def top(self) -> str:
        return self.name.split(".")[0]


def parse_module(path: str, text: str) -> Module:
    return Module(path, ast.parse(text), text)


@cache
def modules() -> tuple[Module, ...]:
    """Give every module of the package, sorted by path."""
    files = sorted(SOURCE.rglob("*.py"))
    return tuple(parse_module(file.relative_to(SOURCE).as_posix(), file.read_text("utf-8")) for file in files)


def imports(module: Module) -> Iterator[Import]:
    """Give every import, those inside functions and under TYPE_CHECKING too."""
    late = {id(node) for delayed in _delayed(module.tree) for node in ast.walk(delayed)}
    for node in ast.walk(module.tree):
        is_late = id(node) in late
        if isinstance(node, ast.Import):
            yield from (Import(node.lineno, alias.name, is_late) for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            base = _absolute(module, node)
            yield from (Import(node.lineno, f"{base}.{alias.name}", is_late) for alias in node.names)


def calls(module: Module) -> Iterator[tuple[int, str, ast.Call]]:
    """Give line, dotted name and node of every call of a plain or dotted name."""
    for node in ast.walk(module.tree):
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Name | ast.Attribute):
            yield node.lineno, ast.unparse(node.func), node


def constants(module: Module) -> Iterator[ast.Constant]:
    """Give every literal that is no docstring and no other bare string."""
    bare = {id(node.value) for node in ast.walk(module.tree) if isinstance(node, ast.Expr)}
    yield from (n for n in ast.walk(module.tree) if isinstance(n, ast.Constant) and id(n) not in bare)


def _delayed(tree: ast.AST) -> Iterator[ast.AST]:
    for node in ast.walk(tree):
        is_function = isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef)
        if is_function or (isinstance(node, ast.If) and ast.unparse(node.test) == "TYPE_CHECKING"):
            yield node


def _absolute(module: Module, node: ast.ImportFrom) -> str:
    if not node.level:
        return node.module or ""
    parents = ["kilotar", *module.path.split("/")[:-1]]
    return ".".join([*parents[: len(parents) - node.level + 1], *([node.module] if node.module else [])])
