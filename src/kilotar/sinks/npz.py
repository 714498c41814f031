"""Downsampled ImageNet (Chrabaszcz, Loshchilov, Hutter), in the layout in which it is published.

::

    train_data_batch_1 ... train_data_batch_10   val_data   test_data      pickled dictionaries of
    train_data_batch_1.npz ...  val_data.npz  test_data.npz                the same arrays:
        data     uint8 (n, 3 * S * S): all of red, all of green, all of blue, each row by row
        labels   from 1: the ids of the development kit, in the order of map_clsloc.txt
        mean     float64 (3 * S * S), of all training images; in the batches of train alone
    map_clsloc.txt          wnid, id, word: what labels mean
    labels.tsv              id, label, wnid: the label is the rank of the wnid from 0, as everywhere else
    npy/train_data_batch_1.npy ...     data alone, for numpy.load(..., mmap_mode="r")
    npy/train_labels_batch_1.npy ...   int64, ranks of wnids from 0
    npy/train_names_batch_1.tsv ...    name and wnid of each image

The mean is known when all batches are there; so their pixels are written first (`npy/`), and copied into the published
files then. With `files=npz` or `files=pickle` one of the two kinds is written.

Rules guarded: ids of the kit are never renumbered, also where some classes were chosen; -1 is the label of test, which
the published set has not. Pixels are resized to S x S whatever the aspect, with a box filter, as the published set is;
it was not mixed with a known seed, so its digests cannot be met. Pickles are of protocol 3, which its scripts write
with Python 3, and hold no code but NumPy's.
Source: PatrykChrabaszcz/Imagenet32_Scripts image_resizer_imagent.py, image2numpy_imagenet_{train,val}.py.
"""

from __future__ import annotations

import struct
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from functools import partial
from itertools import count as counting
from itertools import takewhile
from math import isqrt
from pathlib import Path
from typing import Any

from kilotar.editions.kit_lists import map_clsloc_lines
from kilotar.errors import LayoutRefused, UsageError
from kilotar.model.edition import Edition
from kilotar.model.pixels import Pixels
from kilotar.model.sample import Extent, Sample, Split
from kilotar.model.seams import Collection, Item, OutFolder, Row, Shard, Written
from kilotar.sinks.base import ShardOptions, SinkAbout
from kilotar.sinks.npy import npy_head, read_npy_head
from kilotar.sinks.npz_batch import Batch, mean_of
from kilotar.sinks.planes import pixels_at
from kilotar.sinks.reading import FileRows, read_extent, refusing
from kilotar.sinks.rows import text

ABOUT = SinkAbout(
    name="npz",
    summary="downsampled ImageNet of 8, 16, 32 or 64 pixels, as npz and as pickled batches",
    folder="npz",
    reader="numpy.load, pickle.load, scripts for Imagenet32 and Imagenet64, TFDS imagenet_resized",
    snippet='numpy.load("{folder}/train_data_batch_1.npz")["data"].reshape(-1, 3, 32, 32)',
    side_bytes=6250,
    shards=True,
)
FILES = ("both", "npz", "pickle")
SIZES_PX = (8, 16, 32, 64)
OFFICIAL: Callable[[Sample], Any] | None = None  # mixed without a seed
_BATCHES = 10
_LABELS, _NAMES = ("labels", "npy"), ("names", "tsv")


@dataclass(frozen=True, slots=True)
class Options(ShardOptions):
    """Choices of this format.

    Attributes:
        order: see `ShardOptions`, also for seed.
        seed:  of "windowed" and "shuffled".
        shards: batches of the training images, 0 for the 10 that readers expect.
        size:  width and height in pixels: 8, 16, 32 or 64.
        files: "both", "npz" or "pickle".
    """

    size: int = 32
    files: str = "both"

    def __post_init__(self) -> None:
        """Raises: UsageError."""
        if self.size not in SIZES_PX:
            raise UsageError(f"npz.size is {', '.join(map(str, SIZES_PX))}, not {self.size}")
        if self.files not in FILES:
            raise UsageError(f"npz.files is {', '.join(FILES)}, not {self.files!r}")

    @property
    def image_bytes(self) -> int:
        return 3 * self.size * self.size


def pixels(options: Options) -> Pixels:
    """Give what is done to images unless a person asks otherwise."""
    return Pixels(resize=f"exact:{options.size}", filter="box", form="ppm")


def side_bytes(options: Options) -> int:
    """Give the length of the published files and of the lists, for each image."""
    return options.image_bytes * (2 if options.files == "both" else 1) + 106


def count(split: Split, sizes: Sequence[int], options: Options) -> int:
    """Give the batches of a split."""
    return (options.shards or _BATCHES) if split is Split.TRAIN else 1


def path(split: Split, number: int, count: int) -> str:
    """Give where the pixels of a batch stand."""
    return f"npy/train_data_batch_{number + 1}.npy" if split is Split.TRAIN else f"npy/{split}_data.npy"


def _beside(path: str, replaced: tuple[str, str]) -> str:
    """Give the path of a list of the same batch."""
    what, ending = replaced
    return path.replace("_data", f"_{what}", 1).removesuffix("npy") + ending


def encode(items: Iterable[Item], shard: Shard, collection: Collection, options: Options) -> Iterator[bytes]:
    """Give the pixels of a batch as an array. Raises ArchiveRefused where an image is not of the size."""
    yield npy_head("|u1", (len(shard.rows), options.image_bytes))
    yield from (_planes(item, options.size) for item in items)


def _planes(item: Item, size_px: int) -> bytes:
    """Give all of red, all of green, all of blue."""
    start = pixels_at(item, size_px)
    return b"".join(bytes(item.data[start + color :: 3]) for color in range(3))


def finish(collection: Collection, out: OutFolder, options: Options) -> tuple[Written, ...]:
    """Write the published files, and what labels mean. Raises MachineError."""
    batches = [Batch(fact, collection, out, options.image_bytes) for fact in collection.shards]
    mean = mean_of([batch for batch in batches if batch.is_train], options.image_bytes)
    lists = [("map_clsloc.txt", map_clsloc_lines(collection.edition)), ("labels.tsv", _map_lines(collection))]
    written = [out.publish(path, text(lines)) for path, lines in lists]
    for batch in batches:
        stem = batch.path.removeprefix("npy/").removesuffix(".npy")
        if options.files != "npz":
            written.append(out.publish(stem, batch.pickled(mean)))
        if options.files != "pickle":
            written.append(out.publish(f"{stem}.npz", batch.zipped(mean)))
        written.append(out.publish(_beside(batch.path, _LABELS), batch.ranks()))
        written.append(out.publish(_beside(batch.path, _NAMES), batch.names()))
    return tuple(written)


def _map_lines(collection: Collection) -> Iterator[str]:
    yield "ilsvrc_id\tlabel\twnid\n"
    for label, wnid in enumerate(collection.classes):
        yield f"{collection.edition.by_wnid[wnid].ilsvrc_id}\t{label}\t{wnid}\n"


def read(folder: Path, edition: Edition) -> Iterator[Row]:
    """Read every batch, images as PPM. Raises LayoutRefused, MachineError."""
    return (row for _, rows in read_files(folder, edition) for row in rows)


def read_files(folder: Path, edition: Edition) -> FileRows:
    """Give every batch with its rows. Raises LayoutRefused, MachineError."""
    found = [(split, name) for split in Split for name in _found(folder, split)]
    if not found:
        raise LayoutRefused(f"{folder} holds no batches", seen="there is no npy/train_data_batch_1.npy")
    for split, name in found:
        yield name, _read_batch(folder, name, split)


def _found(folder: Path, split: Split) -> Iterator[str]:
    names = (path(split, number, 0) for number in (counting() if split is Split.TRAIN else (0,)))
    return takewhile(lambda name: (folder / name).is_file(), names)


def _read_batch(folder: Path, name: str, split: Split) -> Iterator[Row]:
    pixels, labels, names = (folder / each for each in (name, _beside(name, _LABELS), _beside(name, _NAMES)))
    with refusing(pixels), names.open(encoding="ascii", newline="\n") as listed:
        start, (count, image_bytes) = read_npy_head(pixels, "|u1", 2)
        labels_start, (label_count,) = read_npy_head(labels, "<i8", 1)
        size_px = isqrt(image_bytes // 3)
        if 3 * size_px * size_px != image_bytes or count != label_count:
            raise ValueError(f"{count} images of {image_bytes} bytes, {label_count} labels")
        ranks = labels.read_bytes()[labels_start:]
        for place, (line, (label,)) in enumerate(zip(listed, struct.iter_unpack("<q", ranks), strict=True)):
            file_name, wnid = line.removesuffix("\n").split("\t")
            image = read_extent(Extent(str(pixels), start + place * image_bytes, image_bytes))
            yield Row(split, file_name, wnid, label, partial(_ppm, image, size_px))


def _ppm(planes: Callable[[], bytes], size_px: int) -> bytes:
    """Give an image as it came."""
    found = planes()
    pixels = bytearray(len(found))
    for color in range(3):
        pixels[color::3] = found[color * size_px * size_px :][: size_px * size_px]
    return b"P6\n%d %d\n255\n%b" % (size_px, size_px, bytes(pixels))
