"""LMDB databases, as the data sets of PyTorch's folder2lmdb and as Caffe read them.

::

    layout=folder2lmdb                    layout=caffe
    train.lmdb         one file           ilsvrc12_train_lmdb/data.mdb
    train.names.tsv    name, wnid         train.txt     path and label, as Caffe's convert_imageset takes it
    val.*  test.*                         ilsvrc12_val_lmdb/...   synsets.txt   synset_words.txt

What stands in them is in `kilotar.sinks.lmdb_values`. Readers open them as they are, `lock=False` where several
processes of a loader do it; each process opens for itself, after the fork. Where several files of train are asked for
they are `train_0.lmdb` and so on, each a whole database that begins with number 0 (with Caffe, where the list goes on).

Rules guarded: bytes of images as published (22 are CMYK and one is a PNG: readers convert to RGB); labels are ranks of
wnids from 0, -1 for test; no lock file, no memory that was never written, no map larger than the file needs.
`order=official` is that of ImageFolder, which folder2lmdb walks; Caffe's own recipe mixes.
Caffe's mean image is not made: its tool compute_image_mean makes it of the database.
Source: see `kilotar.sinks.lmdb_values`; BVLC/caffe examples/imagenet/create_imagenet.sh, src/caffe/util/db_lmdb.cpp.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

from kilotar.errors import LayoutRefused, UsageError
from kilotar.model.edition import Edition
from kilotar.model.sample import NO_LABEL, Box, Sample, Split
from kilotar.model.seams import Collection, Item, OutFolder, Row, Shard, Written
from kilotar.sinks import lmdb_values, pickles
from kilotar.sinks.base import ShardOptions, SinkAbout
from kilotar.sinks.lmdb_file import Database, open_database, write_database
from kilotar.sinks.numbering import first_of, walk_present, wished
from kilotar.sinks.reading import FileRows, refusing
from kilotar.sinks.rows import rank, text

ABOUT = SinkAbout(
    name="lmdb",
    summary="LMDB databases in the layout of PyTorch's folder2lmdb or of Caffe",
    folder="lmdb",
    needs=("lmdb",),
    reader="ImageFolderLMDB of folder2lmdb, Caffe, DALI (fn.readers.caffe)",
    snippet='lmdb.open("{folder}/train.lmdb", subdir=False, readonly=True, lock=False, readahead=False)',
    side_bytes=2200,
    shards=True,
    stamped="lmdb",
    builds=True,
)
LAYOUTS = ("folder2lmdb", "caffe")
_NAMES = ".names.tsv"
_SYNSETS = "synsets.txt"


@dataclass(frozen=True, slots=True)
class Options(ShardOptions):
    """Choices of this format.

    Attributes:
        order: see `ShardOptions`, also for seed; "official" is that of ImageFolder.
        seed:  of "windowed" and "shuffled".
        shards: files of training images, 0 for one. A file is begun anew after a kill, so more lose less.
        layout: "folder2lmdb" or "caffe".
    """

    layout: str = "folder2lmdb"

    def __post_init__(self) -> None:
        """Raises: UsageError."""
        if self.layout not in LAYOUTS:
            raise UsageError(f"lmdb.layout is {' or '.join(LAYOUTS)}, not {self.layout!r}")

    @property
    def is_caffe(self) -> bool:
        return self.layout == "caffe"


def _by_folder(sample: Sample) -> tuple[str, str]:
    return sample.wnid, sample.name


OFFICIAL: Callable[[Sample], Any] | None = _by_folder
_LAYOUTS = tuple(Options(layout=layout) for layout in LAYOUTS)


def count(split: Split, sizes: Sequence[int], options: Options) -> int:
    """Give 1, or what is wished for of train."""
    return wished(options, split, 1)


def path(split: Split, number: int, count: int) -> str:
    """Give where a file stands in the layout of folder2lmdb."""
    return layout_path(Options(), split, number, count)


def layout_path(options: Options, split: Split, number: int, count: int) -> str:
    """Give `<split>.lmdb`, or Caffe's `ilsvrc12_<split>_lmdb/data.mdb`; numbered where there are several."""
    stem = _stem(split, number, count)
    return f"ilsvrc12_{stem}_lmdb/data.mdb" if options.is_caffe else f"{stem}.lmdb"


def _stem(split: Split, number: int, count: int) -> str:
    return str(split) if count == 1 else f"{split}_{number}"


def build(path: Path, items: Iterable[Item], shard: Shard, collection: Collection, options: Options) -> None:
    """Write a database. Raises OSError."""
    if options.is_caffe:
        paths = map(_caffe_path, collection.samples(shard))
        entries = lmdb_values.caffe_entries(items, paths, first_of(collection, shard))
    else:
        entries = lmdb_values.folder_entries(items, boxed=collection.boxes is not None)
    write_database(path, entries, sorted_keys=options.is_caffe)


def _caffe_path(sample: Sample) -> str:
    """Give the path of an image as the published lists have it: val lies flat."""
    return f"{sample.wnid}/{sample.name}" if sample.split is Split.TRAIN else sample.name


def finish(collection: Collection, out: OutFolder, options: Options) -> tuple[Written, ...]:
    """Write the lists of names, or Caffe's."""
    return _finish_caffe(collection, out) if options.is_caffe else _finish_folder(collection, out)


def _finish_folder(collection: Collection, out: OutFolder) -> tuple[Written, ...]:
    return tuple(
        out.publish(
            fact.shard.path.removesuffix(".lmdb") + _NAMES,
            text(f"{sample.name}\t{sample.wnid}\n" for sample in collection.samples(fact.shard)),
        )
        for fact in collection.shards
    )


def _finish_caffe(collection: Collection, out: OutFolder) -> tuple[Written, ...]:
    synsets = [collection.edition.by_wnid[wnid] for wnid in collection.classes]
    written = [
        out.publish(_SYNSETS, text(f"{synset.wnid}\n" for synset in synsets)),
        out.publish("synset_words.txt", text(f"{synset.wnid} {synset.words}\n" for synset in synsets)),
    ]
    for table in collection.tables:
        shards = [fact.shard for fact in collection.shards if fact.shard.split is table.split]
        written.append(out.publish(f"{table.split}.txt", text(_caffe_list(collection, shards))))
    return tuple(written)


def _caffe_list(collection: Collection, shards: Sequence[Shard]) -> Iterator[str]:
    ranks = rank(collection.classes)
    for shard in shards:
        for sample in collection.samples(shard):
            yield f"{_caffe_path(sample)} {ranks.get(sample.wnid, NO_LABEL)}\n"


def read(folder: Path, edition: Edition) -> Iterator[Row]:
    """Read every database in the order of its list. Raises LayoutRefused, MachineError."""
    return (row for _, rows in read_files(folder, edition) for row in rows)


def read_files(folder: Path, edition: Edition) -> FileRows:
    """Give every database with its rows. Raises LayoutRefused, MachineError."""
    files = [
        (split, options, name)
        for options in _LAYOUTS
        for split in Split
        for name in walk_present(folder, partial(layout_path, options, split))
    ]
    if not files:
        raise LayoutRefused(f"{folder} holds no databases", seen="there is no train.lmdb and no ilsvrc12_train_lmdb")
    for split, options, name in files:
        yield name, _read_caffe(folder, name, split) if options.is_caffe else _read_folder(folder / name, split)


def _read_folder(path: Path, split: Split) -> Iterator[Row]:
    names = path.with_name(path.name.removesuffix(".lmdb") + _NAMES)
    with refusing(path), names.open(encoding="ascii", newline="\n") as listed:
        base = open_database(path)
        length = base.get(b"__len__").removeprefix(pickles.BEGIN)
        count, _ = pickles.parse_integer(length)
        for number, line in zip(range(count), listed, strict=True):
            name, wnid = line.removesuffix("\n").split("\t")
            key = b"%d" % number
            value = base.get(key)
            label, span = lmdb_values.parse_folder(value)
            is_boxed = lmdb_values.is_boxed(value, span.stop)
            boxes = partial(_read_boxes, base, path, key, span.stop) if is_boxed else None
            yield Row(split, name, wnid, label, partial(_read_image, base, path, key, span), boxes=boxes)


def _read_caffe(folder: Path, name: str, split: Split) -> Iterator[Row]:
    wnids = (folder / _SYNSETS).read_text("ascii").split()
    path = folder / name
    with refusing(path):
        base = open_database(path)
        for key, value in base:
            listed, _, file_name = key[9:].decode("ascii").rpartition("/")
            label, span = lmdb_values.parse_caffe(value)
            wnid = wnids[label] if label != NO_LABEL else ""
            if listed not in ("", wnid) or label < NO_LABEL:
                raise ValueError(f"{key!r} has label {label}")
            yield Row(split, file_name, wnid, label, partial(_read_image, base, path, key, span))


def _read_boxes(base: Database, path: Path, key: bytes, stop: int) -> tuple[Box, ...]:
    with refusing(path):
        return lmdb_values.parse_boxes(base.get(key), stop)


def _read_image(base: Database, path: Path, key: bytes, span: slice) -> bytes:
    with refusing(path):
        return base.get(key)[span]
