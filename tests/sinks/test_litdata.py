"""LitData's chunks, taken apart by hand after the layout of its writer."""

from __future__ import annotations

import json
import re
import struct
from collections.abc import Callable
from dataclasses import replace
from itertools import pairwise
from pathlib import Path
from typing import NamedTuple

import pytest

from kilotar.errors import LayoutRefused, UsageError
from kilotar.model.sample import Box, Split, key_of
from kilotar.model.table import SampleTable
from kilotar.sinks import litdata
from kilotar.sinks.litdata import Options
from kilotar.sinks.offset_shards import offsets
from tests.doubles.collections import CMYK, PNG, BoxTable, Small, make_small
from tests.doubles.folders import lay, tree


class Leaves(NamedTuple):
    """A sample as it lies in a chunk."""

    image: bytes
    label: int
    boxes: bytes = b""


def taken_apart(data: bytes, leaves: int) -> list[Leaves]:
    """Give the samples of a chunk."""
    (count,) = struct.unpack_from("<I", data)
    bounds = struct.unpack_from(f"<{count + 1}I", data, 4)
    assert bounds[0] == 4 * (count + 2) and bounds[-1] == len(data)
    return [sample(data[start:stop], leaves) for start, stop in pairwise(bounds)]


def sample(data: bytes, leaves: int) -> Leaves:
    lengths = struct.unpack_from(f"<{leaves}I", data)
    values, at = [], 4 * leaves
    for length in lengths:
        values.append(data[at : at + length])
        at += length
    assert at == len(data)
    return Leaves(values[0], struct.unpack("<q", values[1])[0], *values[2:])


def written(folder: Path, small: Small, split: str, options: Options | None = None) -> list[Leaves]:
    """Write an output; give the samples of a split in the order of its index."""
    lay(litdata, small, folder, options)
    index = json.loads((folder / split / "index.json").read_bytes())
    leaves = len(index["config"]["data_format"])
    chunks = [(folder / split / chunk["filename"]).read_bytes() for chunk in index["chunks"]]
    assert [(len(data), len(taken_apart(data, leaves)), None) for data in chunks] == [
        (chunk["chunk_bytes"], chunk["chunk_size"], chunk["dim"]) for chunk in index["chunks"]
    ]
    return [leaf for data in chunks for leaf in taken_apart(data, leaves)]


def test_each_split_is_a_folder_for_the_reader(tmp_path: Path) -> None:
    lay(litdata, make_small(), tmp_path, Options(shards=2))
    assert sorted(tree(tmp_path)) == [
        "test/chunk-0-0.bin",
        "test/index.json",
        "test/names.tsv",
        "train/chunk-0-0.bin",
        "train/chunk-0-1.bin",
        "train/index.json",
        "train/names.tsv",
        "val/chunk-0-0.bin",
        "val/index.json",
        "val/names.tsv",
    ]


def test_the_configuration_is_that_of_a_tuple_of_an_image_and_a_number(tmp_path: Path) -> None:
    lay(litdata, make_small(), tmp_path)
    text = (tmp_path / "train/index.json").read_text()
    index = json.loads(text)
    assert json.dumps(index, sort_keys=True) == text
    leaf = '{"type": null, "context": null, "children_spec": []}'
    assert index["config"] == {
        "chunk_bytes": 64_000_000,
        "chunk_size": None,
        "compression": None,
        "data_format": ["jpeg", "int"],
        "data_spec": f'[1, {{"type": "builtins.tuple", "context": "null", "children_spec": [{leaf}, {leaf}]}}]',
        "encryption": None,
        "item_loader": "PyTreeLoader",
    }


def test_the_stamp_changes_with_the_images_and_with_nothing_else(tmp_path: Path) -> None:
    stamps = []
    for number, seed in enumerate((0, 0, 1)):
        lay(litdata, make_small(seed=seed), tmp_path / str(number))
        stamps.append(json.loads((tmp_path / str(number) / "val/index.json").read_bytes())["updated_at"])
    assert stamps[0] == stamps[1] != stamps[2]
    assert all(
        isinstance(stamp, str) and stamp.isalnum() for stamp in stamps
    )  # it names a folder of the reader's cache


@pytest.mark.parametrize("split", Split)
def test_images_are_as_published_and_labels_are_ranks_complaint_49(split: Split, tmp_path: Path) -> None:
    small = make_small()
    rank = {wnid: place for place, wnid in enumerate(small.collection.classes)} | {"": -1}
    found = written(tmp_path, small, split, Options(shards=4))
    expected = [Leaves(data, rank[sample.wnid]) for sample, data in small.samples() if sample.split == split]
    assert sorted(found) == sorted(expected)
    if split is Split.TRAIN:
        assert {PNG, CMYK} <= {leaves.image for leaves in found}


def test_names_stand_in_the_order_of_the_samples(tmp_path: Path) -> None:
    small = make_small()
    found = written(tmp_path, small, "train", Options(shards=3))
    images = {sample.name: (data, sample.wnid) for sample, data in small.samples()}
    names = [line.split("\t") for line in (tmp_path / "train/names.tsv").read_text().splitlines()]
    assert [images[name] for name, _ in names] == [
        (leaves.image, wnid) for leaves, (_, wnid) in zip(found, names, strict=True)
    ]


def test_boxes_are_an_array_of_numpy_where_asked_for_of_none_and_of_thirty(tmp_path: Path) -> None:
    small = make_small()
    boxes = {data: sample.boxes for sample, data in small.samples()}
    found = written(tmp_path, small, "train", Options(boxes=True))
    for leaves in found:
        sides = [(box.xmin, box.ymin, box.xmax, box.ymax) for box in boxes[leaves.image]]
        assert struct.unpack_from("<4I", leaves.boxes) == (2, 2, len(sides), 4)
        assert list(struct.iter_unpack("<4i", leaves.boxes[16:])) == sides
    assert {len(leaves.boxes) for leaves in found} >= {16, 16 + 30 * 16}


def test_boxes_are_read_back_with_their_classes(tmp_path: Path) -> None:
    small = make_small()
    odd = {0: Box("n02119789", -0, 5, 2, 999_999), 1: Box("x.y-z'_", 7, 8, 7, 1)}
    book = small.collection.boxes
    changed = BoxTable({key: (*boxes, odd[at % 2]) for at, (key, boxes) in enumerate(book.boxes.items())})
    small = replace(small, collection=replace(small.collection, boxes=changed))
    small = small.with_tables(lambda table: SampleTable(table.split, table.parts, changed))
    lay(litdata, small, tmp_path / "boxed", Options(boxes=True))
    rows = list(litdata.read(tmp_path / "boxed", small.collection.edition))
    assert [row.boxes() for row in rows if row.boxes] == [changed.of(key_of(row.name)) for row in rows]
    lay(litdata, small, tmp_path / "plain")
    assert {row.boxes for row in litdata.read(tmp_path / "plain", small.collection.edition)} == {None}


@pytest.mark.parametrize(
    ("file", "spoil", "why"),
    [
        ("names.tsv", lambda data, _: re.sub(rb"\t[^\t\n]*\n", b"\n", data), "the classes of 0"),
        ("names.tsv", lambda data, _: re.sub(rb"\t(n\d+)(( n\d+)*)\n", rb"\t\1 \1\2\n", data), "has the classes of"),
        ("chunk-0-0.bin", lambda data, at: data[:at] + b"\x03" + data[at + 1 :], "an array of type 3"),
        ("chunk-0-0.bin", lambda data, at: data[: at + 4] + b"\x01" + data[at + 5 :], "1 axes"),
        ("chunk-0-0.bin", lambda data, at: data[: at + 8] + b"\xff" * 4 + data[at + 12 :], "4294967295 boxes"),
        ("chunk-0-0.bin", lambda data, at: data[: at + 12] + b"\x05" + data[at + 13 :], "the last of 5"),
    ],
)
def test_an_array_that_holds_no_boxes_or_none_of_known_class_is_refused_when_it_is_read(
    file: str, spoil: Callable[[bytes, int], bytes], why: str, tmp_path: Path
) -> None:
    small = make_small()
    lay(litdata, small, tmp_path, Options(boxes=True))
    first = next(row for row in litdata.read(tmp_path, small.collection.edition) if row.boxes and row.boxes())
    assert first.at is not None and first.split is Split.TRAIN
    path = tmp_path / "train" / file
    path.write_bytes(spoil(path.read_bytes(), first.at.stop + 8))
    row = next(row for row in litdata.read(tmp_path, small.collection.edition) if row.name == first.name)
    assert row.boxes is not None
    with pytest.raises(LayoutRefused) as refusal:
        row.boxes()
    assert why in refusal.value.seen


def test_the_order_is_mixed_unless_asked_otherwise_complaint_46(tmp_path: Path) -> None:
    small = make_small(per_class=8)
    mixed = [leaves.label for leaves in written(tmp_path / "mixed", small, "train")]
    as_lying = [leaves.label for leaves in written(tmp_path / "archive", small, "train", Options(order="archive"))]
    assert as_lying == sorted(as_lying) == sorted(mixed) != mixed
    with pytest.raises(UsageError, match="official"):
        lay(litdata, small, tmp_path / "official", Options(order="official"))


def test_a_split_of_no_images_has_an_index_of_no_chunks(tmp_path: Path) -> None:
    lay(litdata, make_small(test=0), tmp_path)
    assert json.loads((tmp_path / "test/index.json").read_bytes())["chunks"] == []


@pytest.mark.parametrize(("split", "chunks"), [(Split.TRAIN, 7), (Split.VAL, 3), (Split.TEST, 3)])
def test_chunks_hold_64_mb_in_the_mean_and_a_wished_number_is_of_train_alone(split: Split, chunks: int) -> None:
    sizes = [1_000_000] * 129
    assert litdata.count(split, sizes, Options()) == 3
    assert litdata.count(split, sizes, Options(shards=7)) == chunks
    assert litdata.count(split, [], Options()) == 1


def test_a_chunk_that_32_bits_cannot_tell_is_refused_before_it_is_written() -> None:
    assert len(offsets([(1 << 32) - 1 - 12])) == 12
    with pytest.raises(UsageError, match="4 GiB"):
        offsets([(1 << 32) - 12])


@pytest.mark.parametrize(
    ("file", "spoil"),
    [
        ("index.json", lambda data: b"\xff"),
        ("index.json", lambda data: b"{}"),
        ("index.json", lambda data: data.replace(b'["jpeg", "int"]', b'["jpeg", "pil"]')),
        ("index.json", lambda data: data.replace(b'"chunk-0', b'"/chunk-0')),
        ("index.json", lambda data: data.replace(b'"chunk_size": 7', b'"chunk_size": 8')),
        ("index.json", lambda data: data.replace(b'"chunk_size": 7', b'"chunk_size": 1e999')),
        ("index.json", lambda data: data.replace(b'"chunk_size": 7', b'"chunk_size": 7.0')),
        ("index.json", lambda data: data.replace(b'"chunk_size": 7', b'"chunk_size": null')),
        ("names.tsv", lambda data: data.partition(b"\n")[2]),
        ("chunk-0-0.bin", lambda data: data[:10]),
        ("chunk-0-0.bin", lambda data: data[:-1]),
        ("chunk-0-0.bin", lambda data: data[:36] + b"\0\0\0\0" + data[40:]),
        ("chunk-0-0.bin", lambda data: data[:36] + b"\xff\xff\xff\xff" + data[40:]),
        ("chunk-0-0.bin", lambda data: data[:40] + b"\x09\0\0\0" + data[44:]),
    ],
)
def test_what_is_not_as_the_index_says_is_refused(file: str, spoil: Callable[[bytes], bytes], tmp_path: Path) -> None:
    small = make_small()
    lay(litdata, small, tmp_path)
    path = tmp_path / "val" / file
    path.write_bytes(spoil(path.read_bytes()))
    with pytest.raises(LayoutRefused):
        list(litdata.read(tmp_path, small.collection.edition))


def test_a_file_that_is_not_there_is_refused_by_name(tmp_path: Path) -> None:
    small = make_small()
    lay(litdata, small, tmp_path)
    with pytest.raises(LayoutRefused, match=r"index\.json"):
        list(litdata.read(tmp_path / "train", small.collection.edition))
