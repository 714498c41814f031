"""The order of samples in an output of shards, and where its shards end.

Rules guarded: an order is a permutation, the same on every machine for the same names and seed; every sample stands in
exactly one shard; shards of a split differ by one sample at most.
"""

from __future__ import annotations

import hashlib
from array import array
from collections.abc import Callable, Sequence
from itertools import pairwise
from typing import Any

from kilotar.errors import UsageError
from kilotar.model.sample import Sample
from kilotar.model.table import SampleTable

__all__ = ["ORDERS", "cut", "order_rows"]

ORDERS = ("archive", "windowed", "shuffled", "official")
WINDOW_ROWS = 16_384  # about 1.8 GB of images: what is read stays in the page cache of a small machine


def order_rows(
    table: SampleTable, order: str, seed: int, official: Callable[[Sample], Any] | None = None
) -> Sequence[int]:
    """Give the rows of a table in an order.

    Args:
        order:    one of `ORDERS`.
        seed:     of the two that are mixed.
        official: gives the key of a sample in the format's own order, None where it has none.
    Raises: UsageError for an order that is none, or that the format has not.
    """
    rows = range(len(table))
    if order == "archive":
        return rows
    if order == "shuffled":
        return _sorted(_mixed(table, seed))
    if order == "windowed":
        keys = _mixed(table, seed)
        return _sorted([(row // WINDOW_ROWS, key) for row, key in enumerate(keys)])
    if order == "official" and official is not None:
        return _sorted(list(map(official, table)))
    has = [known for known in ORDERS if known != "official" or official is not None]
    raise UsageError(f"there is no order {order!r} here", seen=f"orders: {', '.join(has)}")


def _sorted(keys: Sequence[Any]) -> Sequence[int]:
    """Give the rows in the order of their keys."""
    return array("Q", sorted(range(len(keys)), key=keys.__getitem__))


def _mixed(table: SampleTable, seed: int) -> list[bytes]:
    """Give a key of each row, by its name alone, so that an archive in another order gives the same output."""
    begun = hashlib.blake2b(f"kilotar {seed} {table.split} ".encode("ascii"), digest_size=16)
    return [_continued(begun, name) for part in table.parts for name in part.rows.each_name()]


def _continued(begun: hashlib.blake2b, name: bytes) -> bytes:
    digest = begun.copy()
    digest.update(name)
    return digest.digest()


def cut(length: int, count: int) -> list[range]:
    """Give `count` runs of positions that cover `length` samples; some are empty where there are fewer samples."""
    bounds = [round(length * number / count) for number in range(count + 1)]
    return [range(start, stop) for start, stop in pairwise(bounds)]
