"""Lance datasets, as `lance.dataset` opens them and DuckDB and Polars query them.

::

    train.lance/data/00000.lance      columns id, image, label, label_name, name, wnid
    train.lance/_versions/*.manifest  what Lance opens: which data files there are
    validation.lance/...  test.lance/...

`id` is the place in the split, `image` the bytes, `label_name` the words of the class; these four are the columns of
the ImageNet that LanceDB publishes. Where boxes are wanted there is also `boxes`: a list of wnid, xmin, ymin, xmax and
ymax, in pixels.

Rules guarded: bytes of images as published (22 are CMYK and one is a PNG: readers convert to RGB); label -1 and no
label_name for test; a data file holds 1 GiB of images in the mean; of a file that is being written, no more than a
batch is in memory. The dataset is at its first version; what is appended later makes a second one, as in any other.
Source: lance-format/lance (python/python/lance/{file,dataset,fragment}.py, the format's specification) and
docs.lancedb.com, datasets/imagenet-1k-val.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

from kilotar.errors import LayoutRefused
from kilotar.model.edition import Edition
from kilotar.model.sample import Box, Sample, Split
from kilotar.model.seams import Collection, Item, OutFolder, Row, Shard, Written
from kilotar.sinks.base import ShardOptions, SinkAbout
from kilotar.sinks.lance_manifest import FILE_VERSION, DataFile, make_manifest, unstamped
from kilotar.sinks.numbering import first_of, wished
from kilotar.sinks.reading import FileRows, boxes_of, plain_name, refusing, refusing_library

ABOUT = SinkAbout(
    name="lance",
    summary="Lance datasets, one a split",
    folder="lance",
    needs=("lance",),
    reader="lance.dataset of pylance, LanceDB, DuckDB, Polars",
    snippet='lance.dataset("{folder}/train.lance").take([0, 1], columns=["image", "label"])',
    side_bytes=60,
    shards=True,
    stamped="pylance",
    builds=True,
)
OFFICIAL: Callable[[Sample], Any] | None = None
_NAMES = {Split.TRAIN: "train", Split.VAL: "validation", Split.TEST: "test"}
_SHARD_BYTES = 1 << 30
_BATCH_BYTES = 8 << 20
_SIDES = ("xmin", "ymin", "xmax", "ymax")
_READ_ROWS = 4096


@dataclass(frozen=True, slots=True)
class Options(ShardOptions):
    """Choices of this format.

    Attributes:
        order: see `ShardOptions`, also for seed.
        seed:  of "windowed" and "shuffled".
        shards: data files of training images, 0 for files of 1 GiB.
    """


def count(split: Split, sizes: Sequence[int], options: Options) -> int:
    """Give as many data files as make 1 GiB each."""
    return wished(options, split, -(-sum(sizes) // _SHARD_BYTES))


def path(split: Split, number: int, count: int) -> str:
    """Give `<split>.lance/data/<number>.lance`."""
    return f"{_NAMES[split]}.lance/data/{number:05d}.lance"


def build(path: Path, items: Iterable[Item], shard: Shard, collection: Collection, options: Options) -> None:
    """Write a data file. Raises OSError."""
    import pyarrow
    from lance.file import LanceFileWriter

    schema = _schema(collection)
    with LanceFileWriter(str(path), schema, version=FILE_VERSION) as writer:
        for rows in _batches(items, first_of(collection, shard), collection):
            writer.write_batch(pyarrow.RecordBatch.from_pylist(rows, schema=schema))


def _schema(collection: Collection) -> Any:
    import pyarrow as pa

    columns = [
        ("id", pa.int64()),
        ("image", pa.large_binary()),
        ("label", pa.int32()),
        ("label_name", pa.string()),
        ("name", pa.string()),
        ("wnid", pa.string()),
    ]
    if collection.boxes is not None:
        sides = [(side, pa.int32()) for side in _SIDES]
        columns.append(("boxes", pa.list_(pa.struct([("wnid", pa.string()), *sides]))))
    return pa.schema(columns)


def _batches(items: Iterable[Item], first: int, collection: Collection) -> Iterator[list[dict[str, object]]]:
    """Give rows, as many at a time as make 8 MiB of images."""
    rows: list[dict[str, object]] = []
    size_bytes = 0
    for number, item in enumerate(items, first):
        rows.append(_row(item, number, collection))
        size_bytes += len(item.data)
        if size_bytes >= _BATCH_BYTES:
            yield rows
            rows, size_bytes = [], 0
    if rows:
        yield rows


def _row(item: Item, number: int, collection: Collection) -> dict[str, object]:
    sample = item.sample
    row: dict[str, object] = {
        "id": number,
        "image": bytes(item.data),
        "label": item.label,
        "label_name": collection.edition.by_wnid[sample.wnid].words if sample.wnid else None,
        "name": sample.name,
        "wnid": sample.wnid,
    }
    if collection.boxes is not None:
        row["boxes"] = [
            {"wnid": box.wnid, "xmin": box.xmin, "ymin": box.ymin, "xmax": box.xmax, "ymax": box.ymax}
            for box in sample.boxes
        ]
    return row


def finish(collection: Collection, out: OutFolder, options: Options) -> tuple[Written, ...]:
    """Write the manifest of each split."""
    written = []
    for table in collection.tables:
        facts = [fact for fact in collection.shards if fact.shard.split is table.split and len(fact.shard.rows)]
        files = [DataFile(Path(f.shard.path).name, f.size_bytes, len(f.shard.rows)) for f in facts]
        manifest = make_manifest(_schema(collection), files)
        written.append(out.publish(f"{_NAMES[table.split]}.lance/_versions/{manifest.name}", [manifest.data]))
    return tuple(written)


def read(folder: Path, edition: Edition) -> Iterator[Row]:
    """Read the datasets of a folder. Raises LayoutRefused, MachineError."""
    return (row for _, rows in read_files(folder, edition) for row in rows)


def read_files(folder: Path, edition: Edition) -> FileRows:
    """Give every data file that the manifests name, with its rows. Raises LayoutRefused, MachineError."""
    import lance

    found = [(split, f"{name}.lance") for split, name in _NAMES.items() if (folder / f"{name}.lance").is_dir()]
    if not found:
        raise LayoutRefused(f"{folder} holds no Lance dataset", seen="there is no train.lance, validation.lance")
    for split, name in found:
        for manifest in (folder / name / "_versions").glob("*.manifest"):
            with refusing(manifest):
                unstamped(manifest.read_bytes())  # the library dies of some that are cut
        with _refusing(folder / name):
            fragments = lance.dataset(str(folder / name)).get_fragments()
            files = [plain_name(str(file.path)) for fragment in fragments for file in fragment.metadata.files]
        for file, fragment in zip(files, fragments, strict=True):
            yield f"{name}/data/{file}", _read_fragment(folder / name / "data" / file, split, fragment)


def _read_fragment(path: Path, split: Split, fragment: Any) -> Iterator[Row]:
    row = 0
    with _refusing(path):
        boxed = ["boxes"] if "boxes" in fragment.schema.names else []
        for batch in fragment.to_batches(columns=["name", "wnid", "label", *boxed], batch_size=_READ_ROWS):
            for name, wnid, label, *found in zip(*(column.to_pylist() for column in batch.columns), strict=True):
                boxes = partial(_boxes, path, found[0]) if boxed else None
                yield Row(split, name, wnid, label, partial(_read_image, path, fragment, row), boxes=boxes)
                row += 1


def _boxes(path: Path, found: Any) -> tuple[Box, ...]:
    with refusing(path):
        return boxes_of((box["wnid"] for box in found), ([box[side] for side in _SIDES] for box in found))


def _read_image(path: Path, fragment: Any, row: int) -> bytes:
    with _refusing(path):
        image: bytes = fragment.take([row], columns=["image"])["image"][0].as_py()
        return image


@contextmanager
def _refusing(path: Path) -> Iterator[None]:
    with refusing_library(path):
        try:
            yield
        except BaseException as error:  # a panic of Rust is one, of a class that nobody can import
            if type(error).__name__ != "PanicException":
                raise
            raise ValueError(str(error)) from error
