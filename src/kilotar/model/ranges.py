"""Half-open byte ranges and disjoint sets of them.

Rules guarded: a range is `[start, stop)` with `0 <= start < stop`; a set holds its ranges sorted, disjoint and not
touching, so two sets are equal if and only if they cover the same bytes.
"""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Iterable, Iterator
from dataclasses import dataclass

__all__ = ["ByteRange", "Ranges"]


@dataclass(frozen=True, slots=True, order=True)
class ByteRange:
    """The bytes `[start, stop)`; never empty."""

    start: int
    stop: int

    def __post_init__(self) -> None:
        if not 0 <= self.start < self.stop:
            raise ValueError(f"not a range: [{self.start}, {self.stop})")

    @property
    def size_bytes(self) -> int:
        return self.stop - self.start


@dataclass(frozen=True, slots=True)
class Ranges:
    """A set of bytes, as sorted ranges that neither overlap nor touch. Make one with `Ranges.of`."""

    parts: tuple[ByteRange, ...] = ()

    @classmethod
    def of(cls, parts: Iterable[ByteRange]) -> Ranges:
        """Give the union of ranges in any order, overlapping or not."""
        merged: list[ByteRange] = []
        for part in sorted(parts):
            if merged and part.start <= merged[-1].stop:
                merged[-1] = ByteRange(merged[-1].start, max(merged[-1].stop, part.stop))
            else:
                merged.append(part)
        return cls(tuple(merged))

    def __iter__(self) -> Iterator[ByteRange]:
        return iter(self.parts)

    def __bool__(self) -> bool:
        return bool(self.parts)

    @property
    def size_bytes(self) -> int:
        return sum(part.size_bytes for part in self.parts)

    def holds(self, start: int, stop: int) -> bool:
        """Tell whether every byte `[start, stop)` is in this set, at the price of one look-up."""
        at = bisect_right(self.parts, start, key=lambda part: part.start) - 1
        return at >= 0 and stop <= self.parts[at].stop

    def __or__(self, other: Ranges) -> Ranges:
        return Ranges.of((*self.parts, *other.parts))

    def __sub__(self, other: Ranges) -> Ranges:
        left: list[ByteRange] = []
        for part in self.parts:
            start = part.start
            for hole in other.parts:
                if hole.stop <= start or hole.start >= part.stop:
                    continue
                if hole.start > start:
                    left.append(ByteRange(start, hole.start))
                start = hole.stop
            if start < part.stop:
                left.append(ByteRange(start, part.stop))
        return Ranges(tuple(left))

    def __and__(self, other: Ranges) -> Ranges:
        return self - (self - other)

    def __ge__(self, other: Ranges) -> bool:
        """Tell whether every byte of `other` is in this set."""
        return not other - self
