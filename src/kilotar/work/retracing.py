"""Recoding images of an archive once more, to hold what stands in an export against them; runs in a worker process.

Rules guarded: names, places and digests cross between the processes, bytes never do; the image of the archive is the
one whose digest was taken when the archive was proved, or the answer says so; what is wrong with an image, or with the
disk, is an answer and no exception.
"""

from __future__ import annotations

import hashlib
import os
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any

from kilotar.model.pixels import Pixels
from kilotar.parse.jpeg import JpegRefused
from kilotar.pixels.decoders import find_library
from kilotar.pixels.recode import Recoder
from kilotar.work.likeness import compare_pictures
from kilotar.work.recoding import MAX_IMAGE_BYTES

__all__ = ["FAR", "KEPT", "NEAR", "SAME", "UNREAD", "retrace_images"]

KEPT, SAME, NEAR, FAR, UNREAD = "kept", "same", "near", "far", "unread"
_MOST_BYTES = 160 << 20  # of an image of an export: 50 million raw pixels, the most that are decoded

Item = Sequence[Any]  # number, name, sha256 in the archive, whether the edition lists it as odd, archive, export
Place = Sequence[Any]  # path, offset, size in bytes
Answer = list[Any]  # one of the words above, PSNR in dB, why; the number of the item goes before them


def retrace_images(fields: Mapping[str, Any], items: Iterable[Item]) -> Iterator[list[Answer]]:
    """Recode images as `Pixels(**fields)` says and compare them with those of an export.

    Yields: for each item one answer: "kept": it needed no change, and is as in the archive; "same": it was recoded to
        the same bytes; "near": to other bytes of the same picture; "far": it is something else; "unread".
    """
    pixels = Pixels(**fields)
    recoder = Recoder(find_library(), [pixels])
    for number, *item in items:
        yield [[number, *_retrace(recoder, item, may_be_damaged=not pixels.every)]]


def _retrace(recoder: Recoder, item: Item, *, may_be_damaged: bool) -> Answer:
    name, sha256, known_odd, archive, export = item
    try:
        source, found = _read(archive, MAX_IMAGE_BYTES), _read(export, _MOST_BYTES)
    except OSError as error:
        return [UNREAD, 0.0, f"{error.strerror} (errno {error.errno})"]
    except ValueError as error:
        return [UNREAD, 0.0, str(error)]
    if hashlib.sha256(source).hexdigest() != sha256:
        return [UNREAD, 0.0, "the archive holds other bytes than when it was proved"]
    expected = recoder.recode(source, name, known_odd=known_odd)[0]
    return _compare(expected, source, found, may_be_damaged=may_be_damaged)


def _read(place: Place, most_bytes: int) -> bytes:
    """Read the bytes of an image, or as many as there are. Raises OSError, ValueError."""
    path, offset, size_bytes = place
    if size_bytes > most_bytes:
        raise ValueError(f"{size_bytes} bytes, at most {most_bytes} are read")
    fd = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
    try:
        data = os.pread(fd, size_bytes, offset)
        while len(data) < size_bytes and (more := os.pread(fd, size_bytes - len(data), offset + len(data))):
            data += more
        return data
    finally:
        os.close(fd)


def _compare(expected: bytes | JpegRefused | None, source: bytes, found: bytes, *, may_be_damaged: bool) -> Answer:
    """Compare an image with what it should be: new bytes, or those of the archive."""
    is_kept = expected is None or (may_be_damaged and isinstance(expected, JpegRefused))
    if is_kept and found == source:
        return [KEPT, 0.0, ""]
    if expected is None:
        return [FAR, 0.0, "those of the archive needed no change"]
    if isinstance(expected, JpegRefused):
        return [FAR, 0.0, f"those of the archive cannot be decoded: {expected.why}"]
    if found == expected:
        return [SAME, 0.0, ""]
    alike = compare_pictures(expected, found)
    if isinstance(alike, str):
        return [FAR, 0.0, alike]
    return [NEAR if alike.is_near else FAR, alike.psnr_db, str(alike)]
