"""Downsampled ImageNet, read by numpy and unpickled; nothing of it needs NumPy to be written."""

from __future__ import annotations

import pickle
import subprocess
import sys
import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from kilotar.errors import ArchiveRefused, LayoutRefused, UsageError
from kilotar.model.sample import Split
from kilotar.sinks import npz, pickles
from kilotar.sinks.npz import Options
from tests.doubles.collections import Small, make_small
from tests.doubles.folders import lay, seen, tree
from tests.need import need_module

numpy = need_module("numpy")
BATCHES = [f"train_data_batch_{number}" for number in range(1, 11)]
SMALL = Options(size=8)
Row = tuple[str, bytes, int]


def unpickled(path: Path) -> dict[str, Any]:
    with path.open("rb") as file:
        found = pickle.load(file)
    assert isinstance(found, dict)
    return found


def rows(folder: Path, stem: str, found: Any, size: int) -> list[Row]:
    """Give name, PPM and label of each image of a batch, taken as the scripts of the published set take them."""
    names = (folder / "npy" / (stem.replace("_data", "_names") + ".tsv")).read_text().splitlines()
    data = found["data"].reshape(-1, 3, size, size).transpose(0, 2, 3, 1)
    head = b"P6\n%d %d\n255\n" % (size, size)
    images = [head + image.tobytes() for image in data]
    return [(line.split("\t")[0], *row) for line, *row in zip(names, images, map(int, found["labels"]), strict=True)]


def expected(small: Small, split: Split, options: Options) -> list[Row]:
    ids = {synset.wnid: synset.ilsvrc_id for synset in small.collection.edition.classes} | {"": -1}
    found = seen(npz, small, options).samples()
    return sorted((sample.name, data, ids[sample.wnid]) for sample, data in found if sample.split is split)


@pytest.mark.parametrize("size", npz.SIZES_PX)
def test_both_kinds_hold_the_same_planes_and_ids_of_the_kit_complaint_37(size: int, tmp_path: Path) -> None:
    small = make_small()
    options = Options(size=size)
    lay(npz, small, tmp_path, options)
    for split, stems in ((Split.TRAIN, BATCHES), (Split.VAL, ["val_data"]), (Split.TEST, ["test_data"])):
        by_pickle, by_npz = [], []
        for stem in stems:
            batch = unpickled(tmp_path / stem)
            arrays = numpy.load(tmp_path / f"{stem}.npz")
            assert batch["data"].dtype == arrays["data"].dtype == "uint8"
            assert batch["data"].shape[1:] == (3 * size * size,)
            assert isinstance(batch["labels"], list) and arrays["labels"].dtype == "int64"
            assert set(batch) == set(arrays) == {"data", "labels"} | ({"mean"} if split is Split.TRAIN else set())
            by_pickle += rows(tmp_path, stem, batch, size)
            by_npz += rows(tmp_path, stem, arrays, size)
        assert sorted(by_pickle) == sorted(by_npz) == expected(small, split, options)


def test_the_mean_is_that_of_all_batches_to_the_last_bit(tmp_path: Path) -> None:
    lay(npz, make_small(per_class=30), tmp_path, SMALL)
    batches = [unpickled(tmp_path / stem) for stem in BATCHES]
    mean = numpy.concatenate([batch["data"] for batch in batches]).mean(axis=0)
    for stem, batch in zip(BATCHES, batches, strict=True):
        assert batch["mean"].dtype == "float64"
        assert (batch["mean"] == mean).all() and (numpy.load(tmp_path / f"{stem}.npz")["mean"] == mean).all()


def test_the_sorted_labels_and_the_map_lie_beside_the_ids_complaint_37(tmp_path: Path) -> None:
    small = make_small()
    lay(npz, small, tmp_path, SMALL)
    head, *lines = [line.split("\t") for line in (tmp_path / "labels.tsv").read_text().splitlines()]
    assert head == ["ilsvrc_id", "label", "wnid"]
    label_of = {int(number): int(label) for number, label, _ in lines}
    assert [wnid for *_, wnid in lines] == list(small.collection.classes)
    assert {wnid: int(number) for number, _, wnid in lines} == {
        wnid: int(number) for wnid, number, _ in map(str.split, (tmp_path / "map_clsloc.txt").read_text().splitlines())
    }
    for stem in [*BATCHES, "val_data"]:
        ranks = numpy.load(tmp_path / "npy" / (stem.replace("_data", "_labels") + ".npy"))
        assert [label_of[number] for number in unpickled(tmp_path / stem)["labels"]] == ranks.tolist()
    assert set(numpy.load(tmp_path / "npy/test_labels.npy")) == set(unpickled(tmp_path / "test_data")["labels"]) == {-1}


def test_ids_are_not_renumbered_where_some_classes_were_chosen(tmp_path: Path) -> None:
    small = make_small().only(["n02012849", "n03126707"])
    lay(npz, small, tmp_path, SMALL)
    found = {number for stem in BATCHES for number in unpickled(tmp_path / stem)["labels"]}
    assert found == {2, 5}
    assert {label for stem in BATCHES for label in numpy.load(tmp_path / f"npy/{_labels(stem)}.npy")} == {0, 1}


def _labels(stem: str) -> str:
    return stem.replace("_data", "_labels")


def test_pixels_can_be_mapped_instead_of_read(tmp_path: Path) -> None:
    lay(npz, make_small(), tmp_path, SMALL)
    mapped = numpy.load(tmp_path / "npy/val_data.npy", mmap_mode="r")
    assert isinstance(mapped, numpy.memmap) and (mapped == unpickled(tmp_path / "val_data")["data"]).all()


@pytest.mark.parametrize(
    ("files", "there"),
    [("npz", {"val_data.npz"}), ("pickle", {"val_data"}), ("both", {"val_data", "val_data.npz"})],
)
def test_one_kind_may_be_left_out(files: str, there: set[str], tmp_path: Path) -> None:
    lay(npz, make_small(), tmp_path, Options(size=8, files=files))
    assert {path.name for path in tmp_path.glob("val_data*")} == there


def test_other_numbers_of_batches_are_numbered_from_1(tmp_path: Path) -> None:
    lay(npz, make_small(), tmp_path, Options(size=8, shards=2, files="npz"))
    assert {path.name for path in tmp_path.glob("train_*")} == {"train_data_batch_1.npz", "train_data_batch_2.npz"}


def test_more_batches_than_images_leave_empty_arrays_of_the_shape(tmp_path: Path) -> None:
    small = make_small(per_class=1)
    lay(npz, small, tmp_path, SMALL)
    batches = [unpickled(tmp_path / stem) for stem in BATCHES]
    assert sorted(len(batch["data"]) for batch in batches) == [0] * 5 + [1] * 5
    assert {batch["data"].shape[1] for batch in batches} == {192}
    assert len(list(npz.read(tmp_path, small.collection.edition))) == 15


def test_archives_carry_no_dates(tmp_path: Path) -> None:
    lay(npz, make_small(), tmp_path, SMALL)
    with zipfile.ZipFile(tmp_path / "train_data_batch_1.npz") as archive:
        assert archive.testzip() is None
        assert [(info.filename, info.date_time) for info in archive.infolist()] == [
            (f"{name}.npy", (1980, 1, 1, 0, 0, 0)) for name in ("data", "labels", "mean")
        ]


def test_what_is_no_picture_of_that_size_is_refused(tmp_path: Path) -> None:
    small = seen(npz, make_small(), Options(size=16))
    with pytest.raises(ArchiveRefused, match="32 x 32"):
        lay(npz, small, tmp_path)


def test_pixels_are_asked_for_in_a_square_by_a_box_filter() -> None:
    assert npz.pixels(Options(size=64)).text.startswith("resize=exact:64 filter=box")
    for words in ({"size": 33}, {"files": "pkl"}):
        with pytest.raises(UsageError):
            Options(**words)


def test_neither_numpy_nor_pickle_is_imported_for_writing(tmp_path: Path) -> None:
    code = (
        "import sys; sys.modules['numpy'] = sys.modules['pickle'] = None\n"
        "from kilotar.sinks import npz, npz_batch\n"
        "from tests.doubles.collections import make_small\n"
        "from tests.doubles.folders import lay\n"
        f"from pathlib import Path; print(len(lay(npz, make_small(), Path({str(tmp_path)!r}))))"
    )
    ran = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=60)
    assert (ran.stdout.strip(), ran.stderr) == (str(len(tree(tmp_path))), "")


def test_a_value_of_4_gib_has_a_head_that_unpicklers_take() -> None:
    head = pickles.blob_head(1 << 32)
    assert head == b"\x8e" + (1 << 32).to_bytes(8, "little")
    assert pickle.loads(pickles.BEGIN + b"\x8e" + (3).to_bytes(8, "little") + b"abc" + pickles.END) == b"abc"


@pytest.mark.parametrize("value", [0, 255, 256, 65535, 65536, -1, -(1 << 31), (1 << 31) - 1])
def test_numbers_are_pickled_and_parsed(value: int) -> None:
    assert pickle.loads(pickles.BEGIN + pickles.integer(value) + pickles.END) == value
    assert pickles.parse_integer(pickles.integer(value) + b"more") == (value, len(pickles.integer(value)))


SPOILED: list[tuple[str, Callable[[bytes], bytes]]] = [
    ("npy/val_data.npy", lambda data: b""),
    ("npy/val_data.npy", lambda data: data[:-1]),
    ("npy/val_data.npy", lambda data: data + b"\0"),
    ("npy/val_data.npy", lambda data: data.replace(b"|u1", b"|i1")),
    ("npy/val_data.npy", lambda data: data.replace(b"(7, 192)", b"(8, 168)")),
    ("npy/val_labels.npy", lambda data: data[:-8]),
    ("npy/val_labels.npy", lambda data: data.replace(b"<i8", b">i8")),
    ("npy/val_names.tsv", lambda data: b""),
    ("npy/val_names.tsv", lambda data: data + b"one\tmore\n"),
    ("npy/val_names.tsv", lambda data: data.replace(b"\t", b" ")),
]


@pytest.mark.parametrize(("file", "spoil"), SPOILED)
def test_what_is_not_whole_is_refused(file: str, spoil: Callable[[bytes], bytes], tmp_path: Path) -> None:
    small = make_small()
    lay(npz, small, tmp_path, SMALL)
    path = tmp_path / file
    before = path.read_bytes()
    path.write_bytes(spoil(before))
    assert path.read_bytes() != before
    with pytest.raises(LayoutRefused):
        list(npz.read(tmp_path, small.collection.edition))
    path.unlink()
    if not file.endswith("data.npy"):
        with pytest.raises(LayoutRefused):
            list(npz.read(tmp_path, small.collection.edition))


def test_rows_of_texts_and_numbers_are_read_back_and_nothing_else_is() -> None:
    rows = [("n01440764", 0, 255, 65_535, 70_000), ("\u00e9", -1)]
    data = pickles.tuples(rows)
    assert pickles.parse_tuples(data + b"more") == rows and pickles.parse_tuples(pickles.tuples(())) == []
    for stop in range(len(data)):
        with pytest.raises(ValueError, match=r"at|with"):
            pickles.parse_tuples(data[:stop])
    with pytest.raises(ValueError, match="goes on with"):
        pickles.parse_tuples(b"](cos\nsystem\ne")
