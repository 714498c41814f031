"""Samples for what needs all of them at once: side files, lists, manifests, the library.

Rules guarded: digests are gathered where an output carries them; lists of names need headers only; boxes are read once.
"""

from __future__ import annotations

from kilotar.events import Finding
from kilotar.model.seams import Collection
from kilotar.model.table import Rows
from kilotar.sources.boxes import BoxBook, read_boxes
from kilotar.store.index import PartSpan
from kilotar.store.reading import open_archive
from kilotar.work.indexing import index_part
from kilotar.work.survey import Survey, SurveyedArchive
from kilotar.work.tables import gather
from kilotar.work.tasks import write_part

__all__ = ["Gatherer", "count_images", "hash_part"]


def hash_part(archive: SurveyedArchive, span: PartSpan) -> Rows:
    """Read a part, take the digest of every image, keep the rows in the index and give them.

    Raises: ArchiveRefused, MachineError.
    """
    write_part(archive.task(span, None), lambda sample: sample.name, None)
    rows = archive.index.read_part(span)
    return rows if rows is not None else Rows(b"", (), (), ())


def walk_headers(archive: SurveyedArchive, span: PartSpan) -> Rows:
    """Read the headers of a part, keep its rows without digests and give them. Raises as `hash_part`."""
    with open_archive(archive.local.path) as file:
        rows = index_part(file, span, archive.local.about, _left_out)
    archive.index.write_part(span, rows)
    return rows


def _left_out(finding: Finding) -> None:
    """Members that are left out are reported by the step that reads their bytes."""


def count_images(archive: SurveyedArchive, span: PartSpan) -> int:
    """Give the number of images in a part: the published one where the archive is, else counted from its headers."""
    if span.members >= 0:
        return span.members
    published = archive.local.about.size_bytes == archive.local.size_bytes
    count = archive.join.edition.by_wnid[span.wnid].train_images if published else 0
    if count > 0:
        return count
    return len(archive.index.read_part(span) or walk_headers(archive, span))


class Gatherer:
    """Gathers the samples of a survey.

    Args:
        survey: what is there and chosen.
    """

    def __init__(self, survey: Survey) -> None:
        self._survey = survey
        self._boxes: BoxBook | None = None

    def gather(self, digests: bool, *, boxes: bool = False) -> Collection:
        """Give the chosen samples, with digests or without, with boxes or without. Raises as `hash_part`."""
        refill = hash_part if digests else walk_headers
        return gather(self._survey, refill, digests=digests, boxes=self.boxes() if boxes else None)

    def boxes(self) -> BoxBook | None:
        """Give the boxes of the surveyed archives, read once; None where there are none. Raises ArchiveRefused."""
        if self._boxes is None and self._survey.boxes:
            sources = tuple((box.path, box.about.split) for box in self._survey.boxes)
            self._boxes, _ = read_boxes(sources, self._survey.edition)
        return self._boxes
