"""RecordIO, as MXNet's iterators and DALI's mxnet reader want it.

::

    train.rec   all images of the split: records of (flag, label, number, 0), image
    train.idx   number and offset of each record, for reading in any order
    train.lst   number, label and path of each image, as im2rec makes and takes it
    val.*  test.*

One file a split is what launchers of MXNet and DALI are called with. Where more are asked for, they are `train_0.rec`
and so on with an index each, as im2rec's --chunks has them; DALI reads all of them with `train.idx`, which then counts
offsets as if they were one file.

Rules guarded: bytes of images as published, as im2rec --pass-through has them (22 are CMYK and one is a PNG: DALI and
OpenCV decode both); labels are floats from 0, -1 for test; records are numbered through a split in the order of its
files. With boxes a label is what MXNet's detection iterators want: 4, 5, width, height of the image, then class, xmin,
ymin, xmax, ymax of each box as fractions; class -1 marks boxes of other classes, of images that tell no size, and the
one object of an image without boxes. Read back, boxes have the pixels that they had: a fraction in 32 bits is off by
less than half a pixel of any image of less than 2**23 pixels a side. Two things do not come back: what reached beyond
the right or lower edge ends there, and boxes of classes that are not in the export, or of images that tell no size, are
gone. The class of a box is told by the labels of the lists: where these do not tell it, because no image is of that
class, the boxes of the image are refused.
Source: apache/mxnet python/mxnet/recordio.py, tools/im2rec.py, python/mxnet/image/detection.py; NVIDIA/DALI
dali/operators/reader/loader/recordio_loader.h.
"""

from __future__ import annotations

import struct
from collections.abc import Callable, Container, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cache, partial
from itertools import chain, pairwise
from pathlib import Path
from typing import Any, TextIO

from kilotar.errors import LayoutRefused
from kilotar.model.edition import Edition
from kilotar.model.sample import NO_LABEL, Box, Sample, Split
from kilotar.model.seams import Collection, Item, OutFolder, Row, Shard, ShardFact, Written
from kilotar.parse.image_size import probe_size
from kilotar.sinks.base import ShardOptions, SinkAbout
from kilotar.sinks.numbering import first_of, walk_present, wished
from kilotar.sinks.reading import FileRows, boxes_of, refusing
from kilotar.sinks.recordio_frames import MAGIC, find_starts, frame, framed_bytes, payload
from kilotar.sinks.rows import rank, text

ABOUT = SinkAbout(
    name="recordio",
    summary="one file of records a split, with index and list",
    folder="recordio",
    reader="MXNet (ImageRecordIter, ImageDetRecordIter, MXIndexedRecordIO), DALI (fn.readers.mxnet)",
    snippet='fn.readers.mxnet(path=["{folder}/train.rec"], index_path=["{folder}/train.idx"], random_shuffle=True)',
    side_bytes=75,
    shards=True,
    version=2,
)
_HEAD = struct.Struct("<IfQQ")
_NO_CLASS = -1
_NO_OBJECT = (_NO_CLASS, 0, 0, 0, 0)  # class, sides
_WIDTHS = (4, 5)  # of what stands before the objects, and of an object
_FLOAT_BYTES = 4
_IMAGE, _OBJECT = (struct.Struct(f"<{width}f") for width in _WIDTHS)
_BEGIN = struct.Struct("<4sIIfQQ")  # of a record: its frame, then the header
OFFICIAL: Callable[[Sample], Any] | None = None  # im2rec shuffles the list of a folder, whose walk no name tells


@dataclass(frozen=True, slots=True)
class Options(ShardOptions):
    """Choices of this format.

    Attributes:
        order: see `ShardOptions`, also for seed.
        seed:  of "windowed" and "shuffled".
        shards: files of training images, 0 for one. A file is begun anew after a kill, so more lose less.
        boxes: have the labels of detection instead of a class, where boxes are given.
    """

    boxes: bool = False


def count(split: Split, sizes: Sequence[int], options: Options) -> int:
    """Give 1, or what is wished for of train."""
    return wished(options, split, 1)


def path(split: Split, number: int, count: int) -> str:
    """Give `<split>.rec`, and `<split>_<number>.rec` where there are several."""
    return f"{split}.rec" if count == 1 else f"{split}_{number}.rec"


def encode(
    items: Iterable[Item], shard: Shard, collection: Collection, options: Options
) -> Iterator[bytes | memoryview]:
    """Give the records of a file. Raises ArchiveRefused for an image that cannot be one."""
    ranks = rank(collection.classes)
    packed = _is_packed(collection, options)
    for number, item in enumerate(items, first_of(collection, shard)):
        data = bytes(item.data)  # a view has no find
        labels = struct.pack(f"<{_labels(item.sample)}f", *_packed(item.sample.boxes, data, ranks)) if packed else b""
        yield from frame(_head(item.sample, item.label, number, packed) + labels, data)


def _is_packed(collection: Collection, options: Options) -> bool:
    return options.boxes and collection.boxes is not None


def _head(sample: Sample, label: int, number: int, packed: bool) -> bytes:
    """Give MXNet's header of an image; where labels follow, the flag is their number and the label 0."""
    return _HEAD.pack(_labels(sample), 0.0, number, 0) if packed else _HEAD.pack(0, float(label), number, 0)


def _labels(sample: Sample) -> int:
    return 4 + 5 * max(1, len(sample.boxes))  # MXNet's iterator ends at an image without an object


def _packed(boxes: Sequence[Box], data: bytes, ranks: Mapping[str, int]) -> Iterator[float]:
    """Give the labels of detection."""
    width, height = _size_px(data)
    yield from (*_WIDTHS, width, height)
    if not boxes:
        yield from _NO_OBJECT
    for box in boxes:
        if not (width and height):
            yield from _NO_OBJECT
            continue
        yield ranks.get(box.wnid, _NO_CLASS)
        yield from (box.xmin / width, box.ymin / height, min(box.xmax / width, 1), min(box.ymax / height, 1))


def keep_boxes(boxes: tuple[Box, ...], wnid: str, data: bytes, classes: Container[str]) -> tuple[Box, ...]:
    """Give what is read back of the boxes of an image: those of classes of the output, cut at its edges."""
    width, height = _size_px(data)
    known = (box for box in boxes if width and height and box.wnid in classes)
    return tuple(replace(box, xmax=min(box.xmax, width), ymax=min(box.ymax, height)) for box in known)


def _size_px(data: bytes) -> tuple[int, int]:
    """Give width and height of an image, zeros where it does not tell."""
    return probe_size(data) or (0, 0)


def finish(collection: Collection, out: OutFolder, options: Options) -> tuple[Written, ...]:
    """Write the list and the index of each file. Raises LayoutRefused where a file is not what was written."""
    written = []
    for fact in collection.shards:
        name = fact.shard.path.removesuffix(".rec")
        written.append(out.publish(f"{name}.lst", text(_list(collection, fact.shard))))
        written.append(out.publish(f"{name}.idx", text(_index(collection, [fact], out, options))))
    for table in collection.tables:
        facts = [fact for fact in collection.shards if fact.shard.split is table.split]
        if len(facts) > 1:
            written.append(out.publish(f"{table.split}.idx", text(_index(collection, facts, out, options))))
    return tuple(written)


def _list(collection: Collection, shard: Shard) -> Iterator[str]:
    ranks = rank(collection.classes)
    for number, sample in enumerate(collection.samples(shard), first_of(collection, shard)):
        folder = f"{sample.wnid}/" if sample.wnid else ""
        yield f"{number}\t{ranks.get(sample.wnid, -1):f}\t{folder}{sample.name}\n"


def _index(collection: Collection, facts: Sequence[ShardFact], out: OutFolder, options: Options) -> Iterator[str]:
    """Give number and offset of each record of some files, as if they were one."""
    packed, before = _is_packed(collection, options), 0
    for fact in facts:
        first = first_of(collection, fact.shard)
        sizes = (_HEAD.size + packed * 4 * _labels(s) + s.at.size_bytes for s in collection.samples(fact.shard))
        look = partial(_shift, out, fact.shard.path, first)
        starts = find_starts(map(framed_bytes, sizes), fact.size_bytes, look)
        yield from (f"{number}\t{before + start}\n" for number, start in enumerate(starts, first))
        before += fact.size_bytes


def _shift(out: OutFolder, path: str, first: int, row: int, at: int, most: int) -> int | None:
    """Give how far behind its place the record of a row begins: there a first part stands with its number."""
    window = out.read(path, at, most + _BEGIN.size)
    for shift in range(0, len(window) - _BEGIN.size + 1, 4):
        magic, word, _, _, number, _ = _BEGIN.unpack_from(window, shift)
        if magic == MAGIC and word >> 29 in (0, 1) and number == first + row:
            return shift
    return None


def read(folder: Path, edition: Edition) -> Iterator[Row]:
    """Read every file in the order of its list. Raises LayoutRefused, MachineError."""
    return (row for _, rows in read_files(folder, edition) for row in rows)


def read_files(folder: Path, edition: Edition) -> FileRows:
    """Give every file with its rows. Raises LayoutRefused, MachineError."""
    lists = [(split, name) for split in Split for name in walk_present(folder, partial(_list_path, split))]
    if not lists:
        raise LayoutRefused(f"{folder} holds no records", seen="there is no train.lst, val.lst or test.lst")
    wnids = cache(partial(_wnids, [folder / name for _, name in lists], edition))
    for split, name in lists:
        stem = name.removesuffix(".lst")
        yield f"{stem}.rec", _read_file(folder / stem, split, wnids)


def _list_path(split: Split, number: int, count: int) -> str:
    """Give where the list of a file stands."""
    return path(split, number, count).removesuffix("rec") + "lst"


def _wnids(lists: Iterable[Path], edition: Edition) -> dict[float, str]:
    """Give the class of each label, by the images of all lists: boxes of a file are of classes of others, too.

    A class whose label is that of the edition has all before it in the output, whether or not these have images.
    """
    found: dict[float, str] = {}
    for path in lists:
        with refusing(path), _lines(path.with_suffix(""), "lst") as listed:
            for line in listed:
                _, label, name = line.split("\t")
                found[float(label)] = name.rpartition("/")[0]
    known = {float(edition.label_of(synset.wnid)): synset.wnid for synset in edition.classes}
    last = max((label for label, wnid in found.items() if known.get(label) == wnid), default=NO_LABEL)
    return {label: wnid for label, wnid in known.items() if label <= last} | found


def _read_file(stem: Path, split: Split, wnids: Callable[[], Mapping[float, str]]) -> Iterator[Row]:
    """Give the records of a file; each must begin where the index says, with the number and label of the list."""
    rec = stem.with_name(f"{stem.name}.rec")
    with refusing(rec), _lines(stem, "lst") as listed, _lines(stem, "idx") as indexed, rec.open("rb") as file:
        size_bytes = file.seek(0, 2)
        entries = (tuple(map(int, line.split("\t"))) for line in indexed)
        spans = pairwise(chain(entries, ((-1, size_bytes),)))
        for line, ((key, start), (_, stop)) in zip(listed, spans, strict=True):
            number, label, name = line.removesuffix("\n").split("\t")
            if not 0 <= start < stop <= size_bytes:
                raise ValueError(f"record {number} is from byte {start} to {stop} of {size_bytes}")
            file.seek(start)
            magic, _, flag, value, found, _ = _BEGIN.unpack(file.read(_BEGIN.size))
            if magic != MAGIC or not int(number) == key == found or not (flag or value == float(label)):
                raise ValueError(f"at byte {start} stands no record {number} of label {label}")
            wnid, _, name = name.rpartition("/")
            boxes = partial(_read_boxes, rec, start, stop, wnids) if flag else None
            yield Row(split, name, wnid, int(float(label)), partial(_read_image, rec, start, stop), boxes=boxes)


def _lines(stem: Path, ending: str) -> TextIO:
    return stem.with_name(f"{stem.name}.{ending}").open(encoding="ascii", newline="\n")


def _read_image(path: Path, start: int, stop: int) -> bytes:
    with refusing(path), path.open("rb") as file:
        file.seek(start)
        whole = payload(file.read(max(stop - start, 0)))
    return whole[_HEAD.size + _FLOAT_BYTES * int.from_bytes(whole[:4], "little") :]


def _read_boxes(path: Path, start: int, stop: int, wnids: Callable[[], Mapping[float, str]]) -> tuple[Box, ...]:
    """Give the boxes of a record whose class is known, in pixels. Raises LayoutRefused, MachineError."""
    with refusing(path), path.open("rb") as file:
        file.seek(start)
        *_, flag, _, _, _ = _BEGIN.unpack(file.read(_BEGIN.size))
        if _BEGIN.size + _FLOAT_BYTES * flag > stop - start:
            raise ValueError(f"{flag} labels at byte {start} are more than their record")
        labels = file.read(_FLOAT_BYTES * flag)
        header, each, width, height = _IMAGE.unpack_from(labels)
        if (header, each) != _WIDTHS:
            raise ValueError(f"the labels at byte {start} begin {header}, {each}: they are not those of boxes")
        known = [one for one in _OBJECT.iter_unpack(labels[_IMAGE.size :]) if one[0] != _NO_CLASS]
        if strange := {one[0] for one in known} - wnids().keys():
            raise ValueError(f"a box at byte {start} is of class {min(strange):g}, of which there is no image")
        scales = (width, height, width, height)
        sides = ([round(part * scale) for part, scale in zip(one[1:], scales, strict=True)] for one in known)
        return boxes_of([wnids()[one[0]] for one in known], sides)
