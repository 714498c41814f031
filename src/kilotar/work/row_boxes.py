"""The boxes of an image of an export: what its shard holds, or the XML that stands in its tree.

Rules guarded: no more than an XML may have is read; where an export has a list of its files, XML is what was written.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping

from kilotar.errors import LayoutRefused, storage_error
from kilotar.model.sample import Box, key_of
from kilotar.model.seams import Annotation, Row, Written
from kilotar.parse.boxes import BoxLimits, parse_boxes
from kilotar.work.exported import Export

__all__ = ["boxes_of_row", "read_xml"]

_LIMITS = BoxLimits()


def boxes_of_row(export: Export, row: Row) -> tuple[Box, ...]:
    """Give the boxes of an image, () where the export holds none. Raises as `read_xml`, `row.boxes`; BoxesRefused."""
    if row.boxes is not None:
        return row.boxes()
    xml = read_xml(export, row)
    return parse_boxes(xml, f"{key_of(row.name)}.xml").boxes if xml else ()


def read_xml(export: Export, row: Row, listed: Mapping[str, Written] | None = None) -> bytes:
    """Give the XML of an image that stands in a tree, b"" where none does.

    Args:
        listed: the files of the export's own list, by path.
    Raises: LayoutRefused, MachineError.
    """
    sink = export.sink
    if sink.ABOUT.shards:
        return b""
    place = sink.place_annotation(Annotation(row.split, row.wnid, key_of(row.name), b""))
    if not place or (listed and place not in listed):
        return b""
    try:
        with (export.folder / place).open("rb") as file:
            xml = file.read(_LIMITS.file_bytes + 1)
    except FileNotFoundError:
        return b""
    except OSError as error:
        raise storage_error(error, f"read {export.folder / place}") from error
    if listed and hashlib.sha256(xml).hexdigest() != listed[place].sha256:
        raise LayoutRefused(f"{place} is not what was written")
    return xml
