"""ArrayRecord files for Grain, in the prepared folder of TensorFlow Datasets, so that `tfds` reads the same folder.

Rules guarded: one record a group, which random access wants; nothing is compressed, as images are already; the other
rules, and how it differs from what TFDS writes: see `kilotar.sinks.tfds_layout`.

The package writes whole files by itself. Its framing (Riegeli) sums every block by HighwayHash, which Python has not,
so it is needed, and the bytes are those of its version.
Source: google/array_record cpp/array_record_writer.h, google/riegeli doc/riegeli_records_file_format.md,
google/grain grain/_src/python/data_sources.py.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any

from kilotar.errors import LayoutRefused
from kilotar.model.edition import Edition
from kilotar.model.sample import Split
from kilotar.model.seams import Collection, Item, OutFolder, Row, Shard, Written
from kilotar.parse.example import parse_example
from kilotar.sinks import tfds_layout
from kilotar.sinks.base import SinkAbout
from kilotar.sinks.library_errors import as_os_error
from kilotar.sinks.reading import FileRows
from kilotar.sinks.tfds_layout import Options, hash_order, record, shard_path, side_files
from kilotar.sinks.tfds_layout import count as count

ABOUT = SinkAbout(
    name="array-record",
    summary="ArrayRecord files in the layout of TensorFlow Datasets; CMYK and PNG images as RGB",
    folder="array-record",
    needs=("array_record",),
    reader="grain.sources.ArrayRecordDataSource, tfds.data_source",
    snippet='grain.sources.ArrayRecordDataSource(sorted(glob.glob("{folder}/imagenet2012/5.1.0/*-train.array*")))',
    shards=True,
    stamped="array_record",
    builds=True,
    odd="convert",
    version=2,
)
OFFICIAL = hash_order
_FORM = "array_record"
_WRITING = "group_size:1,uncompressed"
_READING = "readahead_buffer_size:0"


def path(split: Split, number: int, count: int) -> str:
    """Give the name of a shard, below the folder of the version."""
    return shard_path(split, number, count, _FORM)


def build(path: Path, items: Iterable[Item], shard: Shard, collection: Collection, options: Options) -> None:
    """Write a shard. Raises OSError."""
    from array_record.python.array_record_module import ArrayRecordWriter

    try:
        writer = ArrayRecordWriter(str(path), _WRITING)
        for item in items:
            writer.write(b"".join(record(item.sample, item.label, item.data)))
        writer.close()
    except RuntimeError as error:  # all that the package raises
        raise as_os_error(error, path) from error


def finish(collection: Collection, out: OutFolder, options: Options) -> tuple[Written, ...]:
    """Write what TFDS asks for beside the shards."""
    return side_files(collection, out, _FORM)


def read(folder: Path, edition: Edition) -> Iterator[Row]:
    """Read every shard, in order. Raises LayoutRefused, MachineError."""
    return (row for _, rows in read_files(folder, edition) for row in rows)


def read_files(folder: Path, edition: Edition) -> FileRows:
    """Give every shard with its rows. Raises LayoutRefused, MachineError."""
    return tfds_layout.read_files(folder, _FORM, _records)


def _records(file: Path) -> Iterator[tuple[bytes, Callable[[Row, range], Row]]]:
    from array_record.python.array_record_module import ArrayRecordReader

    with _refusing(file):
        reader = ArrayRecordReader(str(file), _READING)
        for place in range(reader.num_records()):
            yield reader.read([place])[0], partial(_with_image, file, reader, place)


def _with_image(file: Path, reader: Any, place: int, row: Row, image: range) -> Row:
    return replace(row, read=partial(_image, file, reader, place))


def _image(file: Path, reader: Any, place: int) -> bytes:
    with _refusing(file):
        data: bytes = reader.read([place])[0]
    span = parse_example(data).span("image")
    return data[span.start : span.stop]


@contextmanager
def _refusing(file: Path) -> Iterator[None]:
    try:
        yield
    except (RuntimeError, ValueError, IndexError) as error:  # what the package raises
        raise LayoutRefused(f"{file.name} is no ArrayRecord file, or damaged", seen=str(error)[:200]) from error
