"""Lists of images as people keep them: one name a line, as in the 1 % and 10 % lists of SimCLR.

Rules guarded: what stands in such lists in the wild is understood (folders, "\\" for "/", any ending of an image or
none, a label behind the name, comments, blank lines, carriage returns, a byte order mark); what cannot be the name of
an image is refused with the number of its line; the same images in another form or order are the same list.
Source: google-research/simclr imagenet_subsets/1percent.txt ("n01440764_10026.JPEG"), caffe's train.txt ("n.../x 0").
"""

from __future__ import annotations

import re

from kilotar.errors import UsageError

__all__ = ["MAX_LIST_BYTES", "parse_image_names"]

MAX_LIST_BYTES = 256 << 20  # 1.4 million names with long folders
_MOST_CHARS = 4096
_LINE = re.compile(r"(?:[^\s#]*[/\\])?([A-Za-z0-9][A-Za-z0-9_.-]{0,199})(?:[ \t,]+-?[0-9]{1,9})?(?:\s*#.*)?", re.ASCII)
_ENDING = re.compile(r"\.(?:jpe?g|png|bmp|webp|xml)", re.ASCII | re.IGNORECASE)


def parse_image_names(data: bytes, where: str) -> frozenset[str]:
    """Give the images of a list by name without folder and ending, as boxes and shards name them.

    Raises: UsageError, naming the line; also where the list names no image.
    """
    try:
        text = data.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        raise UsageError(
            f"{where} is no text", seen=f"byte {error.start} is not UTF-8", fix="give a list of images, one name a line"
        ) from error
    found = {
        _name(line, f"{where}, line {number}")
        for number, line in enumerate(text.split("\n"), 1)
        if line.strip() and not line.lstrip().startswith("#")
    }
    if not found:
        raise UsageError(f"{where} names no image", fix="write one name a line, such as n01440764_10026.JPEG")
    return frozenset(found)


def _name(line: str, where: str) -> str:
    match = _LINE.fullmatch(line.strip()) if len(line) <= _MOST_CHARS else None
    if match is None:
        raise UsageError(
            f"{where}: this is no name of an image", seen=repr(line.strip()[:60]), fix="write one name a line"
        )
    stem, dot, ending = match[1].rpartition(".")
    return stem if dot and _ENDING.fullmatch(dot + ending) else match[1]
