"""Which images of the chosen classes are taken: a number or a share of each class, or those of a list.

Rules guarded: a choice follows from names and seed alone, so that every machine makes the same one from an archive in
any order; it is stable (what is taken of a class does not depend on the other classes) and nested (the first 5 of a
class are among its first 10, 1 % is part of 10 %); caps are of training images only, a list is of whatever splits its
names are of, and a split of which it names nothing is whole.
"""

from __future__ import annotations

import hashlib
import heapq
from collections import Counter
from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass
from functools import cached_property

from kilotar.errors import UsageError
from kilotar.model.sample import Split, key_of
from kilotar.model.table import Part, Rows, SampleTable

__all__ = ["ALL_IMAGES", "EVERY", "Choice", "Selection", "pick"]


@dataclass(frozen=True, slots=True)
class Choice:
    """A selection as it is written into plans; `Choice()` takes every image.

    Attributes:
        per_class: training images of each class, 0 for all; a class that has fewer gives all it has.
        fraction:  share of the training images of each class, rounded, at least one image; 0 for all.
        seed:      of these two.
        images:    how many images a list names, 0 for no list.
        images_sha256: of the list: names without folder and ending, sorted, a line each.
    """

    per_class: int = 0
    fraction: float = 0.0
    seed: int = 0
    images: int = 0
    images_sha256: str = ""

    def __str__(self) -> str:
        """Give it in words."""
        words = []
        if self.images:
            words.append(f"the {self.images:,} images of a list, sha256 {self.images_sha256[:16]}")
        if self.per_class:
            words.append(f"{self.per_class:,} of each class, seed {self.seed}")
        if self.fraction:
            words.append(f"{self.fraction * 100:g} % of each class, seed {self.seed}")
        return "; ".join(words) or "all images"


@dataclass(frozen=True)
class Selection:
    """A choice with the names of its list.

    Attributes:
        names: without folder and ending; empty for no list.
    Raises: UsageError.
    """

    per_class: int = 0
    fraction: float = 0.0
    seed: int = 0
    names: frozenset[str] = frozenset()

    def __post_init__(self) -> None:
        """Raises: UsageError."""
        if self.per_class < 0:
            raise UsageError(f"--per-class cannot be {self.per_class}", fix="give a number of images, such as 10")
        if not 0 <= self.fraction <= 1:
            raise UsageError(f"--fraction cannot be {self.fraction}", fix="0.01 is 1 %")
        if self.per_class and self.fraction:
            raise UsageError("--per-class and --fraction exclude each other", fix="give one of them")

    def __bool__(self) -> bool:
        """Whether anything is left out."""
        return bool(self.per_class or self.fraction or self.names)

    @cached_property
    def choice(self) -> Choice:
        """The selection as it is written into plans."""
        seed = self.seed if self.per_class or self.fraction else 0
        lines = "".join(f"{name}\n" for name in sorted(self.names))
        digest = hashlib.sha256(lines.encode("ascii")).hexdigest() if self.names else ""
        return Choice(self.per_class, self.fraction, seed, len(self.names), digest)

    def quota(self, images: int, split: Split) -> int:
        """Give how many of so many images of one class are taken, where no list says otherwise."""
        if split is not Split.TRAIN or not images:
            return images
        if self.per_class:
            return min(images, self.per_class)
        return max(1, round(images * self.fraction)) if self.fraction else images


ALL_IMAGES, EVERY = Choice(), Selection()


def pick(table: SampleTable, selection: Selection) -> Mapping[str, Rows]:
    """Give the rows that are taken of each part of a table, by the part's key, in the order of the table."""
    listed = [_listed(part, selection.names) for part in table.parts]
    if not any(listed):
        listed = [range(len(part)) for part in table.parts]  # the list is of other splits
    left = Counter(part.wnid(row) for part, rows in zip(table.parts, listed, strict=True) for row in rows)
    quotas = {wnid: selection.quota(count, table.split) for wnid, count in left.items()}
    if quotas == left:
        return {part.key: _take(part, rows) for part, rows in zip(table.parts, listed, strict=True)}
    return _cap(table, listed, quotas, left, selection.seed)


def _listed(part: Part, names: frozenset[str]) -> Collection[int]:
    return [row for row in range(len(part)) if key_of(part.rows.name(row)) in names] if names else ()


def _cap(
    table: SampleTable, listed: Iterable[Collection[int]], quotas: Mapping[str, int], left: Counter[str], seed: int
) -> Mapping[str, Rows]:
    """Take of each class as many images as its quota, those whose names have the lowest hashes.

    A class is settled with its last part, so that of class tars one class at a time is held.
    """
    taken: dict[str, list[int]] = {part.key: [] for part in table.parts}
    best: dict[str, list[tuple[bytes, str, int]]] = {}
    for part, rows in zip(table.parts, listed, strict=True):
        by_class: dict[str, list[int]] = {}
        for row in rows:
            by_class.setdefault(part.wnid(row), []).append(row)
        for wnid, members in by_class.items():
            hashed = ((_hash(part.rows.name(row), seed), part.key, row) for row in members)
            best[wnid] = heapq.nsmallest(quotas[wnid], (*best.get(wnid, ()), *hashed))
            left[wnid] -= len(members)
            for _, key, row in best.pop(wnid) if not left[wnid] else ():
                taken[key].append(row)
    return {part.key: _take(part, sorted(taken[part.key])) for part in table.parts}


def _hash(name: str, seed: int) -> bytes:
    return hashlib.blake2b(f"kilotar pick {seed} {name}".encode("ascii"), digest_size=16).digest()


def _take(part: Part, rows: Collection[int]) -> Rows:
    return part.rows if len(rows) == len(part) else part.rows.take(rows)
