"""The size of an image by its first bytes, whatever its name ends in: JPEG, PNG, or pixels as a PPM.

Rules guarded: pure; a size is at least 1 x 1, and None where the bytes tell none.
Source of PPM: the Netpbm project, ppm(5): "P6", width, height and 255 as decimals, then 3 bytes a pixel.
"""

from __future__ import annotations

import re
from typing import NamedTuple

from kilotar.parse.jpeg import JpegFacts, probe_jpeg
from kilotar.parse.png import probe_png

__all__ = ["ImageSize", "Ppm", "probe_ppm", "probe_size"]

_PPM = re.compile(rb"P6\n([1-9][0-9]{0,8}) ([1-9][0-9]{0,8})\n255\n")  # as we write it: no comments
_PPM_HEAD_BYTES = 32


class ImageSize(NamedTuple):
    """Width and height, at least 1."""

    width_px: int
    height_px: int


class Ppm(NamedTuple):
    """A picture as a PPM: its size, and where its pixels begin."""

    size: ImageSize
    offset: int


def probe_ppm(data: bytes | memoryview) -> Ppm | None:
    """Read the header of a PPM; None where there is none, or where the pixels are not all there and nothing else."""
    found = _PPM.match(bytes(data[:_PPM_HEAD_BYTES]))
    if found is None:
        return None
    size = ImageSize(int(found[1]), int(found[2]))
    return Ppm(size, found.end()) if len(data) == found.end() + 3 * size.width_px * size.height_px else None


def probe_size(data: bytes) -> ImageSize | None:
    """Give the size of a JPEG or PNG, None for anything else."""
    facts = probe_jpeg(data)
    if isinstance(facts, JpegFacts):
        return ImageSize(facts.width_px, facts.height_px)
    size = probe_png(data)
    return ImageSize(size.width_px, size.height_px) if size else None
