"""HDF5 files as BigGAN-PyTorch reads them: pixels of one size, planes of red, green and blue.

Source: ajbrock/BigGAN-PyTorch make_hdf5.py, datasets.py (ILSVRC_HDF5).
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path

from kilotar.model.sample import NO_LABEL, Split
from kilotar.model.seams import Collection, Item, Row, Shard
from kilotar.sinks.hdf5_columns import SYNSETS, add_names, read_rows, synset_rows
from kilotar.sinks.hdf5_file import creating
from kilotar.sinks.planes import planes, ppm

__all__ = ["build", "read"]

_IMAGES, _LABELS = "imgs", "labels"


def build(
    path: Path, items: Iterable[Item], shard: Shard, collection: Collection, numbers: Mapping[str, int], size_px: int
) -> None:
    """Write the file of a shard. Raises OSError; ArchiveRefused where an image is not of this size."""
    length = len(shard.rows)
    with creating(path) as file:
        add_names(file, shard, collection)
        file.column(SYNSETS, *synset_rows(numbers))
        labels = (numbers.get(sample.wnid, NO_LABEL) for sample in collection.samples(shard))
        file.column(_LABELS, (length,), "i8", labels)
        file.column(_IMAGES, (length, 3, size_px, size_px), "u1", (planes(item, size_px) for item in items))


def read(path: Path, split: Split) -> Iterator[Row]:
    """Give the rows of a file, images as PPM. Raises LayoutRefused, MachineError."""
    return read_rows(path, split, _LABELS, _IMAGES, lambda images, place: ppm(images[place]))
