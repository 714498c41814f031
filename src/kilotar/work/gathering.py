"""Samples for what needs all of them at once: side files, lists, manifests, the library.

Rules guarded: digests are gathered where an output carries them; lists of names need headers only; boxes are read once.
"""

from __future__ import annotations

from collections.abc import Iterator

from kilotar.events import Finding
from kilotar.model.sample import Split
from kilotar.model.seams import Collection
from kilotar.model.table import Rows
from kilotar.sources.boxes import BoxBook, read_boxes
from kilotar.store.disks import turns
from kilotar.store.index import Outline, PartSpan
from kilotar.work.indexing import HEADER_THREADS, index_archive
from kilotar.work.survey import Survey, SurveyedArchive
from kilotar.work.tables import gather
from kilotar.work.tasks import hash_part

__all__ = ["Gatherer", "count_images"]


def hashed_rows(archive: SurveyedArchive, spans: tuple[PartSpan, ...]) -> Iterator[Rows]:
    """Give the rows of parts with digests; a part that the index has not is read whole.

    Raises: ArchiveRefused, MachineError.
    """
    for span in spans:
        rows = archive.rows(span)
        if rows is None or not rows.has_digests:
            rows = hash_part(archive.task(span, None))
        yield rows


def header_rows(archive: SurveyedArchive, spans: tuple[PartSpan, ...]) -> Iterator[Rows]:
    """Give the rows of parts, with or without digests; of a part that the index has not the headers are read.

    Members that are left out are reported by the step that reads their bytes, not here. Raises as `hashed_rows`.
    """
    if archive.picks is not None:
        return (picked for span in spans if (picked := archive.picked(span)) is not None)
    local, parts = archive.local, Outline(spans)
    threads = 1 if turns(local.path) else HEADER_THREADS
    found = index_archive(local.path, local.about, parts, archive.index, _not_here, threads=threads)
    return (rows for _, rows in found)


def _not_here(finding: Finding) -> None:
    """Reported elsewhere."""


def count_images(archive: SurveyedArchive, span: PartSpan) -> int:
    """Give the number of images in a part: the published one where the archive is, else counted from its headers."""
    if (picked := archive.picked(span)) is not None:
        return len(picked)
    if span.members >= 0:
        return span.members
    published = archive.local.about.size_bytes == archive.local.size_bytes
    synset = archive.join.edition.by_wnid.get(span.wnid) if published else None
    count = synset.train_images if synset else 0
    if count > 0:
        return count
    return sum(len(rows) for rows in header_rows(archive, (span,)))


class Gatherer:
    """Gathers the samples of a survey.

    Args:
        survey: what is there and chosen.
    """

    def __init__(self, survey: Survey) -> None:
        self._survey = survey
        self._boxes: BoxBook | None = None

    def gather(self, digests: bool, *, boxes: bool = False) -> Collection:
        """Give the chosen samples, with digests or without, with boxes or without. Raises as `hashed_rows`."""
        return gather(self._survey, hashed_rows if digests else header_rows, self.boxes() if boxes else None)

    def keys(self, split: Split | None) -> frozenset[str]:
        """Give the names of a split's samples without their endings. Raises as `gather`."""
        tables = (table for table in self.gather(False).tables if table.split is split)
        return frozenset(sample.key for table in tables for sample in table)

    def boxes(self) -> BoxBook | None:
        """Give the boxes of the surveyed archives, read once; None where there are none. Raises ArchiveRefused."""
        if self._boxes is None and self._survey.boxes:
            sources = tuple((box.path, box.about.split) for box in self._survey.boxes)
            self._boxes, _ = read_boxes(sources, self._survey.edition)
        return self._boxes
