"""Rules: what is wished for is of train alone; files are counted from 0 until one is missing."""

from __future__ import annotations

from pathlib import Path

import pytest

from kilotar.model.sample import Split
from kilotar.sinks.base import ShardOptions
from kilotar.sinks.numbering import walk_present, wished


@pytest.mark.parametrize(("split", "usual", "number"), [(Split.TRAIN, 3, 7), (Split.VAL, 3, 3), (Split.TEST, 0, 1)])
def test_what_is_wished_for_is_of_train_and_no_split_is_without_a_shard(split: Split, usual: int, number: int) -> None:
    assert wished(ShardOptions(shards=7), split, usual) == number


def test_nothing_wished_for_is_the_usual_number() -> None:
    assert wished(ShardOptions(), Split.TRAIN, 5) == 5


def test_files_are_found_alone_and_counted_up_to_the_first_that_is_missing(tmp_path: Path) -> None:
    for name in ("a", "a_0", "a_1", "a_3"):
        (tmp_path / name).touch()

    found = list(walk_present(tmp_path, lambda number, count: "a" if count == 1 else f"a_{number}"))

    assert found == ["a", "a_0", "a_1"]
