"""What both layouts of HDF5 files have beside their images: names, numbers of classes, and the wnids these mean.

Rules guarded: a number means the wnid at its place in `synsets`, where classes that were not chosen have an empty one;
what is read back has the rank of its wnid for a label, whatever order the file numbers by.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from functools import partial
from itertools import pairwise
from pathlib import Path
from typing import Any

from kilotar.model.sample import NO_LABEL, Box, Split
from kilotar.model.seams import Collection, Row, Shard
from kilotar.sinks.hdf5_file import NewFile, opened
from kilotar.sinks.reading import refusing_library
from kilotar.sinks.rows import rank

__all__ = ["FILENAMES", "SYNSETS", "add_names", "name_type", "read_rows", "synset_rows"]

FILENAMES, SYNSETS = "filenames", "synsets"
_BLOCK_ROWS = 4096
_NAME_BYTES = 32  # fuel's; more where a name is longer


def name_type(collection: Collection) -> str:
    """Give the type of the names of files."""
    rows = (part.rows for table in collection.tables for part in table.parts)
    longest = max((stop - start for each in rows for start, stop in pairwise((0, *each.name_ends))), default=0)
    return f"S{max(_NAME_BYTES, longest)}"


def add_names(file: NewFile, shard: Shard, collection: Collection) -> None:
    """Add the names of files, (n, 1) as fuel has them."""
    names = ([sample.name.encode("ascii")] for sample in collection.samples(shard))
    file.column(FILENAMES, (len(shard.rows), 1), name_type(collection), names)


def synset_rows(numbers: Mapping[str, int]) -> tuple[tuple[int], str, list[bytes]]:
    """Give shape, type and rows of the wnids that numbers mean."""
    wnids = [b""] * (1 + max(numbers.values(), default=-1))
    for wnid, number in numbers.items():
        wnids[number] = wnid.encode("ascii")
    return (len(wnids),), f"S{max(map(len, wnids), default=1)}", wnids


def read_rows(
    path: Path,
    split: Split,
    numbers: str,
    images: str,
    read: Callable[[Any, int], bytes],
    boxes: Callable[[Any, int], tuple[Box, ...]] | None = None,
) -> Iterator[Row]:
    """Give the rows of a file.

    Args:
        numbers, images: names of data sets; the first may be missing where no image has a class.
        read: gives the image at a place of the second.
        boxes: gives the boxes of the image at a place, of an open file; None where there are none.
    """
    with refusing_library(path):
        file = opened(path)
        wnids = [wnid.decode("ascii") for wnid in file[SYNSETS][:]]
        ranks = rank(filter(None, wnids)) | {"": NO_LABEL}
        count = len(file[images])
        for start in range(0, count, _BLOCK_ROWS):
            block = slice(start, min(start + _BLOCK_ROWS, count))
            names = file[FILENAMES][block].ravel()
            found = file[numbers][block].ravel() if numbers in file else [NO_LABEL] * len(names)
            for place, name, number in zip(range(block.start, block.stop), names, found, strict=True):
                wnid = wnids[number] if number != NO_LABEL else ""
                if number < NO_LABEL or (not wnid and number != NO_LABEL):
                    raise ValueError(f"image {place} has class {number}")
                image = _reader(path, file, images, place, read)
                boxed = partial(_read_boxes, path, file, place, boxes) if boxes is not None else None
                yield Row(split, name.decode("ascii"), wnid, ranks[wnid], image, boxes=boxed)


def _reader(path: Path, file: Any, images: str, place: int, read: Callable[[Any, int], bytes]) -> Callable[[], bytes]:
    def image() -> bytes:
        with refusing_library(path):
            return read(file[images], place)

    return image


def _read_boxes(path: Path, file: Any, place: int, read: Callable[[Any, int], tuple[Box, ...]]) -> tuple[Box, ...]:
    with refusing_library(path):
        return read(file, place)
