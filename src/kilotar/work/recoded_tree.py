"""A part of a tree whose images are recoded, or some of them: written from the spool and the archive.

Rules guarded: the digest is taken of the very buffer that is written; bytes of images never leave the thread.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from pathlib import Path

from kilotar.model.sample import Split
from kilotar.model.seams import Collection
from kilotar.model.table import Part
from kilotar.plan.steps import StepDone
from kilotar.store.staging import Staging
from kilotar.work.extents import Extents
from kilotar.work.tasks import Listing, Place

__all__ = ["RecodedTree"]

Write = Callable[[str, memoryview], None]


@dataclass(frozen=True, slots=True)
class RecodedTree:
    """The parts of a tree as they are to be written.

    Attributes:
        parts: by the keys of their steps.
        files: archives and spools, by the names that extents have for them.
    """

    parts: Mapping[str, tuple[Split, Part]]
    files: Mapping[str, Path]

    @classmethod
    def of(cls, collection: Collection, files: Mapping[str, Path]) -> RecodedTree:
        parts = ((table.split, part) for table in collection.tables for part in table.parts)
        return cls({f"{split}/{part.key}": (split, part) for split, part in parts}, files)

    def write(self, key: str, place: Place, staging: Staging, source: str) -> StepDone:
        """Write a part; nothing where all its images were left out.

        Args:
            source: identity of the file of the archive.
        Raises: ArchiveRefused, MachineError, OSError.
        """
        listing, writer = Listing(), staging.writer()
        one_class = False
        try:
            if key in self.parts:
                split, part = self.parts[key]
                one_class = len(part.wnids) == 1
                self._write(part, split, listing, place, writer.write)
        finally:
            writer.close()
        return replace(listing.done(key, (), one_class=one_class), source=source)

    def _write(self, part: Part, split: Split, listing: Listing, place: Place, write: Write) -> None:
        stops: dict[str, int] = {}
        for row in range(len(part)):
            stop = part.rows.offsets[row] + part.rows.sizes[row]
            stops[part.file(row)] = max(stops.get(part.file(row), 0), stop)
        with Extents(self.files, stops) as extents:
            for row in range(len(part)):
                sample = part.sample(row, split)
                data = extents.view(sample.at)
                path = place(sample)
                write(path, data)
                listing.add(path, len(data), hashlib.sha256(data).digest())
