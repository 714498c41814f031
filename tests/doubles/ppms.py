"""A collection whose images come as pixels of one size, as sinks get them that ask for that."""

from __future__ import annotations

import hashlib
from dataclasses import replace

from tests.doubles.collections import Small

__all__ = ["as_ppm", "ppm_of"]


def as_ppm(small: Small, size_px: int) -> Small:
    """Give the collection with every image as a PPM that its bytes decide."""
    return replace(small, images={key: ppm_of(data, size_px) for key, data in small.images.items()})


def ppm_of(data: bytes, size_px: int) -> bytes:
    """Give a PPM of a size that differs for different data."""
    return b"P6\n%d %d\n255\n" % (size_px, size_px) + hashlib.shake_128(data).digest(3 * size_px * size_px)
