"""The files of a split by number: how many, what each begins with, and which of them are there."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from itertools import count, takewhile
from pathlib import Path

from kilotar.model.sample import Split
from kilotar.model.seams import Collection, Shard
from kilotar.plan.order import cut
from kilotar.sinks.base import ShardOptions

__all__ = ["first_of", "walk_present", "wished"]


def wished(options: ShardOptions, split: Split, usual: int) -> int:
    """Give how many shards a split has: what is wished for of train, else the usual number, at least 1."""
    return options.shards if options.shards and split is Split.TRAIN else max(1, usual)


def first_of(collection: Collection, shard: Shard) -> int:
    """Give the place of a shard's first sample in its split."""
    table = collection.table(shard.split)
    return cut(len(table) if table is not None else 0, shard.count)[shard.number].start


def walk_present(folder: Path, name: Callable[[int, int], str]) -> Iterator[str]:
    """Give the names of a split's files that are there: of the one that is alone, then of those counted from 0.

    Args:
        name: gives the name of a file by its number and by how many there are.
    """
    if (folder / (alone := name(0, 1))).is_file():
        yield alone
    yield from takewhile(lambda numbered: (folder / numbered).is_file(), (name(number, 2) for number in count()))
