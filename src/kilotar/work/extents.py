"""The bytes of images that lie in several files: the archive, and the spools of recoded ones.

Rules guarded: few files are open at once, however many parts there are; what comes as it lies is read through a window,
what is mixed one by one.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path
from types import TracebackType
from typing import Self

from kilotar.model.sample import Extent
from kilotar.store.reading import ArchiveFile, Single, Window, open_archive

__all__ = ["Extents"]

_MOST_OPEN = 32
View = Callable[[int, int], memoryview]


class Extents:
    """Reads extents; a context manager that closes the files it opened.

    Args:
        paths: of the files, by the names that extents have for them.
        stops: where what is wanted of a file ends, by the same names, where extents come as they lie; None where they
            are mixed.
    """

    def __init__(self, paths: Mapping[str, Path], stops: Mapping[str, int] | None = None) -> None:
        self._paths = paths
        self._stops = stops
        self._open: dict[str, tuple[ArchiveFile, View]] = {}

    def view(self, at: Extent) -> memoryview:
        """Give the bytes of an extent, valid until the next call. Raises ArchiveRefused, MachineError."""
        if at.archive not in self._open:
            if len(self._open) >= _MOST_OPEN:
                self._close(next(iter(self._open)))
            file = open_archive(self._paths[at.archive])
            self._open[at.archive] = file, self._view(file, at.archive)
        return self._open[at.archive][1](at.offset, at.size_bytes)

    def _view(self, file: ArchiveFile, name: str) -> View:
        return Window(file).limit(self._stops[name]).view if self._stops is not None else Single(file).view

    def _close(self, name: str) -> None:
        file, _ = self._open.pop(name)
        file.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        for name in tuple(self._open):
            self._close(name)
