"""HDF5 files, in the layout of fuel or of BigGAN.

fuel, with images as published::

    ilsvrc2012.hdf5    what fuel opens: train, valid and test as if they were one file; it holds no images, and stands
                       beside those that do
    train.hdf5         encoded_images   bytes of variable length
                       targets          int16 (n, 1), not for test
                       filenames        (n, 1)
                       synsets          wnids in the order of targets; no source of fuel's
    valid.hdf5  test.hdf5

and, where boxes are wanted, `boxes`: xmin, ymin, xmax, ymax in pixels of one box after the other, of variable length;
with `box_synsets`, their wnids divided by blanks. Both are no sources of fuel's either.

BigGAN, with images cut and resized::

    ILSVRC128.hdf5     imgs uint8 (n, 3, 128, 128), labels int64 (n), filenames, synsets
    ILSVRC128_valid.hdf5  ILSVRC128_test.hdf5

fuel's file for all splits is a file of virtual data sets, which HDF5 has since 1.10; those with the images are for any
since 1.8, and each of them is opened by itself with `which_sets=("train",)` too. So train may be several files.

Rules guarded: bytes of images as published with fuel (22 are CMYK and one is a PNG); targets and labels are ranks of
wnids, -1 for test. fuel's own converter numbers classes as the development kit does, less one: `devkit_labels` does
too, and `synsets` says which is which. Nothing is chunked: BigGAN's own file has chunks of 500 images, all of which are
read for one. BigGAN cuts the middle out before it resizes, here it is after: the same but for rounding.
Source: mila-iqia/fuel fuel/converters/ilsvrc2012.py, fuel/datasets/hdf5.py; ajbrock/BigGAN-PyTorch make_hdf5.py,
datasets.py (ILSVRC_HDF5).
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

from kilotar.errors import LayoutRefused, UsageError
from kilotar.model.edition import Edition
from kilotar.model.pixels import Pixels
from kilotar.model.sample import Sample, Split
from kilotar.model.seams import Collection, Item, OutFolder, Row, Shard, Written
from kilotar.sinks import hdf5_biggan, hdf5_fuel
from kilotar.sinks.base import ShardOptions, SinkAbout
from kilotar.sinks.numbering import walk_present, wished
from kilotar.sinks.reading import FileRows

ABOUT = SinkAbout(
    name="hdf5",
    summary="HDF5 files in the layout of fuel or of BigGAN",
    folder="hdf5",
    needs=("h5py", "numpy"),
    reader="fuel (H5PYDataset), BigGAN-PyTorch (ILSVRC_HDF5), h5py, PyTables",
    snippet='fuel.datasets.H5PYDataset("{folder}/ilsvrc2012.hdf5", which_sets=("train",))',
    side_bytes=130,
    shards=True,
    stamped="h5py",
    builds=True,
)
LAYOUTS = ("fuel", "biggan")
SIZES_PX = (128, 256)
OFFICIAL: Callable[[Sample], Any] | None = None  # fuel mixes train by numpy's generator over the order of its archives
_NAMES = {Split.TRAIN: "train", Split.VAL: "valid", Split.TEST: "test"}


@dataclass(frozen=True, slots=True)
class Options(ShardOptions):
    """Choices of this format.

    Attributes:
        order: see `ShardOptions`, also for seed; BigGAN's script keeps that of the folders, "archive".
        seed:  of "windowed" and "shuffled".
        shards: files of training images, 0 for one. A file is begun anew after a kill, so more lose less.
        layout: "fuel" or "biggan".
        size:  width and height of BigGAN's images in pixels, 128 or 256.
        devkit_labels: number classes as fuel's converter does, by the development kit's ids, less one.
    """

    layout: str = "fuel"
    size: int = 128
    devkit_labels: bool = False

    def __post_init__(self) -> None:
        """Raises: UsageError."""
        if self.layout not in LAYOUTS:
            raise UsageError(f"hdf5.layout is {' or '.join(LAYOUTS)}, not {self.layout!r}")
        if self.size not in SIZES_PX:
            raise UsageError(f"hdf5.size is {' or '.join(map(str, SIZES_PX))}, not {self.size}")

    @property
    def is_fuel(self) -> bool:
        return self.layout == "fuel"


_LAYOUTS = (Options(), *(Options(layout="biggan", size=size) for size in SIZES_PX))


def pixels(options: Options) -> Pixels:
    """Give what is done to images unless a person asks otherwise: torchvision's Resize is bilinear."""
    return Pixels() if options.is_fuel else Pixels(resize=f"crop:{options.size}", filter="bilinear", form="ppm")


def count(split: Split, sizes: Sequence[int], options: Options) -> int:
    """Give 1, or what is wished for of train."""
    return wished(options, split, 1)


def path(split: Split, number: int, count: int) -> str:
    """Give the name of a file in the layout of fuel."""
    return layout_path(Options(), split, number, count)


def layout_path(options: Options, split: Split, number: int, count: int) -> str:
    """Give `train.hdf5`, or BigGAN's `ILSVRC128.hdf5`; numbered where there are several."""
    words = [_NAMES[split]] if options.is_fuel else [f"ILSVRC{options.size}"]
    if not options.is_fuel and split is not Split.TRAIN:
        words.append(_NAMES[split])
    return "_".join(words if count == 1 else [*words, str(number)]) + ".hdf5"


def build(path: Path, items: Iterable[Item], shard: Shard, collection: Collection, options: Options) -> None:
    """Write a file. Raises OSError; ArchiveRefused for pixels that are none, or a name that is too long."""
    numbers = _numbers(collection, options)
    if options.is_fuel:
        hdf5_fuel.build(path, items, shard, collection, numbers)
    else:
        hdf5_biggan.build(path, items, shard, collection, numbers, options.size)


def _numbers(collection: Collection, options: Options) -> dict[str, int]:
    """Give the number of each wnid."""
    if options.devkit_labels:
        return {wnid: collection.edition.by_wnid[wnid].ilsvrc_id - 1 for wnid in collection.classes}
    return {wnid: number for number, wnid in enumerate(collection.classes)}


def finish(collection: Collection, out: OutFolder, options: Options) -> tuple[Written, ...]:
    """Write fuel's file for all splits."""
    if not options.is_fuel:
        return ()
    return (out.publish("ilsvrc2012.hdf5", hdf5_fuel.joined(collection, _numbers(collection, options))),)


def read(folder: Path, edition: Edition) -> Iterator[Row]:
    """Read every file, by split and number. Raises LayoutRefused, MachineError."""
    return (row for _, rows in read_files(folder, edition) for row in rows)


def read_files(folder: Path, edition: Edition) -> FileRows:
    """Give every file with its rows. Raises LayoutRefused, MachineError."""
    found = [
        (split, options, name)
        for options in _LAYOUTS
        for split in Split
        for name in walk_present(folder, partial(layout_path, options, split))
    ]
    if not found:
        raise LayoutRefused(f"{folder} holds no HDF5 files", seen="there is no train.hdf5 and no ILSVRC128.hdf5")
    for split, options, name in found:
        rows = hdf5_fuel.read(folder / name, split) if options.is_fuel else hdf5_biggan.read(folder / name, split)
        yield name, rows
