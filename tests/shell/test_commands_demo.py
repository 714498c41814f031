"""The demo, for real: a new user's first minute."""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from pathlib import Path

import pytest

from kilotar.shell.commands_demo import MOST_ENTRIES, tree
from tests.shell.conftest import Ended

Run = Callable[..., Ended]


def test_the_demo_shows_the_tree_the_counts_the_proof_and_the_report(kt: Run, tmp_path: Path) -> None:
    ended = kt("demo", str(tmp_path / "demo"))

    assert ended.code == 0, ended.err
    # Its last piece is all zeros, so the hole in the new file is as good as what peers send: who is first counts.
    assert re.search(r"came     tiny_img_train.tar from peers (430\.08 kB|425\.98 kB, this disk 4\.10 kB)\n", ended.out)
    assert {"    train/", "    ILSVRC2015/"} <= set(ended.out.splitlines())
    for words in ("200 train images + 50 val images", "0 problems", "as published", "val 1 -> ", "report.json", "next"):
        assert words in ended.out
    assert (tmp_path / "demo" / "imagenet" / "report.json").is_file()
    assert ended.out.count("\n") < 80


def test_the_demo_again_has_nothing_to_do(kt: Run, tmp_path: Path) -> None:
    kt("demo", str(tmp_path / "demo"), "-q")

    made = json.loads(kt("demo", str(tmp_path / "demo"), "--json").out)

    assert (made["prepare"]["outcome"], made["prepare"]["problems"]) == ("kept", 0)
    assert (made["verify"]["checked"] > 0, made["verify"]["problems"]) == (True, 0)


def test_a_tree_shows_the_first_entries_folders_first_and_no_state(tmp_path: Path) -> None:
    (tmp_path / ".kilotar").mkdir()
    (tmp_path / "a\n\x1b[2J").mkdir()
    for number in range(MOST_ENTRIES + 2):
        (tmp_path / f"{number}.txt").touch()

    lines = list(tree(tmp_path))

    assert lines[0] == "    a\\n\\x1b[2J/"
    assert lines[-1] == "    ... 3 more"
    assert len(lines) == MOST_ENTRIES + 1


@pytest.mark.parametrize("depth", [0, 1, 2])
def test_a_tree_is_only_so_deep(tmp_path: Path, depth: int) -> None:
    (tmp_path / "a" / "b" / "c" / "d").mkdir(parents=True)

    assert len(list(tree(tmp_path, depth))) == depth


def test_a_link_is_not_followed(tmp_path: Path) -> None:
    (tmp_path / "loop").symlink_to(tmp_path)

    assert list(tree(tmp_path)) == ["    loop"]
