"""LMDB databases, opened as their readers open them; a Datum taken apart after caffe.proto."""

from __future__ import annotations

import hashlib
import os
import pickle
import resource
import struct
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from kilotar.errors import LayoutRefused, StorageFailed, UsageError, storage_error
from kilotar.model.sample import Split
from kilotar.sinks import lmdb, lmdb_file
from kilotar.sinks.lmdb import Options
from tests.doubles.collections import CMYK, PNG, Small, make_small
from tests.doubles.folders import lay, tree
from tests.need import need_module

library = need_module("lmdb")

CAFFE = Options(layout="caffe")


def entries(path: Path) -> dict[bytes, bytes]:
    """Give every entry of a database, opened as folder2lmdb's reader opens it."""
    with (
        library.open(
            str(path), subdir=os.path.isdir(path), readonly=True, lock=False, readahead=False, meminit=False
        ) as base,
        base.begin() as transaction,
    ):
        return dict(transaction.cursor())


def unpickled(path: Path) -> list[tuple[Any, ...]]:
    """Give the values of folder2lmdb's layout in the order of its keys."""
    found = entries(path)
    keys = pickle.loads(found[b"__keys__"])
    assert pickle.loads(found[b"__len__"]) == len(keys) == len(found) - 2
    return [pickle.loads(found[key]) for key in keys]


def datum(value: bytes) -> dict[int, Any]:
    """Take a Datum apart: fields by number, as caffe.proto numbers them."""
    fields: dict[int, Any] = {}
    at = 0
    while at < len(value):
        tag, at = varint(value, at)
        number, at = varint(value, at)
        if tag & 7 == 2:
            number, at = value[at : at + number], at + number
        fields[tag >> 3] = number
    assert at == len(value)
    return fields


def varint(data: bytes, at: int) -> tuple[int, int]:
    value = shift = 0
    while True:
        value |= (data[at] & 0x7F) << shift
        shift, at = shift + 7, at + 1
        if data[at - 1] < 0x80:
            return value, at


def images(small: Small) -> dict[str, bytes]:
    return {sample.name: data for sample, data in small.samples()}


def test_each_split_is_one_file_with_its_names_and_nothing_beside_it_complaint_54(tmp_path: Path) -> None:
    lay(lmdb, make_small(), tmp_path)
    assert sorted(tree(tmp_path)) == [
        "test.lmdb",
        "test.names.tsv",
        "train.lmdb",
        "train.names.tsv",
        "val.lmdb",
        "val.names.tsv",
    ]


@pytest.mark.parametrize("split", Split)
def test_values_are_image_and_label_under_decimal_keys_complaint_54(split: Split, tmp_path: Path) -> None:
    small = make_small(per_class=5).without_boxes()
    rank = {wnid: place for place, wnid in enumerate(small.collection.classes)} | {"": -1}
    lay(lmdb, small, tmp_path)
    lines = [line.split("\t") for line in (tmp_path / f"{split}.names.tsv").read_text().splitlines()]
    found = unpickled(tmp_path / f"{split}.lmdb")
    assert found == [(images(small)[name], rank[wnid]) for name, wnid in lines]
    assert sorted(name for name, _ in lines) == sorted(s.name for s, _ in small.samples() if s.split is split)
    assert pickle.loads(entries(tmp_path / f"{split}.lmdb")[b"__keys__"])[:2] == [b"0", b"1"]
    if split is Split.TRAIN:
        assert {PNG, CMYK} <= {image for image, _ in found}


def test_boxes_are_a_third_element_that_readers_of_two_do_not_meet(tmp_path: Path) -> None:
    small = make_small()
    lay(lmdb, small, tmp_path)
    boxes = {data: sample.boxes for sample, data in small.samples()}
    for image, _, found in unpickled(tmp_path / "train.lmdb"):
        assert found == [(box.wnid, box.xmin, box.ymin, box.xmax, box.ymax) for box in boxes[image]]
    assert {len(found) for *_, found in unpickled(tmp_path / "train.lmdb")} >= {0, 30}


def test_the_official_order_is_that_of_class_folders(tmp_path: Path) -> None:
    small = make_small()
    lay(lmdb, small, tmp_path, Options(order="official"))
    lines = [line.split("\t") for line in (tmp_path / "train.names.tsv").read_text().splitlines()]
    assert lines == sorted(lines, key=lambda line: (line[1], line[0]))


def test_several_files_of_train_are_whole_databases_each(tmp_path: Path) -> None:
    small = make_small()
    lay(lmdb, small, tmp_path, Options(shards=4))
    files = [tmp_path / f"train_{number}.lmdb" for number in range(4)]
    assert sorted(image for path in files for image, *_ in unpickled(path)) == sorted(
        data for sample, data in small.samples() if sample.split is Split.TRAIN
    )
    assert not (tmp_path / "train.lmdb").exists()
    rows = list(lmdb.read(tmp_path, small.collection.edition))
    assert {row.name: row.read() for row in rows if row.read} == images(small)


def test_a_split_without_images_is_an_empty_data_set(tmp_path: Path) -> None:
    lay(lmdb, make_small(val=0), tmp_path)
    assert unpickled(tmp_path / "val.lmdb") == []


@pytest.mark.parametrize("split", Split)
def test_caffe_gets_encoded_datums_under_sorted_keys_in_the_order_of_its_list(split: Split, tmp_path: Path) -> None:
    small = make_small().without_boxes()
    lay(lmdb, small, tmp_path, CAFFE)
    listed = [line.split(" ") for line in (tmp_path / f"{split}.txt").read_text().splitlines()]
    found = entries(tmp_path / f"ilsvrc12_{split}_lmdb")
    assert list(found) == sorted(found) == [f"{n:08d}_{path}".encode() for n, (path, _) in enumerate(listed)]
    for (path, label), value in zip(listed, found.values(), strict=True):
        data = images(small)[path.rpartition("/")[2]]
        assert datum(value) == {4: data, 5: int(label) & (1 << 64) - 1, 7: 1}
        assert ("/" in path) == (split is Split.TRAIN)
    assert os.listdir(tmp_path / f"ilsvrc12_{split}_lmdb") == ["data.mdb"]


def test_caffes_lists_are_ranks_of_synsets_complaint_31(tmp_path: Path) -> None:
    small = make_small()
    lay(lmdb, small, tmp_path, CAFFE)
    wnids = (tmp_path / "synsets.txt").read_text().split()
    assert wnids == list(small.collection.classes)
    wnid_of = {sample.name: sample.wnid for sample, _ in small.samples()}
    for split in (Split.TRAIN, Split.VAL):
        for line in (tmp_path / f"{split}.txt").read_text().splitlines():
            path, label = line.split(" ")
            assert wnids[int(label)] == wnid_of[path.rpartition("/")[2]]
    assert {line.split(" ")[1] for line in (tmp_path / "test.txt").read_text().splitlines()} == {"-1"}
    words = (tmp_path / "synset_words.txt").read_text().splitlines()
    assert words[0] == "n01440764 tench, Tinca tinca"


@pytest.mark.parametrize("options", [CAFFE, Options(layout="caffe", shards=3)], ids=["one", "three"])
def test_caffes_databases_are_read_back_whole(options: Options, tmp_path: Path) -> None:
    small = make_small()
    lay(lmdb, small, tmp_path, options)
    rank = {wnid: place for place, wnid in enumerate(small.collection.classes)} | {"": -1}
    rows = [
        (r.split, r.name, r.wnid, r.label, r.read and r.read()) for r in lmdb.read(tmp_path, small.collection.edition)
    ]
    assert sorted(rows) == sorted((s.split, s.name, s.wnid, rank[s.wnid], data) for s, data in small.samples())


@pytest.mark.parametrize("options", [Options(), CAFFE], ids=["folder2lmdb", "caffe"])
def test_bytes_do_not_hang_on_what_memory_held_before(options: Options, tmp_path: Path) -> None:
    small = make_small(per_class=40)
    lay(lmdb, small, tmp_path / "first", options)
    waste = [os.urandom(4096) for _ in range(4096)]
    del waste
    lay(lmdb, small, tmp_path / "second", options)
    assert tree(tmp_path / "first") == tree(tmp_path / "second")


@pytest.fixture
def small_batches(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let a few megabytes be many transactions, and more than the first map holds."""
    monkeypatch.setattr(lmdb_file, "_BATCH_BYTES", 1 << 18)
    monkeypatch.setattr(lmdb_file, "_SPARE_BYTES", 1 << 18)
    monkeypatch.setattr(lmdb_file, "_STEP_BYTES", 1 << 20)


def many(count: int) -> Iterator[tuple[bytes, bytes]]:
    return ((b"%d" % number, bytes([number % 251]) * (9_000 + 7 * number)) for number in range(count))


def test_the_map_grows_with_the_file_and_is_little_larger_complaint_54(small_batches: None, tmp_path: Path) -> None:
    path = tmp_path / "base"
    lmdb_file.write_database(path, many(800), sorted_keys=False)
    size_bytes = path.stat().st_size
    with library.open(str(path), subdir=False, readonly=True, lock=False) as base:
        stored = struct.unpack_from("<Q", path.read_bytes(), 32)[0]
        assert base.info()["map_size"] >= size_bytes
        assert base.stat()["entries"] == 800
    assert 8 << 20 < size_bytes <= stored < size_bytes + (3 << 20)
    assert entries(path) == dict(many(800))


def test_a_file_that_may_not_grow_is_an_error_of_the_disk(small_batches: None, tmp_path: Path) -> None:
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (1 << 20, before[1]))
    try:
        with pytest.raises(OSError) as found:
            lmdb_file.write_database(tmp_path / "base", many(800), sorted_keys=False)
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)
    assert isinstance(storage_error(found.value, "write"), StorageFailed)


def test_an_error_of_the_source_comes_out_as_it_is(tmp_path: Path) -> None:
    def broken() -> Iterator[tuple[bytes, bytes]]:
        yield b"0", b"x"
        raise LayoutRefused("the source ends here")

    with pytest.raises(LayoutRefused, match="ends here"):
        lmdb_file.write_database(tmp_path / "base", broken(), sorted_keys=False)


def test_a_layout_that_is_none_is_refused() -> None:
    with pytest.raises(UsageError, match="folder2lmdb or caffe"):
        Options(layout="cafe")


def test_two_readers_of_one_file_do_not_meet_complaint_54(tmp_path: Path) -> None:
    small = make_small()
    lay(lmdb, small, tmp_path)
    edition = small.collection.edition
    pairs = zip(lmdb.read(tmp_path, edition), lmdb.read(tmp_path, edition), strict=True)
    assert all(one.read and other.read and one.read() == other.read() for one, other in pairs)


@pytest.mark.parametrize("options", [Options(), CAFFE], ids=["folder2lmdb", "caffe"])
def test_pages_of_another_kind_are_refused_and_not_taken_for_a_bug(options: Options, tmp_path: Path) -> None:
    small = make_small(per_class=60).without_boxes()
    lay(lmdb, small, tmp_path, options)
    path = tmp_path / lmdb.layout_path(options, Split.TRAIN, 0, 1)
    data = bytearray(path.read_bytes())
    for page in range(2 * 4096, len(data), 4096):
        data[page + 10 : page + 12] = b"\x40\x00"  # the flags of each page
    path.write_bytes(data)
    with pytest.raises(LayoutRefused):
        list(lmdb.read(tmp_path, small.collection.edition))


SPOILED: list[tuple[Options, str, Callable[[bytes], bytes]]] = [
    (Options(), "val.lmdb", lambda data: b""),
    (Options(), "val.lmdb", lambda data: data[:4096]),
    (Options(), "val.lmdb", lambda data: data[:-4096]),
    (Options(), "val.lmdb", lambda data: b"\xff" * len(data)),
    (Options(), "val.lmdb", lambda data: data.replace(b"\x80\x03B", b"\x80\x03X")),
    (Options(), "val.lmdb", lambda data: data.replace(b"\x80\x03B", b"\x80\x03B\xff\xff\xff\xff")),
    (Options(), "val.names.tsv", lambda data: b""),
    (Options(), "val.names.tsv", lambda data: data + b"one\tmore\n"),
    (Options(), "val.names.tsv", lambda data: data.replace(b"\t", b" ")),
    (Options(), "val.names.tsv", lambda data: data.replace(b"_val_", b"_\xff\xfe_")),
    (CAFFE, "ilsvrc12_val_lmdb/data.mdb", lambda data: data[:-4096]),
    (CAFFE, "ilsvrc12_val_lmdb/data.mdb", lambda data: data.replace(b"\x38\x01", b"\x38\x00")),
    (CAFFE, "synsets.txt", lambda data: b""),
    (CAFFE, "synsets.txt", lambda data: data.replace(b"n0", b"n1")),
]


@pytest.mark.parametrize(("options", "file", "spoil"), SPOILED)
def test_what_is_not_whole_is_refused(
    options: Options, file: str, spoil: Callable[[bytes], bytes], tmp_path: Path
) -> None:
    small = make_small().without_boxes()
    lay(lmdb, small, tmp_path, options)
    path = tmp_path / file
    before = path.read_bytes()
    path.write_bytes(spoil(before))
    assert hashlib.sha256(path.read_bytes()).digest() != hashlib.sha256(before).digest()
    with pytest.raises(LayoutRefused):
        for row in lmdb.read(tmp_path, small.collection.edition):
            assert row.read
            row.read()
