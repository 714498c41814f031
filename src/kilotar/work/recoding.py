"""Recoding images of an archive; runs in a worker process, which may die of one.

Rules guarded: names, places and digests cross between the processes, bytes never do: they go from the archive into a
file of the spool; an image is read and looked at once for all that is made of it; what is wrong with an image, or with
the disk, is an answer and no exception.
"""

from __future__ import annotations

import errno
import hashlib
import os
from collections.abc import Iterable, Iterator, Sequence
from contextlib import ExitStack
from typing import Any

from kilotar.model.pixels import Pixels
from kilotar.parse.jpeg import JpegRefused
from kilotar.pixels.decoders import find_library
from kilotar.pixels.recode import Recoded, Recoder
from kilotar.store.files import write_all

__all__ = ["BAD", "DISK", "KEPT", "MADE", "MAX_IMAGE_BYTES", "recode_extents"]

KEPT, MADE, BAD, DISK = "kept", "made", "bad", "disk"
MAX_IMAGE_BYTES = 64 * 2**20  # the largest known is 15 MB

Item = Sequence[Any]  # name, offset, size in bytes, whether the edition lists it as odd
Target = Sequence[Any]  # path of the file, fields of `Pixels`


def recode_extents(archive: str, targets: Sequence[Target], items: Iterable[Item]) -> Iterator[list[Any]]:
    """Recode members of an archive into files, one for each `Pixels`.

    Args:
        archive: path.
        targets: (path, fields of `Pixels`); the file is there, and what is in it stays.
    Yields: for each item `[[name, [answer, ...]]]`, an answer a target: ["kept", sha256], ["made", offset, size,
        sha256], ["bad", kind, why] or ["disk", errno].
    """
    recoder = Recoder(find_library(), [Pixels(**fields) for _, fields in targets])
    with ExitStack() as stack:
        try:
            source = _open(stack, archive, os.O_RDONLY)
            files = [_open(stack, path, os.O_WRONLY | os.O_APPEND) for path, _ in targets]
        except OSError as error:
            yield from ([[item[0], [[DISK, error.errno] for _ in targets]]] for item in items)
            return
        for name, offset, size_bytes, known_odd in items:
            yield [[name, _answers(recoder, source, files, (name, offset, size_bytes, known_odd))]]


def _open(stack: ExitStack, path: str, flags: int) -> int:
    fd = os.open(path, flags | os.O_CLOEXEC)
    stack.callback(os.close, fd)
    return fd


def _answers(recoder: Recoder, source: int, files: Sequence[int], item: Item) -> list[list[Any]]:
    name, offset, size_bytes, known_odd = item
    if size_bytes > MAX_IMAGE_BYTES:
        return [[BAD, "bomb", f"{size_bytes} bytes, at most {MAX_IMAGE_BYTES} are read"] for _ in files]
    try:
        data = _read(source, offset, size_bytes)
        made = recoder.recode(data, name, known_odd=known_odd)
        return [_keep(data, new, file) for new, file in zip(made, files, strict=True)]
    except OSError as error:
        return [[DISK, error.errno or errno.EIO] for _ in files]


def _read(source: int, offset: int, size_bytes: int) -> bytes:
    """Read the bytes of an image, or as many as there are."""
    data = os.pread(source, size_bytes, offset)
    while len(data) < size_bytes and (more := os.pread(source, size_bytes - len(data), offset + len(data))):
        data += more
    return data


def _keep(data: bytes, new: Recoded, file: int) -> list[Any]:
    if isinstance(new, JpegRefused):
        return [BAD, new.kind, new.why]
    if new is None:
        return [KEPT, hashlib.sha256(data).hexdigest()]
    offset = os.lseek(file, 0, os.SEEK_END)
    write_all(file, new)
    return [MADE, offset, len(new), hashlib.sha256(new).hexdigest()]
