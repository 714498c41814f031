"""Every command of the README and of docs/ does what its page says, on a tiny ImageNet out of a swarm on loopback."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from kilotar.sinks.base import find_sinks
from tests.docs.pages import DOCS, REPOSITORY, Block, pages, walk_blocks
from tests.docs.world import World, open_world
from tests.need import need_module

SHELL = {"sh", "bash", "shell", "zsh", "shell-session"}


@pytest.fixture(scope="session")
def world(tmp_path_factory: pytest.TempPathFactory) -> Iterator[World]:
    with open_world(tmp_path_factory.mktemp("world")) as made:
        yield made


def name_of(page: Path) -> str:
    return page.relative_to(REPOSITORY).as_posix()


def shell_blocks(page: Path) -> list[Block]:
    return [block for block in walk_blocks(page) if block.word == "console"]


def needs_of(page: Path) -> tuple[str, ...]:
    """Give the packages that a page of a format needs."""
    return next(
        (sink.ABOUT.needs for sink in find_sinks() if page == DOCS / "formats" / f"{sink.ABOUT.name}.md"),
        (),
    )


@pytest.mark.parametrize("page", [page for page in pages() if any(shell_blocks(page))], ids=name_of)
def test_commands_of_a_page_do_what_it_says(page: Path, world: World, tmp_path: Path) -> None:
    for package in needs_of(page):
        need_module(package)
    home, homes = None, 0
    for block in shell_blocks(page):
        if block.not_run:
            continue
        if block.given is not None or home is None:
            homes += 1
            home = world.make_home(tmp_path / f"home{homes}", block.given or ("nothing",))
        ended = world.run(block.commands, home)
        where = f"{name_of(page)}, line {block.line}"
        assert ended.returncode == block.exit_code, f"{where}:\n{block.commands}\n\n{ended.stdout[-3000:]}"


@pytest.mark.parametrize("page", pages(), ids=name_of)
def test_shell_is_written_as_console_and_holds_commands(page: Path) -> None:
    wrong = [block.line for block in walk_blocks(page) if block.word in SHELL]
    empty = [block.line for block in shell_blocks(page) if not block.commands]

    assert wrong == [], "blocks of shell are fenced as console, with a prompt"
    assert empty == [], "a block of console without a command is text"
