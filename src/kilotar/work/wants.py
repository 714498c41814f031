"""What is wanted of one archive, by whole pieces and in the order in which it was wanted. Its owner has the lock.

Rules guarded: a piece is listed once however often it is wanted; wants are kept as ranges, for an archive may have
70,000 pieces.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from kilotar.model.ranges import ByteRange, Ranges
from kilotar.store.pieces import PieceFile

__all__ = ["Wants"]


class Wants:
    """Grows while an archive is on its way.

    Attributes:
        urgent: pieces that are wanted before all else, and were not proved when they were asked for.
        is_all: whether nothing more will be wanted.
    """

    def __init__(self, pieces: PieceFile) -> None:
        self._pieces = pieces
        self._runs: list[range] = []
        self.urgent: tuple[int, ...] = ()
        self.is_all = False

    def add(self, start: int, stop: int) -> None:
        """Want the bytes `[start, stop)`, after what was wanted before."""
        self._runs.append(self._pieces.table.touching(start, stop))

    def hurry(self, pieces: Iterable[int]) -> None:
        """Want single pieces before all else."""
        self.urgent = tuple(piece for piece in pieces if not self._pieces.has(piece))
        self._runs += [range(piece, piece + 1) for piece in self.urgent]

    def got(self, piece: int) -> None:
        """Note that a piece was proved."""
        if piece in self.urgent:
            self.urgent = tuple(other for other in self.urgent if other != piece)

    def ranges(self) -> Ranges:
        """Give the bytes of all pieces that are wanted."""
        return Ranges.of(self._parts())

    def are_proved(self) -> bool:
        """Tell whether all that is wanted is proved: asked for every run, so that nothing is listed here."""
        return all(self._pieces.covers(part.start, part.stop) for part in self._parts())

    def missing(self) -> list[int]:
        """Give the wanted pieces that are to be fetched, once each, in the order in which they were wanted."""
        runs = (self._pieces.missing(part.start, part.stop) for part in self._parts())
        return list(dict.fromkeys(piece for run in runs for piece in run))

    def _parts(self) -> Iterator[ByteRange]:
        table = self._pieces.table
        return (ByteRange(table.start(run.start), table.stop(run.stop - 1)) for run in self._runs if run)
