"""What every script is: short, alone, of the standard library, for Python 3.6, with help and exit codes."""

from __future__ import annotations

import ast
import sys
from pathlib import Path

import pytest

from tests.scripts.conftest import SCRIPTS, run_script

EACH = sorted(SCRIPTS.glob("*.py"))
NEWER = {  # than Python 3.6, and easily used by mistake
    *("capture_output", "removeprefix", "removesuffix", "missing_ok", "dirs_exist_ok", "is_relative_to", "with_stem"),
    *("readlink", "hardlink_to", "fromisoformat", "time_ns", "batched", "pairwise", "file_digest", "cached_property"),
    *("dataclasses", "importlib.resources", "prod", "isqrt", "randbytes", "breakpoint", "bit_count", "data_filter"),
}


def each(function: object) -> object:
    return pytest.mark.parametrize("script", EACH, ids=lambda path: path.name)(function)  # type: ignore[operator]


def test_there_is_one_script_a_step() -> None:
    assert [path.name[:3] for path in EACH] == [f"{number:02}_" for number in range(1, 9)]


@each
def test_a_script_is_short(script: Path) -> None:
    assert len(script.read_text("utf-8").splitlines()) < 150


@each
def test_a_script_is_understood_by_python_3_6(script: Path) -> None:
    tree = ast.parse(script.read_text("utf-8"), feature_version=(3, 6))

    used = {node.attr for node in ast.walk(tree) if isinstance(node, ast.Attribute)}
    used |= {node.arg for node in ast.walk(tree) if isinstance(node, ast.keyword) and node.arg}
    used |= {node.id for node in ast.walk(tree) if isinstance(node, ast.Name)}
    assert used & NEWER == set()


@each
def test_a_script_imports_the_standard_library_alone(script: Path) -> None:
    tree = ast.parse(script.read_text("utf-8"))
    found = {name.name for node in ast.walk(tree) if isinstance(node, ast.Import) for name in node.names}
    found |= {str(node.module) for node in ast.walk(tree) if isinstance(node, ast.ImportFrom)}

    assert {name.partition(".")[0] for name in found} - set(sys.stdlib_module_names) == set()
    assert not found & {"pickle", "shelve", "subprocess"}


@each
def test_a_script_never_lets_an_archive_say_where_to_write(script: Path) -> None:
    text = script.read_text("utf-8")

    assert "extractall(" not in text and ".extract(" not in text and "unpack_archive" not in text


@each
def test_a_script_says_why_how_and_how_one_knows_that_it_worked(script: Path) -> None:
    words = ast.get_docstring(ast.parse(script.read_text("utf-8"))) or ""

    assert words.startswith(f"Step {int(script.name[:2])}: ")
    assert "\nWhy: " in words
    assert f"\n    python3 {script.name} " in words
    assert "It worked if" in words
    assert "\nExit codes: 0 " in words


@each
def test_a_script_has_help(script: Path) -> None:
    ended = run_script(int(script.name[:2]), "--help")

    assert ended.returncode == 0
    assert "Why: " in ended.stdout


@each
def test_a_script_without_words_is_a_usage_error(script: Path) -> None:
    ended = run_script(int(script.name[:2]))

    assert ended.returncode == 2
    assert ended.stderr.startswith("usage: ")


@each
def test_what_is_not_there_is_told_without_a_traceback(script: Path, tmp_path: Path) -> None:
    number, gone = int(script.name[:2]), tmp_path / "gone"
    words = {
        1: [gone],
        2: [gone, gone],
        3: [gone, tmp_path / "out"],
        4: [gone, tmp_path / "out"],
        5: [gone, gone, tmp_path / "out"],
        6: [gone, gone, tmp_path / "out"],
        7: [gone, gone],
        8: [gone, tmp_path / "out", "--train", gone],
    }[number]

    ended = run_script(number, *words)

    assert ended.returncode == 2
    assert "No such file" in ended.stderr and "Traceback" not in ended.stderr
    assert list(tmp_path.rglob("*")) == []
