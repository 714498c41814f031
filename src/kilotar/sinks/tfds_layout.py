"""The prepared folder of TensorFlow Datasets, whatever its files are framed in.

::

    imagenet2012/5.1.0/imagenet2012-train.<format>-00000-of-01024 ...  -validation...-of-00064  -test...-of-00128
    imagenet2012/5.1.0/{features.json, dataset_info.json, label.labels.txt}

Rules guarded: version, names, order and number of shards are those of a folder that TFDS has made; labels count from 0,
-1 for test; a split without images is not announced. Of records only the meaning is that of TFDS: a map has no order.

As TFDS has it, the 22 CMYK images and the PNG become RGB JPEGs of quality 100, but by Pillow; with `--odd keep` they
keep their bytes, and TensorFlow's decoders give RGB of all of them.
Differs from TFDS: names of test images have no folder, as in a tar of the old test archive and its patch, which TFDS
asks for; out of the archive of 2019 it would take "test/..." for names, and so another order.
Source: tensorflow/datasets core/{naming,hashing,shuffle,dataset_info}.py, core/utils/shard_utils.py, core/features/,
datasets/imagenet2012/, compared with what 4.9.10 writes.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from itertools import islice
from pathlib import Path
from typing import Any

from kilotar.errors import LayoutRefused
from kilotar.model.sample import NO_LABEL, Sample, Split
from kilotar.model.seams import Collection, OutFolder, Row, Written
from kilotar.parse.example import parse_example
from kilotar.sinks.base import ShardOptions
from kilotar.sinks.example import Image, example, ints, text
from kilotar.sinks.numbering import wished
from kilotar.sinks.reading import FileRows, read_json, refusing

__all__ = [
    "FOLDER",
    "Options",
    "count",
    "hash_order",
    "read_files",
    "record",
    "shard_count",
    "shard_path",
    "side_files",
]

FOLDER = "imagenet2012/5.1.0"
_NAMES = {Split.TRAIN: "train", Split.VAL: "validation", Split.TEST: "test"}
_MIN_SHARD_BYTES, _MAX_SHARD_BYTES = 64 << 20, 1 << 30
_BESIDE_BYTES = 90  # of a record, beside its image: names and frames
_FEATURES = "tensorflow_datasets.core.features."
_DESCRIPTION = "ILSVRC 2012, written by kilotar; kilotar-manifest.json says what was done to images."
_CITATION = "Russakovsky et al., ImageNet Large Scale Visual Recognition Challenge, IJCV 115(3):211-252, 2015."

Records = Callable[[Path], Iterable[tuple[bytes, Callable[[Row, range], Row]]]]


@dataclass(frozen=True, slots=True)
class Options(ShardOptions):
    """Choices of the formats that stand in this folder.

    Attributes:
        order: "official" is that of TFDS; see `ShardOptions` for the others, for seed and shards.
        seed:  of "windowed" and "shuffled".
        shards: of the training images, 0 for as many as TFDS takes.
    """

    order: str = "official"


def hash_order(sample: Sample) -> int:
    """Give the place of a sample in the order of TFDS: the MD5 of split and name, as a number."""
    key = f"{_NAMES[sample.split]}{sample.name}".encode()
    return int.from_bytes(hashlib.md5(key, usedforsecurity=False).digest(), "big")


def shard_count(sizes: Sequence[int]) -> int:
    """Give the number of shards of 64 MiB to 1 GiB that TFDS takes for a split."""
    total_bytes = sum(sizes) + _BESIDE_BYTES * len(sizes)
    least, most = total_bytes // _MAX_SHARD_BYTES, min(total_bytes // _MIN_SHARD_BYTES, len(sizes))
    if least > 1024:
        return min(-(-least // 1024) * 1024, len(sizes))
    return next((count for count in (1024, 512, 256, 128, 64, 32, 16, 8, 4, 2) if least <= count <= most), 1)


def count(split: Split, sizes: Sequence[int], options: Options) -> int:
    """Give the number of shards that TFDS takes."""
    return wished(options, split, shard_count(sizes))


def shard_path(split: Split, number: int, count: int, form: str) -> str:
    """Give `imagenet2012/5.1.0/imagenet2012-<split>.<form>-<number>-of-<count>`."""
    return f"{FOLDER}/imagenet2012-{_NAMES[split]}.{form}-{number:05d}-of-{count:05d}"


def record(sample: Sample, label: int, data: Image) -> list[bytes | Image]:
    """Give the record of a sample in pieces."""
    return example({"file_name": text(sample.name), "label": ints([label])}, "image", data)


def side_files(collection: Collection, out: OutFolder, form: str) -> tuple[Written, ...]:
    """Write what TFDS asks for beside the shards."""
    names = (f"{wnid}\n".encode("ascii") for wnid in collection.classes)
    return (
        out.publish(f"{FOLDER}/dataset_info.json", [_dump(_info(collection, form))]),
        out.publish(f"{FOLDER}/features.json", [_dump(_features(len(collection.classes)))]),
        out.publish(f"{FOLDER}/label.labels.txt", names),
    )


def _dump(content: object) -> bytes:
    return json.dumps(content, indent=4, sort_keys=True).encode("ascii")


def _features(classes: int) -> dict[str, Any]:
    image = {"dtype": "uint8", "encodingFormat": "jpeg", "shape": {"dimensions": ["-1", "-1", "3"]}}
    label = {"numClasses": str(classes)}
    return {
        "pythonClassName": f"{_FEATURES}features_dict.FeaturesDict",
        "featuresDict": {
            "features": {
                "file_name": {"pythonClassName": f"{_FEATURES}text_feature.Text", "text": {}},
                "image": {"pythonClassName": f"{_FEATURES}image_feature.Image", "image": image},
                "label": {"pythonClassName": f"{_FEATURES}class_label_feature.ClassLabel", "classLabel": label},
            }
        },
    }


def _info(collection: Collection, form: str) -> dict[str, Any]:
    return {
        "citation": _CITATION,
        "description": _DESCRIPTION,
        "fileFormat": form,
        "location": {"urls": ["https://image-net.org/"]},
        "moduleName": "tensorflow_datasets.datasets.imagenet2012.imagenet2012_dataset_builder",
        "name": "imagenet2012",
        "splits": [_split(collection, split) for split in _NAMES if collection.table(split)],
        "supervisedKeys": {"tuple": {"items": [{"featureKey": "image"}, {"featureKey": "label"}]}},
        "version": "5.1.0",
    }


def _split(collection: Collection, split: Split) -> dict[str, Any]:
    shards = [fact.shard for fact in collection.shards if fact.shard.split is split]
    ranks = {wnid: rank for rank, wnid in enumerate(collection.classes)}
    payload_bytes = 0
    for sample in collection.table(split) or ():
        blank = bytes(sample.at.size_bytes)
        payload_bytes += sum(map(len, record(sample, ranks.get(sample.wnid, NO_LABEL), blank)))
    return {
        "filepathTemplate": "{DATASET}-{SPLIT}.{FILEFORMAT}-{SHARD_X_OF_Y}",
        "name": _NAMES[split],
        "numBytes": str(payload_bytes),
        "shardLengths": [str(len(shard.rows)) for shard in shards],
    }


def read_files(folder: Path, form: str, records: Records) -> FileRows:
    """Give every shard that `dataset_info.json` names, in order, with its rows.

    Args:
        records: gives the records of a file, each with what gives a row for the place of its image.
    Raises: LayoutRefused, MachineError.
    """
    home = folder / FOLDER
    if not (home / "dataset_info.json").is_file():
        raise LayoutRefused(f"{folder} holds no {FOLDER}", seen="there is no dataset_info.json")
    info = read_json(home / "dataset_info.json")
    with refusing(home / "label.labels.txt"):
        wnids = (home / "label.labels.txt").read_text("ascii").split()
    with refusing(home / "dataset_info.json"):
        found = info.get("fileFormat", "tfrecord")  # older releases had no other
        if found != form:
            raise LayoutRefused(f"{folder} is not in {form}", seen=f"fileFormat {found!r}")
        lengths = {split["name"]: [int(length) for length in split["shardLengths"]] for split in info["splits"]}
    for split, name in _NAMES.items():
        counts = lengths.get(name, [])
        for number, length in enumerate(counts):
            file = shard_path(split, number, len(counts), form)
            yield file, _rows(folder / file, split, length, records, wnids)


def _rows(file: Path, split: Split, length: int, records: Records, wnids: list[str]) -> Iterator[Row]:
    seen = 0
    with refusing(file):
        for data, row in islice(records(file), length + 1):
            facts = parse_example(data)
            (label,) = facts.ints("label")
            if not NO_LABEL <= label < len(wnids):
                raise LayoutRefused(f"{file.name} has label {label}", seen=f"{len(wnids)} classes")
            wnid = wnids[label] if label != NO_LABEL else ""
            yield row(Row(split, facts.text("file_name").rpartition("/")[2], wnid, label), facts.span("image"))
            seen += 1
        if seen != length:
            raise LayoutRefused(f"{file.name} has not {length} records", seen=f"{seen} or more")
