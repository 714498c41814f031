"""What images become on their way into an output: which are recoded, where those lie, and the collection as it is then.

Rules guarded: images that need no change stay extents of the archive; an output sees lengths, digests and boxes of what
it will hold, never of what lies in the archive; a spool is of one `Pixels`, one release of each library and one file of
the archive; where a part is not made, nothing is guessed.
"""

from __future__ import annotations

import hashlib
import sys
from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path

from kilotar.events import Finding
from kilotar.model.edition import Edition
from kilotar.model.pixels import AS_PUBLISHED, Pixels, PixelWish
from kilotar.model.seams import Collection
from kilotar.model.table import Part, RowsBuilder, SampleTable
from kilotar.pixels.decoders import find_library
from kilotar.sinks.base import DataclassLike, Sink, pixels_of
from kilotar.store.recoded import SpooledPart, SpoolFolder
from kilotar.store.workspace import Workspace
from kilotar.work.resized_boxes import ResizedBoxes
from kilotar.work.survey import Survey, SurveyedArchive

__all__ = ["FOLDER", "Spool", "spool_for"]

FOLDER = "pixels"


@dataclass(frozen=True, slots=True)
class Spool:
    """The recoded images of a root for one way of recoding.

    Attributes:
        pixels:  what is done.
        recoder: which libraries do it, with their releases.
        edition: tells the odd images by name.
        root:    folder of all spools.
        has_images: whether there are images to recode; of a format of boxes alone only those get another size.
    """

    pixels: Pixels
    recoder: str
    edition: Edition
    root: Path
    has_images: bool = True

    @classmethod
    def of(cls, workspace: Workspace, pixels: Pixels, recoder: str, edition: Edition, *, has_images: bool) -> Spool:
        return cls(pixels, recoder, edition, workspace.state / FOLDER, has_images)

    def files(self, collection: Collection) -> dict[str, Path]:
        """Give the paths of the files that a collection's extents name, besides archives."""
        return {part.spool: self.root / part.spool for table in collection.tables for part in table.parts if part.spool}

    def edition_of(self, edition: Edition) -> Edition:
        """Give the edition of what an output holds: it lists no odd images where they were converted."""
        converts = self.pixels.odd == "convert"
        return replace(edition, cmyk=frozenset(), png=frozenset()) if converts else edition

    def folder_of(self, archive: SurveyedArchive) -> SpoolFolder:
        """Give where the recoded images of an archive lie."""
        facts = (self.pixels.text, self.recoder, archive.local.name, archive.index.identity.file, sys.byteorder)
        return SpoolFolder(self.root / hashlib.sha256(repr(facts).encode()).hexdigest()[:32])

    def wanted(self, part: Part) -> list[int]:
        """Give the rows that are looked at: all, or those that the edition lists as odd."""
        if self.pixels.every:
            return list(range(len(part)))
        return [row for row in range(len(part)) if self.is_odd(part.rows.name(row))] if self._may_be_odd(part) else []

    def is_odd(self, name: str) -> bool:
        return name in self.edition.cmyk or name in self.edition.png

    def _may_be_odd(self, part: Part) -> bool:
        """Tell by the names of classes, before any row is looked at."""
        odd = self.edition.cmyk | self.edition.png
        return len(part.wnids) > 1 or any(name.startswith(f"{part.wnids[0]}_") for name in odd)

    def made(self, archive: SurveyedArchive, part: Part) -> SpooledPart | None:
        """Give what was made of a part, None where that is still to be done. Raises MachineError."""
        found = self.folder_of(archive).read(part.key)
        if found is None:
            return None
        if found.rows.names == part.rows.names:
            return found
        known = {found.rows.name(row) for row in range(len(found.rows))} | set(found.dropped)
        return found if known >= {part.rows.name(row) for row in self.wanted(part)} else None

    def lacks(self, archive: SurveyedArchive, part: Part) -> bool:
        """Tell whether something of a part is still to be recoded. Raises MachineError."""
        return self.has_images and bool(self.wanted(part)) and self.made(archive, part) is None

    def part(self, archive: SurveyedArchive, part: Part) -> Part | None:
        """Give a part as it is in the output, None where it is not made. Raises MachineError."""
        if not self.has_images or not self.wanted(part):
            return part
        made = self.made(archive, part)
        return _merge(part, made, self._name(archive, part)) if made is not None else None

    def _name(self, archive: SurveyedArchive, part: Part) -> str:
        return str(self.folder_of(archive).data_of(part.key).relative_to(self.root))

    def lacks_any(self, collection: Collection, surveyed: Survey) -> bool:
        """Tell whether something of a collection is still to be recoded. Raises MachineError."""
        pairs = ((surveyed.archive_of(table.split), part) for table in collection.tables for part in table.parts)
        return any(archive is not None and self.lacks(archive, part) for archive, part in pairs)

    def over(self, collection: Collection, surveyed: Survey) -> Collection | None:
        """Give a collection as it is in the output, None where a part is not made. Raises MachineError."""
        boxes = collection.boxes
        if boxes is not None and self.pixels.resize:
            boxes = ResizedBoxes(boxes, self.pixels.resize)
        tables = []
        for table in collection.tables:
            archive = surveyed.archive_of(table.split)
            parts = [self.part(archive, part) if archive else part for part in table.parts]
            whole = [part for part in parts if part is not None]
            if len(whole) < len(parts):
                return None
            tables.append(SampleTable(table.split, whole, boxes if table.boxes else None))
        edition = self.edition_of(collection.edition)
        return replace(collection, edition=edition, tables=tuple(tables), boxes=boxes)

    def findings(self, collection: Collection, surveyed: Survey) -> Iterator[Finding]:
        """Give what was found in the images while they were recoded. Raises MachineError."""
        for table in collection.tables if self.has_images else ():
            archive = surveyed.archive_of(table.split)
            for part in table.parts if archive else ():
                made = self.made(archive, part) if archive and self.wanted(part) else None
                yield from made.findings if made is not None else ()


def spool_for(
    sink: Sink, options: DataclassLike, wish: PixelWish, edition: Edition, workspace: Workspace
) -> Spool | None:
    """Give what is done to the images of an output, None where nothing is.

    Raises: UsageError; MissingExtra where no library can do it.
    """
    about = sink.ABOUT
    if not about.images:
        asked = wish.over(AS_PUBLISHED, "keep") if about.boxes else AS_PUBLISHED
        pixels = Pixels(resize=asked.resize)
    else:
        pixels = wish.over(pixels_of(sink, options), about.odd)
    if pixels.is_nothing:
        return None
    recodes = about.images and (pixels.every or bool(edition.cmyk or edition.png))
    recoder = find_library().stamps if recodes else ""
    return Spool.of(workspace, pixels, recoder, edition, has_images=about.images)


def _merge(part: Part, made: SpooledPart, spool: str) -> Part:
    """Give a part with its recoded rows in place of those of the archive, without those that are left out."""
    if made.rows.names == part.rows.names:
        return replace(part, rows=made.rows, spool=spool, spooled=made.made)
    dropped = set(made.dropped)
    at = {made.rows.name(row): row for row in range(len(made.rows))}
    rows, flags, keep = RowsBuilder(), bytearray(), []
    for row in range(len(part)):
        name = part.rows.name(row)
        if name in dropped:
            continue
        is_made = name in at and bool(made.made[at[name]] or not part.rows.has_digests)
        source, place = (made.rows, at[name]) if is_made else (part.rows, row)
        has_digest = part.rows.has_digests or len(at) + len(dropped) >= len(part)
        rows.add(name, source.offsets[place], source.sizes[place], source.digest(place) if has_digest else b"")
        flags.append(made.made[at[name]] if name in at else 0)
        keep.append(row)
    wnids = part.wnids if len(part.wnids) == 1 else [part.wnids[row] for row in keep]
    labels = part.labels if len(part.labels) == 1 else [part.labels[row] for row in keep]
    return Part(part.key, part.archive, rows.rows(), wnids, labels, spool, bytes(flags))
