"""Where the class tars of an archive lie, as far as somebody has seen it.

Rules guarded: a position is a hint to be checked against the bytes, never a proof; a table belongs to one archive by
its length and infohash, and is sorted by offset.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from functools import cached_property

__all__ = ["Position", "Positions"]


@dataclass(frozen=True, slots=True, order=True)
class Position:
    """One class tar.

    Attributes:
        header_at:   byte of its header in the archive.
        start, stop: its own bytes, half-open.
        wnid:        its class.
    """

    header_at: int
    start: int
    stop: int
    wnid: str


@dataclass(frozen=True)
class Positions:
    """The known class tars of one archive.

    Attributes:
        archive:    name in the edition.
        size_bytes: length of the archive.
        infohash:   of its torrent, "" where it has none.
        rows:       sorted by offset. Make tables with `Positions.of`.
    """

    archive: str
    size_bytes: int
    infohash: str = ""
    rows: tuple[Position, ...] = ()

    @classmethod
    def of(cls, archive: str, size_bytes: int, infohash: str, rows: Iterable[Position]) -> Positions:
        """Give a table of rows in any order."""
        return cls(archive, size_bytes, infohash, tuple(sorted(rows)))

    @cached_property
    def by_wnid(self) -> dict[str, Position]:
        return {row.wnid: row for row in self.rows}

    def is_of(self, size_bytes: int, infohash: str) -> bool:
        """Tell whether the table can be of an archive; an infohash that one side lacks is not compared."""
        same = not self.infohash or not infohash or self.infohash == infohash
        return same and self.size_bytes == size_bytes

    def updated(self, rows: Iterable[Position]) -> Positions:
        """Give the table with rows of now; older rows that overlap one of them are dropped."""
        new = sorted(rows)
        old = [row for row in self.rows if not any(_clash(row, other) for other in new)]
        return Positions.of(self.archive, self.size_bytes, self.infohash, (*old, *new))


def _clash(one: Position, other: Position) -> bool:
    return one.wnid == other.wnid or (one.header_at < other.stop and other.header_at < one.stop)
