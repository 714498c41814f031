"""The headers of class tars, read at exact places: what a search believes, and what a walk is made of.

Rules guarded: where a class tar must begin stands the header of one, or of a member that is no class and no image and
is stepped over, or the end of the archive; anything else contradicts what led there. Nothing is read here: blocks that
are missing are named, and taken out of the pieces that come.
"""

from __future__ import annotations

from collections.abc import Container
from dataclasses import dataclass

from kilotar.errors import ArchiveRefused
from kilotar.parse.glimpse import Glimpser, Mark
from kilotar.parse.tar import LONGEST_TAIL_BYTES
from kilotar.parse.tar_header import BLOCK, ZERO_BLOCK

__all__ = ["Contradiction", "End", "Missing", "OuterHeaders"]

_MOST_ODD = 16  # members in a row that are no classes


class Contradiction(Exception):
    """What was read is not what must be there: `args[0]` says what and where."""


@dataclass(frozen=True, slots=True)
class Missing:
    """The block at this offset must be seen first."""

    at: int


@dataclass(frozen=True, slots=True)
class End:
    """The archive ends here."""


class OuterHeaders:
    """Reads headers out of blocks that are handed in.

    Args:
        glimpser:   reads one header.
        size_bytes: of the archive.
        wnids:      the classes.
    """

    def __init__(self, glimpser: Glimpser, size_bytes: int, wnids: Container[str]) -> None:
        self._glimpser = glimpser
        self._size_bytes = size_bytes
        self._wnids = wnids
        self._blocks: dict[int, bytes] = {}
        self._missing: set[int] = set()
        self._tails: list[tuple[int, int, int]] = []  # near the end: start and stop of bytes seen, zeros from where on

    def want(self, at: int) -> None:
        """Ask for a block that will be needed."""
        if at not in self._blocks and at + BLOCK <= self._size_bytes:
            self._missing.add(at)

    def take(self, start: int, data: bytes | memoryview) -> None:
        """Take the blocks asked for out of bytes of the archive from `start` on."""
        for at in [at for at in self._missing if start <= at and at + BLOCK <= start + len(data)]:
            self._blocks[at] = bytes(data[at - start : at - start + BLOCK])
            self._missing.discard(at)
        stop = start + len(data)
        if stop > self._size_bytes - LONGEST_TAIL_BYTES:
            self._tails.append((start, stop, start + len(bytes(data).rstrip(b"\0"))))

    def at(self, at: int) -> Mark | Missing | End:
        """Give the header of the class tar that begins at an offset, or behind odd members there.

        Raises: Contradiction.
        """
        for _ in range(_MOST_ODD):
            if at + BLOCK > self._size_bytes:
                return End()
            if at not in self._blocks:
                self._missing.add(at)
                return Missing(at)
            if self._blocks[at] == ZERO_BLOCK:
                return self._end(at)
            mark = self._read(self._blocks[at], at)
            if mark.is_outer and mark.wnid in self._wnids:
                return mark
            if not mark.is_outer and mark.wnid:
                raise Contradiction(f"an image of {mark.wnid} at byte {at}, where a class tar must begin")
            at = mark.beyond
        raise Contradiction(f"{_MOST_ODD} members in a row before byte {at} are no class tars")

    def _end(self, at: int) -> Missing | End:
        """Tell whether all bytes from `at` on are zeros."""
        if self._size_bytes - at > LONGEST_TAIL_BYTES:
            raise Contradiction(f"zeros at byte {at}, where a class tar must begin")
        while at < self._size_bytes:
            tail = next((tail for tail in self._tails if tail[0] <= at < tail[1]), None)
            if tail is None:
                return Missing(at)
            if tail[2] > at:
                raise Contradiction(f"zeros at byte {at} and other bytes behind them, where a class tar must begin")
            at = tail[1]
        return End()

    def _read(self, block: bytes, at: int) -> Mark:
        try:
            return self._glimpser.read(block, at)
        except ArchiveRefused as refused:
            raise Contradiction(str(refused)) from refused
