"""What stands in a database of images: the layout of folder2lmdb, and Caffe's.

folder2lmdb::

    b"0", b"1" ...   pickle of (image, label); of (image, label, boxes) where boxes are wanted, a box being
                     (wnid, xmin, ymin, xmax, ymax) in pixels
    b"__keys__"      pickle of the list of those keys
    b"__len__"       pickle of their number

The first of these scripts pickled with a function that pyarrow has lost; its many copies pickle with Python and read
this. Two of them (Lyken17/Efficient-PyTorch, thecml/pytorch-lmdb) wrap the image in a list and read `unpacked[0][0]`
where the others read `unpacked[0]`.

Caffe::

    b"00000000_n01440764/n01440764_10026.JPEG" ...   a Datum: data (4), label (5), encoded (7)

without channels, height and width, as convert_imageset --encoded leaves them out: Caffe's data layer decodes to know.
Source: xunge/pytorch_lmdb_imagenet folder2lmdb.py and its copies; BVLC/caffe tools/convert_imageset.cpp,
src/caffe/util/io.cpp (ReadFileToDatum), src/caffe/proto/caffe.proto.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from kilotar.model.sample import Box
from kilotar.model.seams import Item
from kilotar.parse.protobuf import DELIMITED, VARINT, read_varint, walk_fields
from kilotar.sinks import pickles
from kilotar.sinks.example import varint
from kilotar.sinks.reading import boxes_of

__all__ = ["Value", "caffe_entries", "caffe_key", "folder_entries", "parse_caffe", "parse_folder"]

Entry = tuple[bytes, bytes]
Value = tuple[int, slice]  # a label, and where in the value the image lies
_DATA, _LABEL, _ENCODED = 4, 5, 7
_HEAD = pickles.BEGIN + b"B"


def folder_entries(items: Iterable[Item], *, boxed: bool) -> Iterator[Entry]:
    """Give keys and values of folder2lmdb in the order of the samples, then those that tell of all."""
    count = 0
    for count, item in enumerate(items, 1):
        yield b"%d" % (count - 1), b"".join(_pickled(item, boxed))
    keys = (b"%d" % number for number in range(count))
    yield b"__keys__", pickles.BEGIN + pickles.blobs(keys) + pickles.END
    yield b"__len__", pickles.BEGIN + pickles.integer(count) + pickles.END


def _pickled(item: Item, boxed: bool) -> Iterator[bytes | memoryview]:
    yield pickles.BEGIN + pickles.blob_head(len(item.data))
    yield item.data
    yield pickles.integer(item.label)
    if boxed:
        yield pickles.tuples((box.wnid, box.xmin, box.ymin, box.xmax, box.ymax) for box in item.sample.boxes)
    yield (pickles.END_OF_TRIPLE if boxed else pickles.END_OF_PAIR) + pickles.END


def parse_folder(value: bytes) -> Value:
    """Find label and image in a value as `folder_entries` gives it. Raises ValueError."""
    start = len(_HEAD) + 4
    stop = start + int.from_bytes(value[len(_HEAD) : start], "little")
    if not value.startswith(_HEAD) or stop > len(value):
        raise ValueError("a value is no pickle of an image and its label")
    label, size_bytes = pickles.parse_integer(value[stop : stop + 5])
    if value[stop + size_bytes : stop + size_bytes + 1] not in (pickles.END_OF_PAIR, b"]"):
        raise ValueError("a value is no pickle of an image, its label and its boxes")
    return label, slice(start, stop)


def parse_boxes(value: bytes, stop: int) -> tuple[Box, ...]:
    """Give the boxes of a value whose image ends at `stop`. Raises ValueError."""
    _, size_bytes = pickles.parse_integer(value[stop : stop + 5])
    rows = pickles.parse_tuples(value[stop + size_bytes :])
    return boxes_of((str(wnid) for wnid, *_ in rows), (map(int, sides) for _, *sides in rows))


def is_boxed(value: bytes, stop: int) -> bool:
    """Tell whether boxes stand behind an image that ends at `stop`. Raises ValueError."""
    _, size_bytes = pickles.parse_integer(value[stop : stop + 5])
    return value[stop + size_bytes : stop + size_bytes + 1] == b"]"


def caffe_key(number: int, path: str) -> bytes:
    """Give the key of an image by its place in the list and its path there."""
    return f"{number:08d}_{path}".encode("ascii")


def caffe_entries(items: Iterable[Item], paths: Iterable[str], first: int) -> Iterator[Entry]:
    """Give keys and values of Caffe in the order of the samples, which is that of the keys.

    Args:
        paths: of all samples, as its list has them.
        first: number of the first sample.
    """
    for number, (item, path) in enumerate(zip(items, paths, strict=True), first):
        yield caffe_key(number, path), b"".join(_datum(item))


def _datum(item: Item) -> Iterator[bytes | memoryview]:
    yield bytes((_DATA << 3 | DELIMITED,)) + varint(len(item.data))
    yield item.data
    yield bytes((_LABEL << 3 | VARINT,)) + varint(item.label & (1 << 64) - 1)
    yield bytes((_ENCODED << 3 | VARINT, 1))


def parse_caffe(value: bytes) -> Value:
    """Find label and image in a Datum. Raises LayoutRefused; ValueError for one of raw pixels."""
    fields = {field.number: field for field in walk_fields(value, 0, len(value))}
    if not {_DATA, _LABEL, _ENCODED} <= fields.keys() or not value[fields[_ENCODED].start]:
        raise ValueError("a Datum has no encoded image with a label")
    label = read_varint(value, fields[_LABEL].start, fields[_LABEL].stop)[0]
    return label - (1 << 64) if label >> 63 else label, slice(fields[_DATA].start, fields[_DATA].stop)
