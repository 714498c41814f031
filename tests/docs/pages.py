"""The pages that people read, and the blocks of shell on them.

A block of shell is fenced as `console`; its commands begin with "$ ", go on with "> ", and other lines are output.
Comments right above it say how it is run: `<!-- given: WORD, ... -->` begins in a fresh home with those things in it
(see `world.py`), `<!-- exit: N -->` says how the last command ends, `<!-- not run: REASON -->` why it is not run here.
Without "given" a block goes on where the one before it ended.
"""

from __future__ import annotations

import re
import textwrap
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

REPOSITORY = Path(__file__).resolve().parent.parent.parent
DOCS = REPOSITORY / "docs"

_FENCE = re.compile(r"^(?P<indent> *)```(?P<word>[\w-]*)(?P<more>.*)$")
_COMMENT = re.compile(r"^ *<!-- (?P<word>given|exit|not run): (?P<text>.+) -->$")


@dataclass(frozen=True)
class Block:
    """One block: where it stands, its language, its lines, and what the comments above it say."""

    page: Path
    line: int
    word: str
    text: str
    given: tuple[str, ...] | None
    exit_code: int
    not_run: str

    @property
    def commands(self) -> str:
        """Give the commands without their prompts, as a script."""
        lines = (line for line in self.text.splitlines() if line.startswith(("$ ", "> ")))
        return "\n".join(line[2:] for line in lines)


def pages() -> list[Path]:
    """Give the README and every page of the site, decisions left out."""
    return [REPOSITORY / "README.md", *(page for page in sorted(DOCS.rglob("*.md")) if "adr" not in page.parts)]


def walk_blocks(page: Path) -> Iterator[Block]:
    """Give the fenced blocks of a page, also those within lists and tabs."""
    lines = page.read_text("utf-8").splitlines()
    at = 0
    while at < len(lines):
        fence = _FENCE.match(lines[at])
        if fence is None:
            at += 1
            continue
        end = next(n for n in range(at + 1, len(lines)) if lines[n].strip() == "```")
        said = dict(_comments_above(lines, at))
        yield Block(
            page=page,
            line=at + 1,
            word=fence["word"],
            text=textwrap.dedent("\n".join(lines[at + 1 : end])),
            given=tuple(word.strip() for word in said["given"].split(",")) if "given" in said else None,
            exit_code=int(said.get("exit", 0)),
            not_run=said.get("not run", ""),
        )
        at = end + 1


def _comments_above(lines: list[str], at: int) -> Iterator[tuple[str, str]]:
    while at and (comment := _COMMENT.match(lines[at - 1])):
        yield comment["word"], comment["text"]
        at -= 1
