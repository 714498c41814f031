"""Boxes on their way out of an export: XML again, as the published archives have it, one file an image.

Rules guarded: what a tree holds as published stays byte for byte; of what stands in a shard only a name that can be a
class and sides that can be written become XML, which is then read back as any other; sizes are those of the image that
stands there. An image without boxes gets no XML, for shards do not tell whether somebody looked for some.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path

from kilotar.errors import BoxesRefused, LayoutRefused
from kilotar.model.edition import Archive, ArchiveRole, Layout
from kilotar.model.sample import Box, Split, key_of
from kilotar.model.seams import Row, Written
from kilotar.parse.boxes import parse_boxes
from kilotar.parse.image_size import ImageSize, probe_size
from kilotar.store.piles import Piles
from kilotar.work.exported import Export
from kilotar.work.row_boxes import read_xml

__all__ = ["BOXES", "BoxIntake", "write_boxes"]

BOXES = "boxes"
_SIDES = ("xmin", "ymin", "xmax", "ymax")


class BoxIntake:
    """Takes the boxes of an export's images.

    Args:
        export: it.
        folder: of the piles.
        listed: the files of its own list, by path.
        done:   how many of its files are recorded as done.
    Attributes:
        piles: of XML files, by split.
    Raises: MachineError.
    """

    def __init__(self, export: Export, folder: Path, listed: Mapping[str, Written], done: int) -> None:
        self._export = export
        self._listed = listed
        abouts = (about for about in reversed(export.edition.archives) if about.role is ArchiveRole.BOXES)
        self._abouts = {about.split: about for about in abouts}
        self.piles = {split: Piles(folder / f"{split}-{BOXES}", done) for split in Split}

    def about(self, split: Split) -> Archive | None:
        """Give the archive that boxes of a split will be in, as a tar that is not packed; None where there is none."""
        about = self._abouts.get(split)
        if about is None:
            return None
        stem = about.name.removesuffix(".gz").removesuffix(".tgz").removesuffix(".tar")
        return replace(about, name=f"{stem}.tar", layout=Layout.FLAT_TAR)

    def take(self, row: Row, number: int, data: bytes) -> bool:
        """Take the boxes of an image; tell whether there are some.

        Args:
            number: of the file of the export.
            data:   the image.
        Raises: LayoutRefused for boxes that are none; as `row.boxes`; MachineError.
        """
        if row.split not in self._abouts:
            return False
        xml = read_xml(self._export, row, self._listed) or _written(row, data)
        if xml:
            name = f"{key_of(row.name)}.xml"
            self.piles[row.split].add(row.wnid or "all", number, name, xml, hashlib.sha256(xml).digest())
        return bool(xml)


def _written(row: Row, data: bytes) -> bytes:
    """Give the XML of boxes that stand in a shard. Raises LayoutRefused; as `row.boxes`."""
    boxes = row.boxes() if row.boxes is not None else ()
    if not boxes:
        return b""
    xml = write_boxes(row.wnid or str(row.split), key_of(row.name), probe_size(data), boxes)
    try:
        found = parse_boxes(xml, f"{key_of(row.name)}.xml")
    except BoxesRefused as error:
        raise LayoutRefused(f"{len(boxes):,} boxes make no XML", seen=str(error)) from error
    if found.boxes != boxes:
        raise LayoutRefused("a box has a name or a side that XML has no room for", seen=repr(boxes)[:200])
    return xml


def write_boxes(folder: str, key: str, size: ImageSize | None, boxes: tuple[Box, ...]) -> bytes:
    """Give the XML of an image in the form of the published ones.

    Args:
        folder: its wnid, or the name of its split.
        size:   in pixels, None where it is not known.
    """
    lines = ["<annotation>", f"\t<folder>{folder}</folder>", f"\t<filename>{key}</filename>"]
    if size is not None:
        lines += ["\t<size>", f"\t\t<width>{size.width_px}</width>", f"\t\t<height>{size.height_px}</height>"]
        lines += ["\t</size>"]
    for box in boxes:
        lines += ["\t<object>", f"\t\t<name>{box.wnid}</name>", "\t\t<bndbox>"]
        lines += [f"\t\t\t<{side}>{getattr(box, side)}</{side}>" for side in _SIDES]
        lines += ["\t\t</bndbox>", "\t</object>"]
    return ("\n".join([*lines, "</annotation>"]) + "\n").encode("utf-8", "replace")
