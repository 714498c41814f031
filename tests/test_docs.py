"""The pages of docs/ say what the source says."""

from __future__ import annotations

import ast
import importlib.util
import re
from pathlib import Path
from types import ModuleType

import pytest

REPOSITORY = Path(__file__).resolve().parent.parent


def load_generator() -> ModuleType:
    spec = importlib.util.spec_from_file_location("generate", REPOSITORY / "docs" / "generate.py")
    assert spec and spec.loader
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


generate = load_generator()


@pytest.mark.parametrize("name", sorted(generate.PAGES))
def test_a_generated_page_is_up_to_date(name: str) -> None:
    assert (REPOSITORY / "docs" / name).read_text("utf-8") == generate.PAGES[name](), "run: make docs"


def test_every_code_has_advice_and_every_advice_has_its_code() -> None:
    codes = [kind.code for kind in generate.error_classes()]

    assert sorted(generate.ADVICE) == sorted(codes)
    assert len(codes) == len(set(codes))
    assert {kind.exit_code for kind in generate.error_classes()} <= set(generate.EXIT_CODES)


def test_the_tree_in_the_docstring_of_errors_is_the_tree() -> None:
    import kilotar.errors

    drawn = re.findall(r"(\w+)\s+(E-\w+)\s+(\d+)", kilotar.errors.__doc__ or "")

    assert drawn == [(kind.__name__, kind.code, str(kind.exit_code)) for kind in generate.error_classes()]


def pages() -> list[Path]:
    return sorted({*REPOSITORY.glob("*.md"), *REPOSITORY.glob("docs/**/*.md"), *REPOSITORY.glob("changes/*.md")})


@pytest.mark.parametrize("page", pages(), ids=lambda page: page.relative_to(REPOSITORY).as_posix())
def test_links_between_pages_lead_somewhere(page: Path) -> None:
    targets = re.findall(r"\]\((?!https?:|#)([^)#\s]+)", page.read_text("utf-8"))

    assert [target for target in targets if not (page.parent / target).exists()] == []


def kinds_of_trouble() -> set[str]:
    """Give the words that stand first in a `Trouble`, or that are chosen into a name `kind` beside one."""
    found: set[str] = set()
    for path in (REPOSITORY / "src" / "kilotar").rglob("*.py"):
        text = path.read_text("utf-8")
        if "Trouble(" not in text:
            continue
        for node in ast.walk(ast.parse(text)):
            chosen: ast.AST | None = None
            if isinstance(node, ast.Call) and getattr(node.func, "id", "") == "Trouble" and node.args:
                chosen = node.args[0]
            elif isinstance(node, ast.Assign) and getattr(node.targets[0], "id", "") == "kind":
                chosen = node.value
            words = (leaf.value for leaf in ast.walk(chosen) if isinstance(leaf, ast.Constant)) if chosen else ()
            found |= {word for word in words if isinstance(word, str)}
    return found


def test_every_kind_of_trouble_is_explained() -> None:
    rows = re.findall(r"^\| (`[^|]+`) \|", (REPOSITORY / "docs" / "download.md").read_text("utf-8"), flags=re.MULTILINE)

    assert sorted(kind for row in rows for kind in re.findall(r"`([\w-]+)`", row)) == sorted(kinds_of_trouble())


def test_the_readme_is_short() -> None:
    assert len((REPOSITORY / "README.md").read_text("utf-8").splitlines()) < 200


def test_fragments_of_changes_say_something_and_of_what_kind() -> None:
    fragments = sorted((REPOSITORY / "changes").glob("*"))

    assert [
        file.name for file in fragments if not re.fullmatch(r"[a-z0-9-]+\.(added|changed|fixed|removed)\.md", file.name)
    ] == []
    assert [file.name for file in fragments if not file.read_text("utf-8").strip()] == []


def test_decisions_are_numbered_without_gaps_and_have_all_their_parts() -> None:
    files = sorted((REPOSITORY / "docs" / "adr").glob("[0-9]*.md"))

    assert [file.name[:4] for file in files] == [f"{number:04}" for number in range(len(files))]
    for file in files:
        heads = re.findall(r"^## (.+)$", file.read_text("utf-8"), flags=re.MULTILINE)
        assert heads == ["Context", "Options", "Choice", "Bad consequences"], file.name
