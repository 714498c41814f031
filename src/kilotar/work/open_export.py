"""`open` of an export that stands anywhere: its images as a sequence, read where they stand in its shards.

Rules guarded: rows are read once and kept in columns; where an image stands as it is in a file it is one `pread`, and
elsewhere the format's own reader gives it; files are opened for each image, so that it is safe under fork and spawn.
Boxes are read when they are first asked for, all at once and into columns; one that cannot be read is a refusal.
"""

from __future__ import annotations

import os
from collections.abc import Callable
from itertools import islice
from pathlib import Path

from kilotar.errors import LayoutRefused, storage_error
from kilotar.model.sample import NO_LABEL, Extent, Split, key_of
from kilotar.model.seams import Row
from kilotar.model.table import BoxSource, Part, RowsBuilder, SampleTable
from kilotar.sinks.reading import refusing
from kilotar.sources.box_book import BoxBookBuilder
from kilotar.work.exported import Export, find_export
from kilotar.work.row_boxes import boxes_of_row

__all__ = ["ExportReader", "read_export"]

_PART_ROWS = 1000


class ExportReader:
    """Reads the images of a split of an export by part and row, and all its boxes."""

    def __init__(self, export: Export, split: Split) -> None:
        self._export = export
        self._split = split
        self._reads: dict[str, tuple[Callable[[], bytes] | None, ...]] = {}

    def add(self, key: str, rows: tuple[Row, ...]) -> None:
        """Take the rows of a part; those that stand in a file as they are need nothing."""
        if any(row.at is None for row in rows):
            self._reads[key] = tuple(row.read for row in rows)

    def read(self, part: Part, row: int) -> bytes:
        """Give the bytes of an image. Raises LayoutRefused, MachineError."""
        reads = self._reads.get(part.key)
        if reads is None:
            return _pread(Extent(part.archive, part.rows.offsets[row], part.rows.sizes[row]))
        read = reads[row]
        return read() if read is not None else b""

    def boxes(self) -> BoxSource | None:
        """Read the boxes of all images; None where the export holds none.

        Raises: LayoutRefused, BoxesRefused, MissingExtra, MachineError.
        """
        built = BoxBookBuilder()
        for file, rows in self._export.rows():
            with refusing(self._export.folder / file):
                for row in rows:
                    if row.split is self._split and (boxes := boxes_of_row(self._export, row)):
                        built.add(key_of(row.name), boxes)
        return built.book(lambda again: None) if len(built) else None  # of an image that stands twice the first ones


def _pread(at: Extent) -> bytes:
    try:
        fd = os.open(at.archive, os.O_RDONLY | os.O_CLOEXEC)
        try:
            data = os.pread(fd, at.size_bytes, at.offset)
        finally:
            os.close(fd)
    except OSError as error:
        raise storage_error(error, f"read {at.archive}") from error
    if len(data) != at.size_bytes:
        raise LayoutRefused(f"{at.archive} is cut short", seen=f"{at.size_bytes} bytes at {at.offset} are not there")
    return data


def read_export(folder: Path, split: Split, *, format_name: str, edition: str) -> tuple[SampleTable, ExportReader]:
    """Read the rows of a split of an export.

    Raises: LayoutRefused where it is none, holds no image of the split, or is damaged; ArchiveRefused, MissingExtra,
        UsageError, EditionRefused, MachineError.
    """
    export = find_export(folder, format_name=format_name, edition=edition)
    reader = ExportReader(export, split)
    parts: list[Part] = []
    for _, rows in export.rows():
        wanted = (row for row in rows if row.split is split)
        while some := tuple(islice(wanted, _PART_ROWS)):
            part = _part(export, some, f"{len(parts):05d}")
            reader.add(part.key, some)
            parts.append(part)
    if not parts:
        raise LayoutRefused(f"{folder} holds no {split} images", seen=f"it is a {export.sink.ABOUT.name}")
    return SampleTable(split, parts), reader


def _part(export: Export, rows: tuple[Row, ...], key: str) -> Part:
    """Make columns of rows of one file; labels are the edition's, also where the export holds some classes only."""
    built = RowsBuilder()
    for row in rows:
        built.add(row.name, row.at.offset if row.at else 0, row.at.size_bytes if row.at else 0)
    labels = [export.edition.label_of(row.wnid) if row.wnid else NO_LABEL for row in rows]
    file = rows[0].at.archive if rows[0].at else ""
    return Part(key, file, built.rows(), [row.wnid for row in rows], labels)
