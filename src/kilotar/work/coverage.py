"""How many images of a split somebody has drawn boxes for.

Rules guarded: an image without XML is normal and no problem; how many there are is told, for a detector must know
whether an image is empty or was never looked at.
"""

from __future__ import annotations

from collections.abc import Iterator

from kilotar.events import Finding
from kilotar.model.sample import Split, key_of
from kilotar.model.seams import Collection
from kilotar.model.table import BoxSource, SampleTable

__all__ = ["COVERAGE", "coverage_findings"]

COVERAGE = "coverage"  # kind of these findings


def coverage_findings(collection: Collection) -> Iterator[Finding]:
    """Give for each split but test how many images have XML, how many boxes there are, and how many have none."""
    source = collection.boxes
    for table in collection.tables if source else ():
        if source is not None and table.split is not Split.TEST:
            yield Finding(COVERAGE, str(table.split), _words(table, source), is_problem=False)


def _words(table: SampleTable, source: BoxSource) -> str:
    images = empty = boxes = 0
    for part in table.parts:
        for row in range(len(part)):
            key = key_of(part.rows.name(row))
            drawn = len(source.of(key))
            boxes += drawn
            images += bool(drawn or any(source.size(key)))
            empty += bool(not drawn and any(source.size(key)))
    bare = len(table) - images
    return (
        f"{images:,} of {len(table):,} images have XML, {boxes:,} boxes, {empty:,} without a box; {bare:,} have no XML"
    )
