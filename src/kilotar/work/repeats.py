"""A name that returns in one archive.

Rule guarded: with the same bytes it is kept once and reported; with other bytes nobody can tell which is right, and the
archive is refused. Nothing is hashed for this: the two are compared where they lie, which is rare.
"""

from __future__ import annotations

from collections.abc import Callable

from kilotar.errors import ArchiveRefused
from kilotar.events import Finding
from kilotar.store.reading import ArchiveFile

__all__ = ["Repeats"]


class Repeats:
    """Remembers names. `where` names the archive or part for a person."""

    def __init__(self, file: ArchiveFile, where: str, found: Callable[[Finding], None]) -> None:
        self._file = file
        self._where = where
        self._found = found
        self._seen: dict[str, tuple[int, int]] = {}

    def is_repeat(self, name: str, offset: int, size: int) -> bool:
        """Tell whether the member, `size` bytes at `offset`, is there already; report it then.

        Raises: ArchiveRefused where the earlier one has other bytes, MachineError.
        """
        earlier = self._seen.setdefault(name, (offset, size))
        if earlier == (offset, size):
            return False
        if earlier[1] != size or not self._file.is_same(earlier[0], offset, size):
            raise ArchiveRefused(
                f"{self._where} holds two different files named {name}",
                seen=f"data at bytes {earlier[0]} and {offset}",
                fix="fetch the archive again",
            )
        why = f"{name} is there twice with the same bytes (the first at byte {earlier[0]}); kept once"
        self._found(Finding("duplicate", self._where, why, offset))
        return True
