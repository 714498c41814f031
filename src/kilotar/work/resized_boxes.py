"""Boxes as they lie on resized images.

Rules guarded: coordinates are whole pixels, computed in whole numbers, the same on every machine; a box of which
nothing is left is dropped; where no size of the published image is known, nothing is guessed.
"""

from __future__ import annotations

from dataclasses import replace

from kilotar.model.pixels import plan_geometry
from kilotar.model.sample import Box
from kilotar.model.table import BoxSource

__all__ = ["ResizedBoxes"]


class ResizedBoxes:
    """Boxes as they lie on resized images, in whole pixels; a box of which nothing is left is dropped.

    Args:
        source: of the published images.
        resize: as in `Pixels`; "" changes nothing. An image whose XML tells no size has no boxes then.
    """

    def __init__(self, source: BoxSource, resize: str) -> None:
        self.source = source
        self.resize = resize

    def size(self, key: str) -> tuple[int, int]:
        """Give width and height of the resized image, (0, 0) where its XML tells none."""
        size = self.source.size(key)
        geometry = plan_geometry(self.resize, *size) if all(size) else None
        return (geometry.canvas_width_px, geometry.canvas_height_px) if geometry else size

    def of(self, key: str) -> tuple[Box, ...]:
        """Give the boxes of a resized image."""
        boxes, (width, height) = self.source.of(key), self.source.size(key)
        if not self.resize or not boxes:
            return boxes
        if not width or not height:
            return ()
        geometry = plan_geometry(self.resize, width, height)
        if geometry is None:
            return boxes
        moved = []
        for box in boxes:
            xs = [_place(x, width, geometry.width_px, geometry.left_px) for x in (box.xmin, box.xmax)]
            ys = [_place(y, height, geometry.height_px, geometry.top_px) for y in (box.ymin, box.ymax)]
            left, right = (min(max(x, 0), geometry.canvas_width_px) for x in xs)
            top, bottom = (min(max(y, 0), geometry.canvas_height_px) for y in ys)
            if left < right and top < bottom:
                moved.append(replace(box, xmin=left, ymin=top, xmax=right, ymax=bottom))
        return tuple(moved)


def _place(at: int, before_px: int, after_px: int, shift_px: int) -> int:
    return (2 * at * after_px + before_px) // (2 * before_px) + shift_px
