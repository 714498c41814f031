"""FFCV's files, as its Loader reads them (version 2 of the layout, since FFCV 0.0.3).

::

    train.ffcv        header, fields, a row for each sample, pages of images, a table of what lies where
    train.names.tsv   name and wnid of sample i, line by line; the reader does not look at it
    val.*  test.*

Fields are `image` (RGBImageField) and `label` (IntField), as FFCV's own recipe of ImageNet has them; a further one
would become a third element of every batch and break its training loop, so boxes are left out. Loaders are told the
name of the file, so it may be any.

Modes: "jpg" stores JPEG bytes, of images as published unless they are resized; "raw" stores pixels; "proportion"
stores a part as JPEG and the others as pixels, FFCV's own mixture: longest side 500, quality 90, half of each.
FFCV's decoder gives RGB of gray images, but nothing of CMYK and PNG, and does not say so: they are converted, unless
`--odd keep` wants them as published. FFCV reserves, for each image of a batch, room for the widest and the highest of
the file: training on images as published takes much memory, and max:500 is what FFCV resizes to.

Rules guarded: label -1 for test; an image lies within one page; a page is a power of two, and where an image is longer
than a page, pages from there on are as long as it needs and the header says the longest: pages are counted from the
begin of the file, so what lies within a short one lies within a long one. Of the same pixels FFCV itself, with one
worker, writes the same file.
Source: libffcv/ffcv ffcv/{types,writer,memory_allocator,reader}.py, ffcv/fields/{rgb_image,basics}.py,
libffcv/libffcv.cpp; libffcv/ffcv-imagenet write_imagenet.py and README.
"""

from __future__ import annotations

import io
import shutil
import struct
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from tempfile import TemporaryFile
from typing import Any, BinaryIO, NamedTuple

from kilotar.errors import ArchiveRefused, LayoutRefused, UsageError
from kilotar.model.edition import Edition
from kilotar.model.pixels import Pixels
from kilotar.model.sample import Extent, Sample, Split
from kilotar.model.seams import Collection, Item, OutFolder, Row, Shard, Written
from kilotar.parse.image_size import ImageSize, probe_ppm, probe_size
from kilotar.sinks.base import SinkAbout
from kilotar.sinks.offset_shards import facts_of, names
from kilotar.sinks.reading import FileRows, read_extent, refusing, row_at

ABOUT = SinkAbout(
    name="ffcv",
    summary="FFCV's files (.beton), one a split",
    folder="ffcv",
    reader="ffcv.loader.Loader",
    snippet='ffcv.loader.Loader("{folder}/train.ffcv", batch_size=256, order=OrderOption.QUASI_RANDOM)',
    side_bytes=35,
    shards=True,
    builds=True,
    odd="convert",
)
OFFICIAL: Callable[[Sample], Any] | None = None  # FFCV's recipe keeps the order of the folders: "archive"
MODES = ("jpg", "raw", "proportion")
NAMES = ".names.tsv"
_VERSION = 2
_HEADER = struct.Struct("<HHIQQ")  # version, fields, bytes of a page, samples, where the table begins
_FIELD = struct.Struct("<B16s1024x")
_FIELDS = _FIELD.pack(2, b"image") + _FIELD.pack(1, b"label")
_ROW = struct.Struct("<BHHQ3xq")  # mode, width, height, where the image begins; label
_PLACE = struct.Struct("<QQQ")  # sample, begin, length
_JPG, _RAW = 0, 1
_ROWS_AT = _HEADER.size + len(_FIELDS)
_MOST_PX = (1 << 16) - 1
_MOST_PAGE_BYTES = 1 << 31  # the next power of two does not go into the header


@dataclass(frozen=True, slots=True)
class Options:
    """Choices of this format.

    Attributes:
        order: see `ShardOptions`, also for seed. FFCV mixes all images (RANDOM) or those of some pages (QUASI_RANDOM).
        seed:  of "windowed" and "shuffled", and of which images "proportion" stores as JPEG.
        mode:  "jpg", "raw", or "proportion".
        compress_probability: with "proportion" the share of images stored as JPEG, "0" to "1".
        page_mib: bytes of a page, a power of two of MiB from 2 to 2048.
    """

    order: str = "shuffled"
    seed: int = 0
    mode: str = "jpg"
    compress_probability: str = "0.5"
    page_mib: int = 8

    def __post_init__(self) -> None:
        """Raises: UsageError."""
        if self.mode not in MODES:
            raise UsageError(f"ffcv.mode is {', '.join(MODES)}, not {self.mode!r}")
        if not (2 <= self.page_mib <= 2048 and self.page_mib.bit_count() == 1):
            raise UsageError(f"ffcv.page_mib is a power of two from 2 to 2048, not {self.page_mib}")
        self.jpeg_share()

    def jpeg_share(self) -> float:
        """Give `compress_probability` as a number. Raises UsageError."""
        try:
            share = float(self.compress_probability)
        except ValueError:
            share = -1.0
        if not 0 <= share <= 1:
            raise UsageError(f"ffcv.compress_probability is 0 to 1, not {self.compress_probability!r}")
        return share


def pixels(options: Options) -> Pixels:
    """Give what is done to images unless a person asks otherwise."""
    if options.mode == "jpg":
        return Pixels()
    if options.mode == "raw":
        return Pixels(form="ppm")
    share = 1 - options.jpeg_share()
    return Pixels(resize="max:500", filter="box", form="mixed", raw_share=share, seed=options.seed)


def count(split: Split, sizes: Sequence[int], options: Options) -> int:
    """Give 1: a loader reads one file."""
    return 1


def path(split: Split, number: int, count: int) -> str:
    """Give `<split>.ffcv`."""
    return f"{split}.ffcv"


def build(path: Path, items: Iterable[Item], shard: Shard, collection: Collection, options: Options) -> None:
    """Write a file of FFCV. Raises ArchiveRefused for an image that tells no size; UsageError; OSError.

    Rows, pages and table grow side by side, so that memory stays flat: rows at their place, the table in a file that
    has no name, until it follows the pages.
    """
    with path.open("xb") as file, TemporaryFile(dir=path.parent) as table:
        pages = _Pages(_ROWS_AT + _ROW.size * len(shard.rows), options.page_mib << 20)
        with path.open("r+b") as rows:
            rows.seek(_ROWS_AT)
            for number, item in enumerate(items):
                mode, size, image = _image(item)
                begin = pages.take(len(image))
                rows.write(_ROW.pack(mode, *size, begin, item.label))
                table.write(_PLACE.pack(number, begin, len(image)))
                file.seek(begin)
                file.write(image)
        file.seek(file.truncate(pages.end()))
        table.seek(0)
        shutil.copyfileobj(table, file)
        file.seek(0)
        file.write(_HEADER.pack(_VERSION, 2, pages.page_bytes, len(shard.rows), pages.end()) + _FIELDS)


class _Pages:
    """Gives images their places in pages that lie behind one another.

    Args:
        start: bytes before the first page.
        page_bytes: a power of two; doubled where an image needs it.
    """

    def __init__(self, start: int, page_bytes: int) -> None:
        self.page_bytes = page_bytes
        self._next = _aligned(start, page_bytes)

    def take(self, size_bytes: int) -> int:
        """Give where an image begins. Raises UsageError where no page can hold it."""
        while size_bytes > self.page_bytes:
            if self.page_bytes == _MOST_PAGE_BYTES:
                raise UsageError(
                    "an image is longer than the longest page of FFCV", seen=f"{size_bytes:,} bytes", fix="--resize it"
                )
            self.page_bytes *= 2
        begin = self._next
        if begin % self.page_bytes + size_bytes > self.page_bytes:
            begin = _aligned(begin, self.page_bytes)
        self._next = begin + size_bytes
        return begin

    def end(self) -> int:
        """Give where the last page ends."""
        return _aligned(self._next, self.page_bytes)


def _aligned(offset: int, page_bytes: int) -> int:
    return -(-offset // page_bytes) * page_bytes


class _Image(NamedTuple):
    """What is stored of an image."""

    mode: int
    size: ImageSize
    data: memoryview


def _image(item: Item) -> _Image:
    """Take an image as pixels or as a file. Raises ArchiveRefused."""
    if ppm := probe_ppm(item.data):
        return _Image(_RAW, _checked(item, ppm.size), item.data[ppm.offset :])
    return _Image(_JPG, _checked(item, probe_size(bytes(item.data))), item.data)


def _checked(item: Item, size: ImageSize | None) -> ImageSize:
    if size is None or max(size) > _MOST_PX:
        raise ArchiveRefused(
            f"{item.sample.name} cannot be stored: FFCV wants to know the size of each image",
            seen=f"{size.width_px} x {size.height_px} pixels" if size else "it is neither JPEG nor PNG",
            fix="--resize max:500 reads each image and names those that are damaged",
        )
    return size


def finish(collection: Collection, out: OutFolder, options: Options) -> tuple[Written, ...]:
    """Write the list of names of each split."""
    by_split = facts_of(collection)
    return tuple(out.publish(f"{split}{NAMES}", names(collection, facts)) for split, facts in by_split)


def read(folder: Path, edition: Edition) -> Iterator[Row]:
    """Read every file in its order; an image of raw pixels is given as a PPM. Raises LayoutRefused, MachineError."""
    return (row for _, rows in read_files(folder, edition) for row in rows)


def read_files(folder: Path, edition: Edition) -> FileRows:
    """Give every file with its rows. Raises LayoutRefused, MachineError."""
    found = [split for split in Split if (folder / path(split, 0, 1)).is_file()]
    if not found:
        raise LayoutRefused(f"{folder} holds no file of FFCV", seen="there is no train.ffcv, val.ffcv or test.ffcv")
    for split in found:
        name = path(split, 0, 1)
        yield name, _read_file(folder / name, folder / f"{split}{NAMES}", split)


def _read_file(path: Path, listed: Path, split: Split) -> Iterator[Row]:
    with refusing(path), path.open("rb") as rows, path.open("rb") as table:
        samples = _begin(rows, table)
        pages_end = table.tell()
        for number, (name, wnid) in zip(range(samples), _read_names(listed), strict=True):
            mode, width, height, begin, label = _ROW.unpack(rows.read(_ROW.size))
            owner, at, length = _PLACE.unpack(table.read(_PLACE.size))
            if mode not in (_JPG, _RAW) or (owner, at) != (number, begin) or at + length > pages_end:
                raise ValueError(f"sample {number}, mode {mode}, at {begin}; the table has {owner} at {at}")
            if mode == _JPG:
                yield row_at(split, name, wnid, label, path, at, length)
            else:
                read = read_extent(Extent(str(path), at, length))
                yield Row(split, name, wnid, label, partial(_as_ppm, width, height, read))


def _read_names(path: Path) -> Iterator[list[str]]:
    with refusing(path), path.open(encoding="ascii", newline="\n") as lines:
        yield from (line.removesuffix("\n").split("\t") for line in lines)


def _begin(rows: BinaryIO, table: BinaryIO) -> int:
    """Bring both to their first entry, give the number of samples. Raises ValueError, struct.error."""
    samples: int
    version, fields, _, samples, table_at = _HEADER.unpack(rows.read(_HEADER.size))
    size_bytes = table.seek(0, io.SEEK_END)
    if (version, fields) != (_VERSION, 2) or rows.read(len(_FIELDS)) != _FIELDS:
        raise ValueError(f"version {version} with {fields} fields, not version {_VERSION} with image and label")
    if table_at + samples * _PLACE.size != size_bytes or _ROWS_AT + samples * _ROW.size > table_at:
        raise ValueError(f"{samples} samples and a table at {table_at} do not go into {size_bytes} bytes")
    table.seek(table_at)
    return samples


def _as_ppm(width: int, height: int, read: Callable[[], bytes]) -> bytes:
    return b"P6\n%d %d\n255\n" % (width, height) + read()
