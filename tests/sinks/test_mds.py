"""MosaicML's shards, taken apart by hand after the layout of its writer."""

from __future__ import annotations

import hashlib
import json
import struct
from collections.abc import Callable
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest

from kilotar.errors import LayoutRefused, UsageError
from kilotar.model.sample import Split
from kilotar.sinks import mds
from kilotar.sinks.mds import Options
from tests.doubles.collections import CMYK, PNG, Small, make_small
from tests.doubles.folders import lay, tree

Sample = dict[str, Any]


def taken_apart(data: bytes) -> list[Sample]:
    """Give the samples of a shard by its own configuration."""
    (count,) = struct.unpack_from("<I", data)
    bounds = struct.unpack_from(f"<{count + 1}I", data, 4)
    config = json.loads(data[4 * (count + 2) : bounds[0]])
    columns = list(zip(config["column_names"], config["column_encodings"], config["column_sizes"], strict=True))
    assert bounds[-1] == len(data)
    return [sample(data[start:stop], columns) for start, stop in pairwise(bounds)]


def sample(data: bytes, columns: list[tuple[str, str, int | None]]) -> Sample:
    open_ended = [name for name, _, size in columns if size is None]
    lengths = dict(zip(open_ended, struct.unpack_from(f"<{len(open_ended)}I", data), strict=True))
    at = 4 * len(open_ended)
    values = {}
    for name, encoding, size in columns:
        length = lengths.get(name, size)
        value = data[at : at + length]
        values[name] = DECODED[encoding](value)
        at += length
    assert at == len(data)
    return values


DECODED: dict[str, Callable[[bytes], Any]] = {
    "int": lambda value: struct.unpack("<q", value)[0],
    "jpeg": bytes,
    "json": json.loads,
}


def written(folder: Path, small: Small, split: str, options: Options | None = None) -> list[Sample]:
    """Write an output; give the samples of a split in the order of its index."""
    lay(mds, small, folder, options)
    index = json.loads((folder / split / "index.json").read_bytes())
    shards = [(folder / split / shard["raw_data"]["basename"]).read_bytes() for shard in index["shards"]]
    assert [len(taken_apart(data)) for data in shards] == [shard["samples"] for shard in index["shards"]]
    return [sample for data in shards for sample in taken_apart(data)]


def test_each_split_has_a_folder_with_an_index(tmp_path: Path) -> None:
    lay(mds, make_small(), tmp_path, Options(shards=2))
    assert sorted(tree(tmp_path)) == [
        "test/index.json",
        "test/names.tsv",
        "test/shard.00000.mds",
        "train/index.json",
        "train/names.tsv",
        "train/shard.00000.mds",
        "train/shard.00001.mds",
        "val/index.json",
        "val/names.tsv",
        "val/shard.00000.mds",
    ]


def test_the_index_is_text_as_the_writer_dumps_it_with_a_digest_for_every_shard_complaint_45(tmp_path: Path) -> None:
    small = make_small().without_boxes()
    lay(mds, small, tmp_path, Options(shards=4))
    text = (tmp_path / "train/index.json").read_text()
    index = json.loads(text)
    assert json.dumps(index, sort_keys=True) == text
    assert index["version"] == 2 and len(index["shards"]) == 4
    for number, shard in enumerate(index["shards"]):
        data = (tmp_path / f"train/shard.{number:05d}.mds").read_bytes()
        assert shard == {
            "column_encodings": ["int", "jpeg", "int"],
            "column_names": ["i", "x", "y"],
            "column_sizes": [8, None, 8],
            "compression": None,
            "format": "mds",
            "hashes": ["sha256"],
            "raw_data": {
                "basename": f"shard.{number:05d}.mds",
                "bytes": len(data),
                "hashes": {"sha256": hashlib.sha256(data).hexdigest()},
            },
            "samples": len(taken_apart(data)),
            "size_limit": 67108864,
            "version": 2,
            "zip_data": None,
        }
    assert sum(shard["samples"] for shard in index["shards"]) == 15


def test_a_shard_repeats_its_configuration_without_what_is_known_only_at_its_end(tmp_path: Path) -> None:
    lay(mds, make_small().without_boxes(), tmp_path)
    data = (tmp_path / "val/shard.00000.mds").read_bytes()
    (first,) = struct.unpack_from("<I", data, 4)
    (shard,) = json.loads((tmp_path / "val/index.json").read_bytes())["shards"]
    known = {key: value for key, value in shard.items() if key not in ("raw_data", "samples", "zip_data")}
    assert data[4 * (7 + 2) : first] == json.dumps(known, sort_keys=True).encode()


def test_samples_are_numbered_through_all_shards_of_a_split(tmp_path: Path) -> None:
    small = make_small()
    found = written(tmp_path, small, "train", Options(shards=4))
    assert [sample["i"] for sample in found] == list(range(15))
    names = [line.split("\t") for line in (tmp_path / "train/names.tsv").read_text().splitlines()]
    images = {sample.name: (data, sample.wnid) for sample, data in small.samples()}
    assert [(sample["x"], wnid) for sample, (_, wnid) in zip(found, names, strict=True)] == [
        images[name] for name, _ in names
    ]


@pytest.mark.parametrize("split", Split)
def test_images_are_as_published_and_labels_are_ranks_complaint_49(split: Split, tmp_path: Path) -> None:
    small = make_small()
    rank = {wnid: place for place, wnid in enumerate(small.collection.classes)} | {"": -1}
    found = written(tmp_path, small, split)
    expected = [(data, rank[sample.wnid]) for sample, data in small.samples() if sample.split == split]
    assert sorted((sample["x"], sample["y"]) for sample in found) == sorted(expected)
    if split is Split.TRAIN:
        assert {PNG, CMYK} <= {sample["x"] for sample in found}


def test_boxes_are_columns_beside_the_image_of_none_and_of_thirty(tmp_path: Path) -> None:
    small = make_small()
    found = written(tmp_path, small, "train")
    boxes = {data: sample.boxes for sample, data in small.samples()}
    for each in found:
        assert each["boxes"] == [[box.xmin, box.ymin, box.xmax, box.ymax] for box in boxes[each["x"]]]
        assert each["box_wnids"] == [box.wnid for box in boxes[each["x"]]]
    assert {len(each["boxes"]) for each in found} >= {0, 30}


def test_without_boxes_the_columns_are_those_of_streaming_imagenet(tmp_path: Path) -> None:
    assert {tuple(sample) for sample in written(tmp_path, make_small().without_boxes(), "train")} == {("i", "x", "y")}


def test_the_order_is_mixed_unless_asked_otherwise_complaint_46(tmp_path: Path) -> None:
    small = make_small(per_class=8)
    mixed = [sample["y"] for sample in written(tmp_path / "mixed", small, "train")]
    as_lying = [sample["y"] for sample in written(tmp_path / "archive", small, "train", Options(order="archive"))]
    other = [sample["y"] for sample in written(tmp_path / "other", small, "train", Options(seed=1))]
    assert as_lying == sorted(as_lying) == sorted(mixed) == sorted(other)
    assert mixed != as_lying and mixed != other
    with pytest.raises(UsageError, match="official"):
        lay(mds, small, tmp_path / "official", Options(order="official"))


def test_a_split_of_no_images_has_an_index_of_no_shards(tmp_path: Path) -> None:
    lay(mds, make_small(val=0), tmp_path)
    assert json.loads((tmp_path / "val/index.json").read_bytes()) == {"shards": [], "version": 2}


@pytest.mark.parametrize(("split", "shards"), [(Split.TRAIN, 7), (Split.VAL, 3), (Split.TEST, 3)])
def test_shards_hold_64_mib_in_the_mean_and_a_wished_number_is_of_train_alone(split: Split, shards: int) -> None:
    sizes = [1 << 20] * 129
    assert mds.count(split, sizes, Options()) == 3
    assert mds.count(split, sizes, Options(shards=7)) == shards
    assert mds.count(split, [], Options()) == 1


@pytest.mark.parametrize(
    ("file", "spoil"),
    [
        ("index.json", lambda data: b""),
        ("index.json", lambda data: b"[" * 100_000),
        ("index.json", lambda data: b"[]"),
        ("index.json", lambda data: data.replace(b'"shards"', b'"shads"')),
        ("index.json", lambda data: data.replace(b"shard.00000", b"../shard.00")),
        ("index.json", lambda data: data.replace(b'"samples": 7', b'"samples": 6')),
        ("index.json", lambda data: data.replace(b'"samples": 7', b'"samples": 4000000000')),
        ("index.json", lambda data: data.replace(b'"samples": 7', b'"samples": -1')),
        ("index.json", lambda data: data.replace(b'"samples": 7', b'"samples": "7"')),
        ("index.json", lambda data: data.replace(b'"x"', b'"z"')),
        ("index.json", lambda data: data.replace(b"null, 8]", b"null, 9]")),
        ("index.json", lambda data: data.replace(b"null, 8]", b"null, -8]")),
        ("names.tsv", lambda data: b""),
        ("names.tsv", lambda data: data + b"one\tmore\n"),
        ("names.tsv", lambda data: data.replace(b"\t", b" ")),
        ("names.tsv", lambda data: data.replace(b"_val_", b"_\xff\xfe_")),
        ("shard.00000.mds", lambda data: b""),
        ("shard.00000.mds", lambda data: data[:-1]),
        ("shard.00000.mds", lambda data: data + b"\0"),
        ("shard.00000.mds", lambda data: data[:8] + b"\xff\xff\xff\xff" + data[12:]),
        ("shard.00000.mds", lambda data: b"\xff" * len(data)),
    ],
)
def test_what_is_not_as_the_index_says_is_refused(file: str, spoil: Callable[[bytes], bytes], tmp_path: Path) -> None:
    small = make_small().without_boxes()
    lay(mds, small, tmp_path)
    path = tmp_path / "val" / file
    path.write_bytes(spoil(path.read_bytes()))
    with pytest.raises(LayoutRefused):
        list(mds.read(tmp_path, small.collection.edition))
    if file != "index.json":
        path.unlink()
        with pytest.raises(LayoutRefused, match="missing"):
            list(mds.read(tmp_path, small.collection.edition))


def test_a_length_that_leads_out_of_a_sample_is_refused(tmp_path: Path) -> None:
    small = make_small().without_boxes()
    lay(mds, small, tmp_path)
    path = tmp_path / "val/shard.00000.mds"
    data = bytearray(path.read_bytes())
    (first,) = struct.unpack_from("<I", data, 4)
    for length in (0, 1 << 10, 0xFFFFFFFF):
        struct.pack_into("<I", data, first, length)
        path.write_bytes(data)
        with pytest.raises(LayoutRefused):
            list(mds.read(tmp_path, small.collection.edition))
