"""What an image is to this program: where its bytes are and what they mean. Never the bytes, never a path.

Words: `label` is 0-based in sorted-WNID order (what trainers mean), -1 where there is none; `ilsvrc_id` is the
development kit's 1-based number. They agree on 0 of the 1000 classes of ILSVRC2012.
"""

from __future__ import annotations

import enum
from dataclasses import dataclass

__all__ = ["NO_LABEL", "Box", "Extent", "Sample", "Split", "key_of"]

NO_LABEL = -1


def key_of(name: str) -> str:
    """Give the name of an image without its ending: what boxes, lists and shards are joined by."""
    return name.rpartition(".")[0] or name


class Split(enum.StrEnum):
    """The three parts of an edition."""

    TRAIN = "train"
    VAL = "val"
    TEST = "test"


@dataclass(frozen=True, slots=True)
class Extent:
    """The bytes `[offset, offset + size_bytes)` of one archive, named as in the edition."""

    archive: str
    offset: int
    size_bytes: int

    @property
    def stop(self) -> int:
        return self.offset + self.size_bytes


@dataclass(frozen=True, slots=True)
class Box:
    """One box in pixels, as in the XML: `xmin <= x <= xmax`, 0- or 1-based as its annotator left it."""

    wnid: str
    xmin: int
    ymin: int
    xmax: int
    ymax: int
    pose: str = "Unspecified"
    truncated: bool = False
    difficult: bool = False


@dataclass(frozen=True, slots=True)
class Sample:
    """One image of the set.

    Attributes:
        split:  which part it belongs to.
        name:   file name as published, without folders ("n01440764_10026.JPEG").
        at:     where its bytes lie.
        wnid:   its class, "" where there is none (test).
        label:  0-based in sorted-WNID order, -1 where there is none.
        sha256: 32 bytes taken at first sight of the image, b"" while not yet taken.
        boxes:  in the order of the XML; empty where none are known.
    """

    split: Split
    name: str
    at: Extent
    wnid: str = ""
    label: int = NO_LABEL
    sha256: bytes = b""
    boxes: tuple[Box, ...] = ()

    @property
    def key(self) -> str:
        """See `key_of`."""
        return key_of(self.name)
