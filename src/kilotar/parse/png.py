"""The size of a PNG, read from its first chunk.

Rules guarded: pure; 24 bytes are enough; anything else than a signature and a header chunk gives None.
Source: PNG specification (ISO/IEC 15948), 11.2.2 IHDR.
"""

from __future__ import annotations

import struct
from typing import NamedTuple

__all__ = ["PngSize", "probe_png"]

_BEGIN = b"\x89PNG\r\n\x1a\n\0\0\0\rIHDR"


class PngSize(NamedTuple):
    """Width and height, 1 to 2**31 - 1."""

    width_px: int
    height_px: int


def probe_png(head: bytes) -> PngSize | None:
    """Give the size of a PNG by its first 24 bytes, None where they are not those of one."""
    if len(head) < 24 or not head.startswith(_BEGIN):
        return None
    size = PngSize(*struct.unpack_from(">II", head, len(_BEGIN)))
    return size if 0 < size.width_px < 1 << 31 and 0 < size.height_px < 1 << 31 else None
