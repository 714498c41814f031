"""Image sets of the detection kits: which images a split has, and for which class an image is an example or none.

Rules guarded: a line is the path of an image without its ending and a whole number, and nothing else; a wrong line
refuses the list with its number. What the number means is told by the kit: in the list of a class 1 is an image with
boxes of it, 0 one that may lack some, -1 one without any; in a list of a split it counts the lines.
Source: ImageSets/DET/*.txt, readme of the ILSVRC2015 development kit, section 2.2.
"""

from __future__ import annotations

import re
from collections.abc import Iterator

from kilotar.errors import ArchiveRefused

__all__ = ["parse_image_set"]

_LINE = re.compile(rb"(?:[A-Za-z0-9_]{1,100}/){0,4}([A-Za-z0-9][A-Za-z0-9_.-]{0,199})(?:[ \t]+(-?[0-9]{1,9}))?")


def parse_image_set(data: bytes, where: str) -> Iterator[tuple[bytes, int]]:
    """Yield name without ending and number of each image, in the order of the list; without a number it is 1.

    Raises: ArchiveRefused, naming the line.
    """
    for number, line in enumerate(data.split(b"\n"), 1):
        line = line.rstrip()
        if not line:
            continue
        match = _LINE.fullmatch(line)
        if match is None:
            raise ArchiveRefused(f"{where}, line {number}: this is no image of a list", seen=repr(line[:60]))
        yield match[1], int(match[2] or 1)
