"""One image in, the bytes that an output holds of it out; or why it cannot be had.

Rules guarded: an image that needs no change stays byte for byte; what is decoded is looked at first, under the ceilings
of `kilotar.pixels.check`; what is not read to its end is refused, never mended; the result depends on the image, the
`Pixels` and the library alone, not on what else is made of the image in the same pass. Metadata are dropped: EXIF, its
orientation without being applied, ICC profiles without being applied.

A JPEG is decoded at 1/2, 1/4 or 1/8 only where what comes out is still `MARGIN` times as large as what is wanted:
measured on large photographs, that costs next to nothing of PSNR and SSIM (docs/performance.md).
"""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from typing import Any

from kilotar.model.pixels import Geometry, Pixels, plan_geometry
from kilotar.parse.jpeg import JpegFacts, JpegRefused, probe_jpeg, walk_scans
from kilotar.parse.png import probe_png
from kilotar.pixels.check import PixelLimits, over_ceiling, too_dense
from kilotar.pixels.decoders import Library, Picture, as_pillow, decode_with_pillow, encode_jpeg, encode_ppm

__all__ = ["MARGIN", "Recoded", "Recoder"]

MARGIN = 3
_PNG = b"\x89PNG\r\n\x1a\n"
_LIMITS = PixelLimits()

Recoded = bytes | None | JpegRefused
"""New bytes; None: as it is; or the refusal."""


class Recoder:
    """Makes of each image what several outputs want of it, with as few decodes as that takes.

    Args:
        library: that decodes and scales.
        wanted:  what is done, for one output or several.
    """

    def __init__(self, library: Library, wanted: Sequence[Pixels], limits: PixelLimits = _LIMITS) -> None:
        self._library = library
        self._wanted = wanted
        self._limits = limits

    def recode(self, data: bytes, name: str, *, known_odd: bool = False) -> list[Recoded]:
        """Give what becomes of an image, one for each `Pixels`.

        Args:
            data: the whole file.
            name: as published; chooses the form with "mixed".
            known_odd: whether the edition lists it as CMYK or PNG.
        """
        try:
            looked = _look(data, self._limits)
            if isinstance(looked, JpegRefused):
                return [looked for _ in self._wanted]
            image = _Image(data, name, looked, self._library, self._limits)
            return [image.made(pixels, known_odd=known_odd) for pixels in self._wanted]
        except MemoryError:
            refused = JpegRefused("memory", "decoding needs more memory than a worker may use")
            return [refused for _ in self._wanted]


def _look(data: bytes, limits: PixelLimits) -> JpegFacts | JpegRefused:
    """Give the facts of an image that may be decoded; those of a PNG are as of a JPEG with no components."""
    if data.startswith(_PNG):
        size = probe_png(data)
        if size is None:
            return JpegRefused("damaged", "the header of a PNG cannot be read")
        facts = JpegFacts(size.width_px, size.height_px, 0, False, -1, 0)
    else:
        found = probe_jpeg(data)
        if isinstance(found, JpegRefused):
            return found
        facts = found
    too_much = over_ceiling(facts.width_px, facts.height_px, limits) or (
        facts.components and too_dense(facts, len(data))
    )
    if too_much:
        return JpegRefused("bomb", too_much)
    if facts.progressive:  # each scan costs a pass over the image
        end = walk_scans(data, facts, limits.max_scans)
        return end if isinstance(end, JpegRefused) else facts
    return facts


def _is_cut(data: bytes, facts: JpegFacts, limits: PixelLimits) -> JpegRefused | None:
    """Look for the end of an image that is not decoded."""
    end = walk_scans(data, facts, limits.max_scans) if facts.components else None
    return end if isinstance(end, JpegRefused) else None


class _Image:
    """One image, decoded once for all who want it at the same scale one after the other."""

    def __init__(self, data: bytes, name: str, facts: JpegFacts, library: Library, limits: PixelLimits) -> None:
        self._data, self._name, self._facts, self._limits = data, name, facts, limits
        self._library = library
        self._factor = 0
        self._decoded: Picture | JpegRefused = JpegRefused("damaged", "not decoded yet")

    def made(self, pixels: Pixels, *, known_odd: bool) -> Recoded:
        facts = self._facts
        geometry = plan_geometry(pixels.resize, facts.width_px, facts.height_px)
        is_raw = pixels.form == "ppm" or (pixels.form == "mixed" and _is_chosen(self._name, pixels))
        is_odd = known_odd or facts.components in (0, 4)
        if geometry is None and not is_raw and not (is_odd and pixels.odd == "convert"):
            return _is_cut(self._data, facts, self._limits)
        picture = self._decode(_factor(geometry, facts))
        if isinstance(picture, JpegRefused):
            return picture
        image = self._lay(picture, geometry, pixels.filter) if geometry else as_pillow(picture)
        return encode_ppm(image) if is_raw else encode_jpeg(image, pixels.quality if geometry else pixels.odd_quality)

    def _decode(self, factor: int) -> Picture | JpegRefused:
        if factor != self._factor:
            decode = self._library.decode if self._facts.components else _decode_png
            self._decoded, self._factor = decode(self._data, self._facts, factor), factor
        return self._decoded

    def _lay(self, picture: Picture, geometry: Geometry, name: str) -> Any:
        image = self._library.scale(picture, geometry, name)
        if geometry.is_whole:
            return image
        left, top = -geometry.left_px, -geometry.top_px
        return image.crop((left, top, left + geometry.canvas_width_px, top + geometry.canvas_height_px))


def _decode_png(data: bytes, facts: JpegFacts, factor: int) -> Picture | JpegRefused:
    return decode_with_pillow(data, "PNG")


def _factor(geometry: Geometry | None, facts: JpegFacts) -> int:
    """Give by how much a JPEG may be scaled down while it is decoded."""
    if geometry is None or not facts.components:
        return 1
    least = min(facts.width_px // geometry.width_px, facts.height_px // geometry.height_px)
    return next((factor for factor in (8, 4, 2) if factor * MARGIN <= least), 1)


def _is_chosen(name: str, pixels: Pixels) -> bool:
    """Tell whether an image comes raw, by the first 8 bytes of a SHA-256 as a fraction of 2**64."""
    drawn = hashlib.sha256(f"{pixels.seed} {name}".encode()).digest()[:8]
    return int.from_bytes(drawn, "big") < pixels.raw_share * 2**64
