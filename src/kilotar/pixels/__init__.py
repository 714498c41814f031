"""Images as pixels: whether they decode, and how they get another size or form."""

from __future__ import annotations

from kilotar.pixels.check import NO_ODD_NAMES, OddNames, PixelLimits, check_image, has_fast

__all__ = ["NO_ODD_NAMES", "OddNames", "PixelLimits", "check_image", "has_fast"]
