"""The images of a split that somebody has drawn boxes for, and the others.

Rules guarded: an image without XML is not an image without objects, so the two are never in one list; an image whose
XML has no box that can be one is among those with XML.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import NamedTuple

from kilotar.model.sample import Box, Split, key_of
from kilotar.model.table import BoxSource, SampleTable
from kilotar.sinks.rows import Entry, by_class, by_name

__all__ = ["Boxed", "walk_boxed"]


class Boxed(NamedTuple):
    """An image with what its XML says; width and height in pixels, 0 where they are not known."""

    entry: Entry
    width: int
    height: int
    boxes: tuple[Box, ...]


def walk_boxed(table: SampleTable, source: BoxSource | None, *, has_boxes: bool) -> Iterator[Boxed]:
    """Give the images that have XML, or those that have none: train by class, the others by name."""
    for entry in by_class(table) if table.split is Split.TRAIN else by_name(table):
        key = key_of(entry.name)
        size = source.size(key) if source else (0, 0)
        boxes = source.of(key) if source else ()
        if has_boxes == bool(boxes or any(size)):
            yield Boxed(entry, *size, boxes)
