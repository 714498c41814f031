"""Rules: a number of shards that we choose fits common numbers of processes; one that does not is told."""

from __future__ import annotations

import pytest

from kilotar.model.sample import Split
from kilotar.model.seams import Shard
from kilotar.plan.worlds import even_count, shard_sets


def shards(*lengths: int, split: Split = Split.TRAIN) -> list[Shard]:
    return [Shard(split, number, len(lengths), f"{number}.tar", range(rows)) for number, rows in enumerate(lengths)]


def test_numbers_and_lengths_are_told_split_by_split() -> None:
    train, val = shard_sets([*shards(5, 6, 5, 6, 5, 6), *shards(3, split=Split.VAL)])

    assert (train.split, train.shards, train.images, train.shortest, train.longest) == ("train", 6, 33, 5, 6)
    assert (train.world_sizes, val.world_sizes) == ((1, 2), (1,))
    assert shard_sets([]) == ()


@pytest.mark.parametrize("wished", [*range(1, 300), 1000, 1024, 5000])
def test_a_number_is_near_the_wished_one_and_even_complaint_52(wished: int) -> None:
    found = even_count(wished)

    assert 0.8 * wished <= found <= 4 / 3 * wished
    assert wished < 12 or found % 8 == 0
    assert wished < 48 or found % 32 == 0


def test_of_no_images_there_is_one_shard() -> None:
    assert even_count(0) == 1


@pytest.mark.parametrize("lengths", [(9,), (3,) * 8, (3,) * 96])
def test_a_number_that_fits_is_not_doubted(lengths: tuple[int, ...]) -> None:
    assert shard_sets(shards(*lengths))[0].doubt == ""


def test_a_number_that_does_not_fit_is_told_with_a_better_one() -> None:
    assert "12 shards of train go evenly to 4 processes" in shard_sets(shards(*[2] * 12))[0].doubt
    assert "such as 16" in shard_sets(shards(*[2] * 12))[0].doubt
    assert "some are empty" in shard_sets(shards(1, 0))[0].doubt
