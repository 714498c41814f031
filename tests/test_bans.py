"""What the source never does: archives are hostile until proved, and only shells talk.

Rules guarded: no code out of data (pickle, eval), no extraction by names out of an archive (tarfile), no heavy package
on the way in, no swallowed cause, no output outside shells.
"""

from __future__ import annotations

import ast
import re
import sys
from collections.abc import Callable, Iterator

import pytest

from tests.source_tree import Module, calls, imports, modules, parse_module

TARFILE_MAY_BE_IN = {"editions/tiny.py"}  # the factory of the tiny edition builds real tars
NEVER = {"pickle", "marshal", "shelve", "dill", "scipy", "pandas", "tensorflow"}
ONLY_INSIDE_FUNCTIONS = {"numpy", "torch", "torchvision", "simplejpeg", "cykooz_resizer", "pyarrow", "lmdb", "h5py"}
TORCH_VIEW = "work/torch_view.py"  # whose import is the import of torch, so it is itself imported late
NEVER_CALLED = {"eval", "exec", "compile", "__import__", "os.system", "os.popen", "shutil.unpack_archive"}
EMPTY_NAMES = {"utils", "util", "helpers", "helper", "misc", "common", "manager"}


def banned_imports(module: Module) -> Iterator[str]:
    for found in imports(module):
        if found.top == "tarfile" and module.path not in TARFILE_MAY_BE_IN:
            yield f"{module.path}:{found.line}: tarfile has rules of its own; parse/tar.py reads archives"
        if found.top in NEVER:
            yield f"{module.path}:{found.line}: {found.top} is in no path of ours"
        is_heavy = found.top in ONLY_INSIDE_FUNCTIONS or found.name.startswith("kilotar.work.torch_view")
        if is_heavy and not found.is_late and module.path != TORCH_VIEW:
            yield f"{module.path}:{found.line}: {found.name} is imported where it is used, not at the top"


def imports_of_formats(module: Module) -> Iterator[str]:
    """A format must import with the standard library alone, or to list the formats would need all of their packages."""
    if module.package != "sinks":
        return
    for found in imports(module):
        if not found.is_late and found.top not in {"kilotar", *sys.stdlib_module_names}:
            yield f"{module.path}:{found.line}: {found.top} at the top of a format"


def banned_calls(module: Module) -> Iterator[str]:
    for line, name, call in calls(module):
        words = {word.arg: word.value for word in call.keywords}
        if name in NEVER_CALLED:
            yield f"{module.path}:{line}: {name}()"
        for word in ("shell", "allow_pickle"):
            if isinstance(value := words.get(word), ast.Constant) and value.value is True:
                yield f"{module.path}:{line}: {name}({word}=True)"


def output_outside_shells(module: Module) -> Iterator[str]:
    if module.package in {"shell", "__main__"}:
        return
    for line, name, _ in calls(module):
        if name in {"print", "input"} or name.startswith(("sys.stdout", "sys.stderr", "logging.basicConfig")):
            yield f"{module.path}:{line}: {name}(): only shells talk; emit an event"


def lenient_decoding(module: Module) -> Iterator[str]:
    for node in ast.walk(module.tree):
        if isinstance(node, ast.Attribute | ast.Name) and "LOAD_TRUNCATED_IMAGES" in ast.unparse(node):
            yield f"{module.path}:{node.lineno}: a truncated image must be found, not mended in silence"


def lost_causes(module: Module) -> Iterator[str]:
    """No `from None`, no bare except; a broad one raises again, or has its reason in a comment on its line."""
    lines = module.text.splitlines()
    for node in ast.walk(module.tree):
        if isinstance(node, ast.Raise) and isinstance(node.cause, ast.Constant) and node.cause.value is None:
            yield f"{module.path}:{node.lineno}: from None hides the cause"
        if isinstance(node, ast.ExceptHandler):
            caught = ast.unparse(node.type) if node.type else ""
            is_broad = bool(re.search(r"\b(Exception|BaseException)\b", caught))
            raises_again = ast.unparse(node.body[-1]) == "raise"
            comment = re.sub(r"noqa(: \w+)?", "", lines[node.lineno - 1].partition("#")[2])
            if not caught or (is_broad and not raises_again and not re.search(r"\w", comment)):
                yield f"{module.path}:{node.lineno}: except {caught or 'everything'} without a reason"


def empty_names(module: Module) -> Iterator[str]:
    if EMPTY_NAMES & {part.removesuffix(".py").strip("_") for part in module.path.split("/")}:
        yield f"{module.path}: a module is named for its noun or verb"


RULES: tuple[Callable[[Module], Iterator[str]], ...] = (
    banned_imports,
    imports_of_formats,
    banned_calls,
    output_outside_shells,
    lenient_decoding,
    lost_causes,
    empty_names,
)


@pytest.mark.parametrize("rule", RULES, ids=lambda rule: rule.__name__)
def test_the_source_keeps_the_rule(rule: Callable[[Module], Iterator[str]]) -> None:
    assert [line for module in modules() for line in rule(module)] == []


@pytest.mark.parametrize(
    ("rule", "path", "text"),
    [
        (banned_imports, "store/a.py", "import tarfile"),
        (banned_imports, "store/a.py", "def f():\n    from pickle import loads"),
        (banned_imports, "sinks/a.py", "import numpy as np"),
        (banned_imports, "work/a.py", "import scipy.io"),
        (banned_imports, "work/a.py", "from kilotar.work.torch_view import view"),
        (imports_of_formats, "sinks/a.py", "import msgspec"),
        (banned_calls, "work/a.py", "eval('1')"),
        (banned_calls, "work/a.py", "subprocess.run('ls', shell=True)"),
        (banned_calls, "work/a.py", "np.load(path, allow_pickle=True)"),
        (output_outside_shells, "work/a.py", "print('done')"),
        (output_outside_shells, "store/a.py", "sys.stderr.write('x')"),
        (lenient_decoding, "pixels/check.py", "ImageFile.LOAD_TRUNCATED_IMAGES = True"),
        (lost_causes, "work/a.py", "try:\n    f()\nexcept OSError:\n    raise ValueError from None"),
        (lost_causes, "work/a.py", "try:\n    f()\nexcept:  # any\n    pass"),
        (lost_causes, "work/a.py", "try:\n    f()\nexcept (OSError, Exception):\n    pass"),
        (lost_causes, "work/a.py", "try:\n    f()\nexcept Exception:  # noqa: BLE001\n    pass"),
        (empty_names, "store/utils.py", ""),
    ],
)
def test_each_rule_is_noticed_when_it_is_broken(rule: Callable[[Module], Iterator[str]], path: str, text: str) -> None:
    assert list(rule(parse_module(path, text)))


@pytest.mark.parametrize(
    ("rule", "path", "text"),
    [
        (banned_imports, "editions/tiny.py", "import tarfile"),
        (banned_imports, "sinks/a.py", "def read():\n    import numpy"),
        (output_outside_shells, "shell/a.py", "print('done')"),
        (
            lost_causes,
            "work/a.py",
            "try:\n    f()\nexcept Exception:  # noqa: BLE001 - a worker may die of anything\n    pass",
        ),
    ],
)
def test_what_the_rules_allow_is_let_through(rule: Callable[[Module], Iterator[str]], path: str, text: str) -> None:
    assert list(rule(parse_module(path, text))) == []
