"""Parquet with images inside, as the Hugging Face hub keeps ImageNet, with the card that names its classes.

::

    README.md                                  the card: features, names of classes, which files are which split
    data/train-00000-of-00294.parquet ...      validation 14, test 28: 500 MB of images each
        image{bytes, path}, label              and boxes, box_wnids where boxes are wanted

Rules guarded: bytes of images as published (22 are CMYK and one is a PNG under its published name); `path` is the
published file name; label -1 for test; names of classes are told apart where they are equal ("crane", "crane2");
no statistics or dictionaries of image bytes. Boxes are xmin, ymin, xmax, ymax in pixels, as in the XML.
The library writes its release into every file: bytes are the same for the same release of pyarrow. What is the same
for all of them is the sequence of rows.
Source: huggingface/datasets features/image.py, arrow_dataset.py and config.py; the card of ILSVRC/imagenet-1k. That
copy's `path` has the wnid behind the name; `read` takes it off.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from kilotar.errors import LayoutRefused
from kilotar.model.edition import Edition
from kilotar.model.sample import NO_LABEL, Sample, Split
from kilotar.model.seams import Collection, Item, OutFolder, Row, Shard, Written
from kilotar.sinks.base import ShardOptions, SinkAbout
from kilotar.sinks.numbering import wished
from kilotar.sinks.parquet_groups import Drain, Group
from kilotar.sinks.parquet_rows import open_table, walk_rows
from kilotar.sinks.reading import FileRows, refusing
from kilotar.sinks.rows import class_names, text
from kilotar.sinks.trees import file_names

ABOUT = SinkAbout(
    name="parquet",
    summary="Parquet tables with images inside, and the card of a Hugging Face dataset",
    folder="parquet",
    needs=("pyarrow",),
    reader="datasets.load_dataset, DuckDB, Polars, pandas, Spark",
    snippet='datasets.load_dataset("{folder}", split="train")',
    side_bytes=40,
    shards=True,
    stamped="pyarrow",
)
OFFICIAL: Callable[[Sample], Any] | None = None  # the hub's copy has the order of its archives
_NAMES = {Split.TRAIN: "train", Split.VAL: "validation", Split.TEST: "test"}
_SHARD_BYTES = 500_000_000
_FILE = re.compile(r"(train|validation|test)-\d{5}-of-\d{5}(-[0-9a-f]+)?\.parquet")
_HUB_NAME = re.compile(r"(.+_\d+)_n\d{8}(\.JPEG)")  # n01440764_10026_n01440764.JPEG


@dataclass(frozen=True, slots=True)
class Options(ShardOptions):
    """Choices of this format.

    Attributes:
        order: see `ShardOptions`, also for seed.
        seed:  of "windowed" and "shuffled".
        shards: of the training images, 0 for shards of 500 MB.
    """


def count(split: Split, sizes: Sequence[int], options: Options) -> int:
    """Give as many shards as make 500 MB of images each: 294, 14 and 28 for whole splits."""
    return wished(options, split, -(-sum(sizes) // _SHARD_BYTES))


def path(split: Split, number: int, count: int) -> str:
    """Give `data/<split>-<number>-of-<count>.parquet`."""
    return f"data/{_NAMES[split]}-{number:05d}-of-{count:05d}.parquet"


def encode(
    items: Iterable[Item], shard: Shard, collection: Collection, options: Options
) -> Iterator[bytes | memoryview]:
    """Give the bytes of a shard, a row group at a time."""
    import pyarrow
    from pyarrow import parquet

    schema, drain, group = _schema(collection), Drain(), Group()
    file, listed = pyarrow.PythonFile(drain, "w"), ["image.path", "label"]
    with parquet.ParquetWriter(
        file, schema, compression="none", use_dictionary=["label"], write_statistics=listed
    ) as writer:
        for item in items:
            group.add(item)
            if group.is_full:
                writer.write_table(group.table(schema))
                group = Group()
                yield from drain.take()
        if group:
            writer.write_table(group.table(schema))
    yield from drain.take()


def _schema(collection: Collection) -> Any:
    import pyarrow as pa

    columns = [("image", pa.struct([("bytes", pa.binary()), ("path", pa.string())])), ("label", pa.int64())]
    if collection.boxes is not None:
        columns += [("boxes", pa.list_(pa.list_(pa.int64(), 4))), ("box_wnids", pa.list_(pa.string()))]
    ours = {"edition": collection.edition.name, "label_order": "sorted-wnid, 0-based", "wnids": collection.classes}
    hub = {"info": {"features": _features(collection)}}
    return pa.schema(columns, metadata={"huggingface": json.dumps(hub), "kilotar": json.dumps(ours)})


def _features(collection: Collection) -> dict[str, object]:
    """Give the types of the columns as `datasets` writes them; "Sequence" is known to all its releases."""
    features: dict[str, object] = {
        "image": {"_type": "Image"},
        "label": {"names": class_names(collection), "_type": "ClassLabel"},
    }
    if collection.boxes is not None:
        sides = {"feature": {"dtype": "int64", "_type": "Value"}, "length": 4, "_type": "Sequence"}
        features["boxes"] = {"feature": sides, "_type": "Sequence"}
        features["box_wnids"] = {"feature": {"dtype": "string", "_type": "Value"}, "_type": "Sequence"}
    return features


def finish(collection: Collection, out: OutFolder, options: Options) -> tuple[Written, ...]:
    """Write the card."""
    return (out.publish("README.md", text(f"{line}\n" for line in _card(collection))),)


def _card(collection: Collection) -> Iterator[str]:
    yield from ("---", "configs:", "- config_name: default", "  data_files:")
    for table in collection.tables:
        yield from (f"  - split: {_NAMES[table.split]}", f"    path: data/{_NAMES[table.split]}-*")
    yield from ("dataset_info:", "  features:", "  - name: image", "    dtype: image", "  - name: label")
    yield from ("    dtype:", "      class_label:", "        names:")
    yield from (f"          '{label}': {json.dumps(name)}" for label, name in enumerate(class_names(collection)))
    if collection.boxes is not None:
        yield from ("  - name: boxes", "    list:", "      list: int64", "      length: 4")
        yield from ("  - name: box_wnids", "    list: string")
    yield "  splits:"
    for table in collection.tables:
        facts = [fact for fact in collection.shards if fact.shard.split is table.split]
        yield from (f"  - name: {_NAMES[table.split]}", f"    num_bytes: {sum(fact.size_bytes for fact in facts)}")
        yield f"    num_examples: {len(table)}"
    total = sum(fact.size_bytes for fact in collection.shards)
    yield from (f"  download_size: {total}", f"  dataset_size: {total}", "---", "")
    yield f"Images of {collection.edition.name}, bytes as published. Labels: rank of the sorted wnids, from 0."


def read(folder: Path, edition: Edition) -> Iterator[Row]:
    """Read every table below `data`, by name; those of the hub's copy too.

    Raises: LayoutRefused; MissingExtra; MachineError.
    """
    return (row for _, rows in read_files(folder, edition) for row in rows)


def read_files(folder: Path, edition: Edition) -> FileRows:
    """Give every table below `data` with its rows. Raises as `read`."""
    found = [(match, name) for name in file_names(folder / "data") if (match := _FILE.fullmatch(name))]
    if not found:
        raise LayoutRefused(f"{folder} holds no Parquet of images", seen="there is no data/train-00000-of-*.parquet")
    splits = {name: split for split, name in _NAMES.items()}
    for match, name in found:
        yield f"data/{name}", _read_table(folder / "data" / name, splits[match[1]], edition)


def _read_table(path: Path, split: Split, edition: Edition) -> Iterator[Row]:
    with refusing(path), open_table(path) as table:
        wnids = _wnids(path, table.schema_arrow.metadata or {}, edition)
        for name, label, read_image, boxes in walk_rows(path, table):
            if name is None or label is None or not NO_LABEL <= label < len(wnids):
                raise LayoutRefused(f"{path} has a row without name or label", seen=f"{name}, {label}")
            hub = _HUB_NAME.fullmatch(name)
            plain, wnid = hub[1] + hub[2] if hub else name, wnids[label] if label >= 0 else ""
            yield Row(split, plain, wnid, label, read_image, boxes=boxes)


def _wnids(path: Path, metadata: Mapping[bytes, bytes], edition: Edition) -> tuple[str, ...]:
    """Give the class of each label: as we noted it, or all of the edition's in the hub's copy."""
    if b"kilotar" not in metadata:
        return tuple(synset.wnid for synset in edition.classes)
    try:
        wnids = tuple(json.loads(metadata[b"kilotar"])["wnids"])
    except (ValueError, KeyError, TypeError) as error:
        raise LayoutRefused(f"{path} does not say its classes", seen=str(error)) from error
    if not set(wnids) <= edition.by_wnid.keys():
        raise LayoutRefused(f"{path} has classes that {edition.name} has not", seen=str(wnids)[:80])
    return wnids
