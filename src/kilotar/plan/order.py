"""The order of samples in an output of shards, and where its shards end.

Rules guarded: an order is a permutation, the same on every machine for the same names and seed; every sample stands in
exactly one shard; shards of a split differ by one sample at most.
"""

from __future__ import annotations

import hashlib
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
        return sorted(rows, key=_mixed(table, seed))
    if order == "windowed":
        mixed = _mixed(table, seed)
        return sorted(rows, key=lambda row: (row // WINDOW_ROWS, mixed(row)))
    if order == "official" and official is not None:
        return sorted(rows, key=lambda row: official(table[row]))
    has = [known for known in ORDERS if known != "official" or official is not None]
    raise UsageError(f"there is no order {order!r} here", seen=f"orders: {', '.join(has)}")


def _mixed(table: SampleTable, seed: int) -> Callable[[int], bytes]:
    """Give a key that mixes rows by their names alone, so that an archive in another order gives the same output."""
    salt = f"kilotar {seed} {table.split} ".encode("ascii")

    def key(row: int) -> bytes:
        part, inside = table.locate(row)
        return hashlib.blake2b(salt + part.rows.name(inside).encode("ascii"), digest_size=16).digest()

    return key


def cut(length: int, count: int) -> list[range]:
    """Give `count` runs of positions that cover `length` samples; some are empty where there are fewer samples."""
    bounds = [round(length * number / count) for number in range(count + 1)]
    return [range(start, stop) for start, stop in pairwise(bounds)]
