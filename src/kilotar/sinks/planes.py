"""Pixels as planes of red, green and blue, and back as a PPM.

Rules guarded: nothing is interpreted: what was given as a PPM comes back as the same bytes.
"""

from __future__ import annotations

from typing import Any

from kilotar.errors import ArchiveRefused
from kilotar.model.seams import Item
from kilotar.parse.image_size import probe_ppm

__all__ = ["pixels_at", "planes", "ppm"]


def pixels_at(item: Item, size_px: int) -> int:
    """Give where the pixels of a square image begin in its PPM. Raises ArchiveRefused for another size."""
    found = probe_ppm(item.data)
    if found is None or found.size != (size_px, size_px):
        raise ArchiveRefused(
            f"{item.sample.name} does not come as {size_px} x {size_px} pixels",
            seen=f"{len(item.data)} bytes that begin with {bytes(item.data[:16])!r}",
        )
    return found.offset


def planes(item: Item, size_px: int) -> Any:
    """Give an image as an array (3, size, size) of uint8 of its own. Raises ArchiveRefused for another size."""
    import numpy

    pixels = numpy.frombuffer(item.data, numpy.uint8, offset=pixels_at(item, size_px))
    return pixels.reshape(size_px, size_px, 3).transpose(2, 0, 1).copy()


def ppm(image: Any) -> bytes:
    """Give an array (3, height, width) of uint8 as a PPM. Raises ValueError."""
    if image.ndim != 3 or image.shape[0] != 3 or image.dtype != "uint8":
        raise ValueError(f"no pixels: {image.shape} of {image.dtype}")
    _, height_px, width_px = image.shape
    return b"P6\n%d %d\n255\n%b" % (width_px, height_px, image.transpose(1, 2, 0).tobytes())
