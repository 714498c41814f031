"""A name that returns in one archive.

Rule guarded: with the same bytes it is kept once and reported; with other bytes nobody can tell which is right, and the
archive is refused. No image is hashed for this: the two are compared where they lie, which is rare. Names are kept as
their hashes, in half the memory; that two of half a million names share one has a chance of 1 in 10^8.
"""

from __future__ import annotations

from collections.abc import Callable

from kilotar.errors import ArchiveRefused
from kilotar.events import Finding
from kilotar.store.reading import ArchiveFile

__all__ = ["Repeats"]

_SIZE_BITS = 32  # an image has at most 64 MiB


class Repeats:
    """Remembers names. `where` names the archive or part for a person."""

    def __init__(self, file: ArchiveFile, where: str, found: Callable[[Finding], None]) -> None:
        self._file = file
        self._where = where
        self._found = found
        self._seen: dict[int, int] = {}  # offset and size by the hash of the name

    def is_repeat(self, name: str, offset: int, size: int) -> bool:
        """Tell whether the member, `size` bytes at `offset`, is there already; report it then.

        Raises: ArchiveRefused where the earlier one has other bytes, MachineError.
        """
        place = offset << _SIZE_BITS | size
        earlier = self._seen.setdefault(hash(name), place)
        if earlier == place:
            return False
        first = earlier >> _SIZE_BITS
        if earlier - (first << _SIZE_BITS) != size or not self._file.is_same(first, offset, size):
            raise ArchiveRefused(
                f"{self._where} holds two different files named {name}",
                seen=f"data at bytes {first} and {offset}",
                fix="fetch the archive again",
            )
        why = f"{name} is there twice with the same bytes (the first at byte {first}); kept once"
        self._found(Finding("duplicate", self._where, why, offset))
        return True
