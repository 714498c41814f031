"""What every page of a step has, and that all of scripts/ and examples/ stands on some page."""

from __future__ import annotations

import ast
import re
from pathlib import Path

import pytest

from tests.docs.pages import DOCS, REPOSITORY, pages, walk_blocks

STEPS = sorted((DOCS / "steps").glob("*.md"))
LANES = ("kilotar", "shell only", "plain Python")
WITHOUT_LANES = {"15-train.md", "16-when-it-goes-wrong.md"}  # a program a reader; a message an entry
SIGNATURES = DOCS / "reference" / "python.md"


def name_of(page: Path) -> str:
    return page.relative_to(REPOSITORY).as_posix()


@pytest.mark.parametrize("page", [page for page in STEPS if page.name not in WITHOUT_LANES], ids=name_of)
def test_a_step_says_why_how_long_how_it_is_known_and_what_if_not_in_three_lanes(page: Path) -> None:
    text = page.read_text("utf-8")

    assert [lane for lane in LANES if f'=== "{lane}"' not in text] == []
    assert [part for part in ("## How you know that it worked", "## If not") if part not in text] == []
    assert re.search(r"^\*\*Why|needed", text, flags=re.MULTILINE)
    if page.name != "01-which-files.md":
        assert "**Time" in text and "**Disk" in text


def test_every_script_and_every_example_is_on_a_page() -> None:
    shown = {path for page in DOCS.rglob("*.md") for path in re.findall(r'--8<-- "([^"]+)"', page.read_text("utf-8"))}
    there = {name_of(file) for folder in ("scripts", "examples") for file in (REPOSITORY / folder).glob("*.py")}

    assert {path for path in shown if not (REPOSITORY / path).is_file()} == set()
    assert there - shown == set()


@pytest.mark.parametrize("page", [page for page in pages() if page != SIGNATURES], ids=name_of)
def test_python_on_a_page_is_python(page: Path) -> None:
    for block in walk_blocks(page):
        if block.word == "python" and "--8<--" not in block.text:
            ast.parse(block.text)


def test_every_step_is_in_the_contents_of_the_site_and_on_the_first_page() -> None:
    contents, first = (REPOSITORY / "zensical.toml").read_text("utf-8"), (DOCS / "index.md").read_text("utf-8")

    assert [page.name for page in STEPS if f"steps/{page.name}" not in contents] == []
    assert [page.name for page in STEPS if f"steps/{page.name}" not in first] == []
