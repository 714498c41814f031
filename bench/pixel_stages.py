"""Parts of the work of bench/pixels.py, done by kilotar's own functions: where the time of a resize goes.

What a part needs besides the image is made ready beforehand. What decoding and encoding take is the floor of whoever
decodes a whole image with these libraries. "weights of the filter" is the scaling of one row and of one column, which
is all weights: cykooz-resizer computes them anew for each image.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any

from kilotar.model.pixels import Geometry, plan_geometry
from kilotar.parse.jpeg import JpegFacts, probe_jpeg
from kilotar.pixels.decoders import Picture, encode_jpeg, find_library

DECODE, BOTH, WEIGHTS, ENCODE = "decode", "decode and scale", "weights of the filter", "encode"


class Stages:
    """The parts, for some images that are all to be made smaller.

    Args:
        images: JPEGs, whole files.
        resize: as in `Pixels.resize`.
    """

    def __init__(self, images: list[bytes], resize: str, quality: int) -> None:
        self._library = find_library(fast=True)
        self._quality = quality
        self._facts = {data: _facts(data) for data in images}
        self._geometries = {data: _geometry(resize, facts) for data, facts in self._facts.items()}
        self._scaled = {data: self._scale(data).copy() for data in images}
        self._lines = {data: (_black(f.width_px, 1), _black(1, f.height_px)) for data, f in self._facts.items()}

    def parts(self) -> dict[str, Callable[[bytes], object]]:
        return {DECODE: self._decode, BOTH: self._scale, WEIGHTS: self._weigh, ENCODE: self._encode}

    def _decode(self, data: bytes) -> Picture:
        picture = self._library.decode(data, self._facts[data], 1)
        assert isinstance(picture, Picture), picture
        return picture

    def _scale(self, data: bytes) -> Any:
        return self._library.scale(self._decode(data), self._geometries[data], "lanczos")

    def _weigh(self, data: bytes) -> None:
        row, column = self._lines[data]
        self._library.scale(row, replace(self._geometries[data], height_px=1), "lanczos")
        self._library.scale(column, replace(self._geometries[data], width_px=1), "lanczos")

    def _encode(self, data: bytes) -> bytes:
        return encode_jpeg(self._scaled[data], self._quality)


def _facts(data: bytes) -> JpegFacts:
    facts = probe_jpeg(data)
    assert isinstance(facts, JpegFacts), facts
    return facts


def _geometry(resize: str, facts: JpegFacts) -> Geometry:
    geometry = plan_geometry(resize, facts.width_px, facts.height_px)
    assert geometry is not None, "nothing to make smaller"
    return geometry


def _black(width_px: int, height_px: int) -> Picture:
    return Picture(bytes(4 * width_px * height_px), width_px, height_px)
