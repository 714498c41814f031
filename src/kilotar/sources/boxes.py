"""All boxes of some archives, read once into a book.

Rules guarded: a file that is refused is recorded and the others go on; findings of one kind are listed a thousand times
and then counted, so that a broken archive cannot fill the memory with complaints.
"""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path

from kilotar.errors import BoxesRefused
from kilotar.events import Finding
from kilotar.model.edition import Edition
from kilotar.model.sample import Split
from kilotar.parse.boxes import BoxLimits, parse_boxes
from kilotar.sources.annotations import walk_annotations
from kilotar.sources.box_book import BoxBook, BoxBookBuilder

__all__ = ["BoxBook", "read_boxes", "walk_annotations"]

_MOST_LISTED = 1000


def read_boxes(
    sources: Iterable[tuple[Path, Split | None]], edition: Edition, limits: BoxLimits | None = None
) -> tuple[BoxBook, tuple[Finding, ...]]:
    """Read all boxes of some archives or folders, each of one split.

    Returns: the book, and findings; of each kind at most 1000 are listed, then one tells how many more there are.
    Raises: ArchiveRefused, MachineError.
    """
    within = limits or BoxLimits()
    tally = _Tally()
    builder = BoxBookBuilder()
    for path, split in sources:
        for each in walk_annotations(path, split, edition, within, tally.add):
            try:
                parsed = parse_boxes(each.xml, f"{each.wnid}/{each.key}.xml", within)
            except BoxesRefused as error:
                tally.add(Finding("box", f"{each.key}.xml", f"refused: {error}"))
                continue
            for finding in parsed.findings:
                tally.add(finding)
            if not edition.is_detection and parsed.folder not in (each.wnid, str(each.split)):
                why = f"expected the folder {each.wnid!r}, found {parsed.folder!r}"
                tally.add(Finding("name", f"{each.key}.xml", why, is_problem=False))
            builder.add(each.key, parsed.boxes, (parsed.width, parsed.height))
    return builder.book(tally.add), tally.findings()


class _Tally:
    """Findings, at most 1000 of a kind; the rest is counted."""

    def __init__(self) -> None:
        self._listed: list[Finding] = []
        self._counts: dict[tuple[str, bool], int] = {}

    def add(self, finding: Finding) -> None:
        kind = (finding.kind, finding.is_problem)
        self._counts[kind] = self._counts.get(kind, 0) + 1
        if self._counts[kind] <= _MOST_LISTED:
            self._listed.append(finding)

    def findings(self) -> tuple[Finding, ...]:
        more = (
            Finding(kind, "boxes", f"{count - _MOST_LISTED} more of this kind", is_problem=is_problem)
            for (kind, is_problem), count in self._counts.items()
            if count > _MOST_LISTED
        )
        return (*self._listed, *more)
