"""What a stretch out of the middle of a tar of tars shows: headers of class tars and of the images in them.

Rules guarded: a header is believed only if its checksum holds, its name is one of the edition's, its size can be, and
the next header stands where it says, as far as the stretch reaches; of contradicting headers (an image may hold a tar)
the longest chain wins. What is seen steers a search and proves nothing: see `kilotar.plan.locate`.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass

from kilotar.errors import ArchiveRefused
from kilotar.model.edition import Archive
from kilotar.parse.tar import LONGEST_TAIL_BYTES
from kilotar.parse.tar_header import BLOCK, FILE, ZERO_BLOCK, has_tar_header, parse_header

__all__ = ["Glimpser", "Mark"]

LARGEST_IMAGE_BYTES = 64 << 20
_CLASS_TAR = re.compile(rb"(?:\./)?(n[0-9]{8})\.tar").fullmatch
_MAGIC_AT = 257
_LIKELY = (b"n", b"u")  # first bytes of a class's names, and of the magic word


@dataclass(frozen=True, slots=True)
class Mark:
    """A header in the archive.

    Attributes:
        at:       its byte.
        wnid:     class that its name tells; "" for a member that is neither class tar nor image.
        is_outer: whether it is a class tar's.
        stop:     end of its data.
        next_at:  where the next header, or a block of zeros, must be: behind an image's data, at a class tar's first.
    """

    at: int
    wnid: str
    is_outer: bool
    stop: int
    next_at: int

    @property
    def beyond(self) -> int:
        """Where the header behind its data must be."""
        return self.stop + -self.stop % BLOCK


class Glimpser:
    """Reads headers of one archive.

    Args:
        archive:    its strictness and member pattern decide what a header may be.
        size_bytes: length of the archive.
        wnids:      names that count as classes.
    """

    def __init__(self, archive: Archive, size_bytes: int, wnids: frozenset[str]) -> None:
        self._rules = archive.strictness
        self._image = archive.member_pattern().fullmatch
        self._has_wnid = "wnid" in archive.member_pattern().groupindex
        self._size_bytes = size_bytes
        self._wnids = wnids

    def read(self, block: bytes, at: int) -> Mark:
        """Give the header that is this block. Raises: ArchiveRefused where it is none."""
        name, size, kind = parse_header(block, at, self._rules)
        stop = at + BLOCK + size
        if stop > self._size_bytes:
            raise ArchiveRefused(f"a member at byte {at} reaches beyond the end of the archive", seen=f"to byte {stop}")
        outer = _CLASS_TAR(name) if kind == FILE else None
        if outer:
            return Mark(at, outer[1].decode("ascii"), True, stop, at + BLOCK)
        wnid = self._class_of(name) if kind == FILE and size <= LARGEST_IMAGE_BYTES else ""
        return Mark(at, wnid, False, stop, stop + -stop % BLOCK)

    def glimpse(self, data: bytes | memoryview, start: int) -> tuple[Mark, ...]:
        """Give the longest chain of headers in the bytes of the archive that begin at `start`, a multiple of 512."""
        view = memoryview(data)
        found = {mark.at: mark for mark in self._candidates(view, start)}
        lengths: dict[int, int] = {}
        following: dict[int, Mark | None] = {}
        for mark in reversed(found.values()):
            is_linked, after = self._follow(mark, view, start, found)
            following[mark.at] = after
            behind = lengths[after.at] if after else 0
            lengths[mark.at] = behind + 1 if is_linked and (behind or not after) else 0
        head = max(found.values(), key=lambda mark: lengths[mark.at], default=None)
        chain: list[Mark] = []
        while head and lengths[head.at]:
            chain.append(head)
            head = following[head.at]
        return tuple(mark for mark in chain if mark.wnid in self._wnids)

    def _candidates(self, view: memoryview, start: int) -> Iterator[Mark]:
        firsts = bytes(view[: len(view) - BLOCK + 1 : BLOCK]), bytes(view[_MAGIC_AT::BLOCK])
        rows = {row for byte, column in zip(_LIKELY, firsts, strict=True) for row in _rows(column, byte)}
        for row in sorted(rows):
            block = bytes(view[row * BLOCK : (row + 1) * BLOCK])
            if has_tar_header(block):
                try:
                    yield self.read(block, start + row * BLOCK)
                except ArchiveRefused:
                    continue  # not a header of this archive: bytes of an image that happen to add up

    def _follow(self, mark: Mark, view: memoryview, start: int, found: dict[int, Mark]) -> tuple[bool, Mark | None]:
        """Tell whether what follows a header is what must follow, and give the next one, None beyond the stretch."""
        at, stop = mark.next_at, start + len(view)
        zeros = 0
        while at + BLOCK <= stop and view[at - start : at - start + BLOCK] == ZERO_BLOCK:
            at, zeros = at + BLOCK, zeros + 1
        if at + BLOCK > stop:
            return True, None
        after = found.get(at)
        if after is None or zeros * BLOCK > LONGEST_TAIL_BYTES:
            return False, None
        return _fits(mark, after, zeros > 0), after

    def _class_of(self, name: bytes) -> str:
        try:
            match = self._image(name.rpartition(b"/")[2].decode("ascii"))
        except UnicodeDecodeError:
            return ""
        return match["wnid"] if match and self._has_wnid else ""


def _fits(mark: Mark, after: Mark, is_end_between: bool) -> bool:
    if after.is_outer or not (mark.wnid and after.wnid):
        return True
    return not is_end_between and mark.wnid == after.wnid


def _rows(column: bytes, byte: bytes) -> Iterator[int]:
    row = column.find(byte)
    while row >= 0:
        yield row
        row = column.find(byte, row + 1)
