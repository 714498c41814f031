"""The pages of docs/ say what the source says."""

from __future__ import annotations

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


def test_the_readme_is_short() -> None:
    assert len((REPOSITORY / "README.md").read_text("utf-8").splitlines()) < 200


def test_decisions_are_numbered_without_gaps_and_have_all_their_parts() -> None:
    files = sorted((REPOSITORY / "docs" / "adr").glob("[0-9]*.md"))

    assert [file.name[:4] for file in files] == [f"{number:04}" for number in range(len(files))]
    for file in files:
        heads = re.findall(r"^## (.+)$", file.read_text("utf-8"), flags=re.MULTILINE)
        assert heads == ["Context", "Options", "Choice", "Bad consequences"], file.name
