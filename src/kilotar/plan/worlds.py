"""Shards against the processes that will read them: how many there are, how long, and which numbers divide them.

Rules guarded: a reader that gives whole shards to processes needs as many for each, and equally long ones, or an epoch
ends early on some and the others wait; so a number that we choose fits common numbers of processes, one that a person
chooses and that does not is told, and numbers and lengths are told with every output in shards.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from kilotar.model.seams import Shard

__all__ = ["WORLD_SIZES", "ShardSet", "even_count", "shard_sets"]

WORLD_SIZES = tuple(1 << power for power in range(11))  # 1 to 1024 processes
COMMON = 8  # processes of one machine with as many accelerators
_MOST_EVEN = 64


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

    @property
    def doubt(self) -> str:
        """What a person should know of a number that they chose, "" for nothing."""
        if not self.shortest:
            return f"{self.shards} shards of {self.split} for {self.images} images: some are empty"
        if self.shards > 1 and self.shards % COMMON:
            return (
                f"{self.shards} shards of {self.split} go evenly to {self.world_sizes[-1]} processes; "
                f"a multiple of {COMMON}, such as {even_count(max(COMMON, self.shards))}, to more"
            )
        return ""


def even_count(wished: int) -> int:
    """Give a number of shards near the wished one that many numbers of processes divide; at least 1.

    It is a multiple of the largest power of two up to two thirds of the wished one, and of no more than 64; it is at
    most a third more, or a fifth fewer.
    """
    step = 1
    while step < _MOST_EVEN and 3 * step <= wished:
        step *= 2
    return max(1, round(wished / step)) * step


def shard_sets(shards: Iterable[Shard]) -> tuple[ShardSet, ...]:
    """Give the shards of each split, in the order in which the splits come."""
    lengths: dict[str, list[int]] = {}
    for shard in shards:
        lengths.setdefault(shard.split.value, []).append(len(shard.rows))
    return tuple(_set(split, found) for split, found in lengths.items())


def _set(split: str, lengths: list[int]) -> ShardSet:
    fitting = tuple(size for size in WORLD_SIZES if len(lengths) % size == 0)
    return ShardSet(split, len(lengths), sum(lengths), min(lengths), max(lengths), fitting)
