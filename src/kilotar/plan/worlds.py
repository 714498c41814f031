"""Shards against the processes that will read them: how many there are, how long, and which numbers divide them.

Rules guarded: a reader that gives whole shards to processes needs as many for each, and equally long ones, or an epoch
ends early on some and the others wait; so both are told with every output in shards.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from kilotar.model.seams import Shard

__all__ = ["WORLD_SIZES", "ShardSet", "shard_sets"]

WORLD_SIZES = tuple(1 << power for power in range(11))  # 1 to 1024 processes


@dataclass(frozen=True, slots=True)
class ShardSet:
    """The shards of one split.

    Attributes:
        shards:   how many there are.
        images:   in all of them.
        shortest, longest: images in one.
        world_sizes: of `WORLD_SIZES` those that get equally many shards each.
    """

    split: str
    shards: int
    images: int
    shortest: int
    longest: int
    world_sizes: tuple[int, ...]


def shard_sets(shards: Iterable[Shard]) -> tuple[ShardSet, ...]:
    """Give the shards of each split, in the order in which the splits come."""
    lengths: dict[str, list[int]] = {}
    for shard in shards:
        lengths.setdefault(shard.split.value, []).append(len(shard.rows))
    return tuple(_set(split, found) for split, found in lengths.items())


def _set(split: str, lengths: list[int]) -> ShardSet:
    fitting = tuple(size for size in WORLD_SIZES if len(lengths) % size == 0)
    return ShardSet(split, len(lengths), sum(lengths), min(lengths), max(lengths), fitting)
