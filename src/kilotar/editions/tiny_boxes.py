"""Boxes of the tiny edition, as XML in the form of the published ones.

Rules guarded: one to three boxes an image, all inside it; the same seed gives the same boxes.
"""

from __future__ import annotations

import random

from kilotar.editions.tiny_images import HEIGHT, WIDTH
from kilotar.model.sample import Box

__all__ = ["draw_boxes", "write_xml"]


def draw_boxes(wnid: str, rng: random.Random) -> tuple[Box, ...]:
    """Give one to three boxes of a class."""
    return tuple(_draw_box(wnid, rng) for _ in range(rng.randrange(1, 4)))


def _draw_box(wnid: str, rng: random.Random) -> Box:
    xmin, ymin = rng.randrange(WIDTH // 2), rng.randrange(HEIGHT // 2)
    return Box(
        wnid,
        xmin,
        ymin,
        rng.randrange(xmin + 1, WIDTH + 1),
        rng.randrange(ymin + 1, HEIGHT + 1),
        pose=rng.choice(("Unspecified", "Frontal")),
        truncated=rng.random() < 0.2,
        difficult=rng.random() < 0.2,
    )


def write_xml(folder: str, key: str, boxes: tuple[Box, ...]) -> bytes:
    """Give the annotation of one image."""
    lines = ["<annotation>", f"\t<folder>{folder}</folder>", f"\t<filename>{key}</filename>"]
    lines += ["\t<source>", "\t\t<database>ILSVRC_2012</database>", "\t</source>"]
    lines += ["\t<size>", f"\t\t<width>{WIDTH}</width>", f"\t\t<height>{HEIGHT}</height>", "\t\t<depth>3</depth>"]
    lines += ["\t</size>", "\t<segmented>0</segmented>"]
    for box in boxes:
        lines += ["\t<object>", f"\t\t<name>{box.wnid}</name>", f"\t\t<pose>{box.pose}</pose>"]
        lines += [f"\t\t<truncated>{box.truncated:d}</truncated>", f"\t\t<difficult>{box.difficult:d}</difficult>"]
        lines += ["\t\t<bndbox>"]
        lines += [f"\t\t\t<{side}>{getattr(box, side)}</{side}>" for side in ("xmin", "ymin", "xmax", "ymax")]
        lines += ["\t\t</bndbox>", "\t</object>"]
    return ("\n".join([*lines, "</annotation>"]) + "\n").encode("ascii")
