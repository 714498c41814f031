"""HDF5 files, read with h5py as fuel's and BigGAN's own classes read them."""

from __future__ import annotations

import os
import struct
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from kilotar.errors import ArchiveRefused, LayoutRefused, UsageError
from kilotar.model.sample import Split
from kilotar.sinks import hdf5
from kilotar.sinks.hdf5 import Options
from tests.doubles.collections import CMYK, PNG, Small, make_small
from tests.doubles.folders import lay, tree
from tests.doubles.ppms import as_ppm
from tests.need import need_module

h5py = need_module("h5py")
numpy = need_module("numpy")
BIGGAN = Options(layout="biggan")
NAMES = {Split.TRAIN: "train", Split.VAL: "valid", Split.TEST: "test"}


def opened(path: Path) -> Any:
    return h5py.File(path, "r")


def spans(file: Any, which_set: str) -> dict[str, tuple[int, int]]:
    """Give what H5PYDataset.get_start_stop gives of the sources that a split provides."""
    return {
        row["source"].decode("utf8"): (row["start"], row["stop"])
        for row in file.attrs["split"]
        if row["split"].decode("utf8") == which_set and row["available"] and not row["indices"]
    }


def by_name(file: Any, which_set: str) -> dict[str, tuple[bytes, int | None]]:
    """Give the images and targets of a split by name, taken as fuel takes them."""
    bounds = spans(file, which_set)
    columns = {source: file[source][start:stop] for source, (start, stop) in bounds.items()}
    targets = columns.get("targets")
    numbers = [None] * len(columns["filenames"]) if targets is None else [int(row[0]) for row in targets]
    names = [row[0].decode() for row in columns["filenames"]]
    images = [image.tobytes() for image in columns["encoded_images"]]
    return dict(zip(names, zip(images, numbers, strict=True), strict=True))


def expected(small: Small, split: Split, numbers: dict[str, int]) -> dict[str, tuple[bytes, int | None]]:
    return {s.name: (data, numbers.get(s.wnid)) for s, data in small.samples() if s.split is split}


def ranks(small: Small) -> dict[str, int]:
    return {wnid: place for place, wnid in enumerate(small.collection.classes)}


def test_fuel_finds_one_file_and_those_with_the_images_beside_it_complaint_55(tmp_path: Path) -> None:
    lay(hdf5, make_small(), tmp_path)
    assert sorted(tree(tmp_path)) == ["ilsvrc2012.hdf5", "test.hdf5", "train.hdf5", "valid.hdf5"]


@pytest.mark.parametrize("split", Split)
@pytest.mark.parametrize("shards", [0, 3])
def test_fuel_gets_every_image_as_published_from_one_file(split: Split, shards: int, tmp_path: Path) -> None:
    small = make_small()
    lay(hdf5, small, tmp_path, Options(shards=shards))
    with opened(tmp_path / "ilsvrc2012.hdf5") as file:
        assert by_name(file, NAMES[split]) == expected(small, split, ranks(small))
        assert [len(file[name]) for name in ("encoded_images", "filenames", "targets")] == [25, 25, 22]
        assert file["targets"].dtype == "int16" and file["targets"].shape == (22, 1)
        assert file["filenames"].dtype == "S32" and h5py.check_vlen_dtype(file["encoded_images"].dtype) == numpy.uint8
        if split is Split.TRAIN:
            assert {PNG, CMYK} <= {image for image, _ in by_name(file, "train").values()}


@pytest.mark.parametrize("split", Split)
def test_each_file_is_a_data_set_of_its_own_too(split: Split, tmp_path: Path) -> None:
    small = make_small()
    lay(hdf5, small, tmp_path)
    with opened(tmp_path / f"{NAMES[split]}.hdf5") as file:
        assert by_name(file, NAMES[split]) == expected(small, split, ranks(small))
        assert ("targets" in file) == (split is not Split.TEST)


def test_the_joined_file_is_read_from_any_working_directory(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    lay(hdf5, make_small(), tmp_path / "out")
    monkeypatch.chdir(tmp_path)
    with opened(Path("out/ilsvrc2012.hdf5")) as file:
        assert all(len(image) for image in file["encoded_images"][:])
        assert len(file["encoded_images"][[2, 5, 24]]) == 3


def test_fuels_own_numbers_are_those_of_the_kit_less_one_and_the_file_says_which_is_which_complaint_37(
    tmp_path: Path,
) -> None:
    small = make_small()
    numbers = {synset.wnid: synset.ilsvrc_id - 1 for synset in small.collection.edition.classes}
    lay(hdf5, small, tmp_path, Options(devkit_labels=True))
    with opened(tmp_path / "ilsvrc2012.hdf5") as file:
        assert by_name(file, "train") == expected(small, Split.TRAIN, numbers)
        assert {wnid.decode(): place for place, wnid in enumerate(file["synsets"])} == numbers
    assert numbers != ranks(small)


def test_boxes_stand_beside_the_images_and_are_no_sources(tmp_path: Path) -> None:
    small = make_small()
    lay(hdf5, small, tmp_path)
    boxes = {sample.name: sample.boxes for sample, _ in small.samples()}
    with opened(tmp_path / "ilsvrc2012.hdf5") as file:
        assert set(spans(file, "train")) == {"encoded_images", "filenames", "targets"}
        counts = set()
        columns = (file["filenames"], file["boxes"], file["box_synsets"])
        for (name,), sides, wnids in zip(*(column[:] for column in columns), strict=True):
            rows = [tuple(row) for row in sides.reshape(-1, 4)]
            found = boxes[name.decode()]
            assert rows == [(box.xmin, box.ymin, box.xmax, box.ymax) for box in found]
            assert wnids.decode().split() == [box.wnid for box in found]
            counts.add(len(rows))
        assert counts >= {0, 30}


def test_a_long_name_is_whole_though_fuel_has_32_letters(tmp_path: Path) -> None:
    small = make_small(per_class=40)  # names grow with their number
    lay(hdf5, small, tmp_path)
    names = {sample.name for sample, _ in small.samples()}
    assert max(map(len, names)) > 32
    with opened(tmp_path / "ilsvrc2012.hdf5") as file:
        assert {name.decode() for (name,) in file["filenames"][:]} == names


def test_nothing_is_chunked_so_that_one_image_costs_one_read_complaint_55(tmp_path: Path) -> None:
    lay(hdf5, make_small(), tmp_path / "fuel")
    lay(hdf5, as_ppm(make_small(), 128), tmp_path / "biggan", BIGGAN)
    for path in [tmp_path / "fuel/train.hdf5", tmp_path / "biggan/ILSVRC128.hdf5"]:
        with opened(path) as file:
            assert {column.chunks for column in file.values()} == {None}


@pytest.mark.parametrize("size", hdf5.SIZES_PX)
def test_biggan_gets_planes_of_pixels_and_labels(size: int, tmp_path: Path) -> None:
    small = as_ppm(make_small(), size)
    lay(hdf5, small, tmp_path, Options(layout="biggan", size=size))
    assert sorted(tree(tmp_path)) == [f"ILSVRC{size}.hdf5", f"ILSVRC{size}_test.hdf5", f"ILSVRC{size}_valid.hdf5"]
    images = {sample.name: (data, sample.wnid) for sample, data in small.samples()}
    with opened(tmp_path / f"ILSVRC{size}.hdf5") as file:
        assert file["imgs"].shape == (15, 3, size, size) and file["imgs"].dtype == "uint8"
        assert file["labels"].shape == (15,) and file["labels"].dtype == "int64"
        for place, (name,) in enumerate(file["filenames"][:]):
            data, wnid = images[name.decode()]
            pixels = numpy.frombuffer(data[-3 * size * size :], numpy.uint8).reshape(size, size, 3)
            assert (file["imgs"][place] == pixels.transpose(2, 0, 1)).all()
            assert file["labels"][place] == ranks(small)[wnid]
    with opened(tmp_path / f"ILSVRC{size}_test.hdf5") as file:
        assert set(file["labels"][:]) == {-1}


@pytest.mark.parametrize("devkit", [False, True])
def test_biggans_files_are_read_back_as_the_pixels_they_were_made_of(devkit: bool, tmp_path: Path) -> None:
    small = as_ppm(make_small(), 128)
    lay(hdf5, small, tmp_path, Options(layout="biggan", shards=2, devkit_labels=devkit))
    rows = [
        (r.split, r.name, r.wnid, r.label, r.read and r.read()) for r in hdf5.read(tmp_path, small.collection.edition)
    ]
    rank = ranks(small) | {"": -1}
    assert sorted(rows) == sorted((s.split, s.name, s.wnid, rank[s.wnid], data) for s, data in small.samples())


def test_what_is_no_picture_of_that_size_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ArchiveRefused, match="256 x 256"):
        lay(hdf5, as_ppm(make_small(), 128), tmp_path, Options(layout="biggan", size=256))
    small = as_ppm(make_small(), 128)
    small.images[list(small.images)[-1]] = PNG
    with pytest.raises(ArchiveRefused, match="128 x 128"):
        lay(hdf5, small, tmp_path, BIGGAN)


def test_biggan_asks_for_square_pixels_and_fuel_for_none() -> None:
    assert hdf5.pixels(Options()).is_nothing
    assert hdf5.pixels(Options(layout="biggan", size=256)).text.startswith("resize=crop:256 filter=bilinear")


@pytest.mark.parametrize("options", [Options(), BIGGAN], ids=["fuel", "biggan"])
def test_two_builds_are_the_same_bytes(options: Options, tmp_path: Path) -> None:
    small = make_small() if options.is_fuel else as_ppm(make_small(), 128)
    lay(hdf5, small, tmp_path / "first", options)
    waste = [os.urandom(4096) for _ in range(4096)]
    del waste
    lay(hdf5, small, tmp_path / "second", options)
    assert tree(tmp_path / "first") == tree(tmp_path / "second")


def test_no_file_holds_the_second_in_which_it_was_made(tmp_path: Path) -> None:
    first = int(time.time())
    lay(hdf5, make_small(), tmp_path, Options())
    seconds = [struct.pack("<I", second) for second in range(first, int(time.time()) + 1)]
    files = [path.read_bytes() for path in tmp_path.rglob("*.hdf5")]
    assert len(files) > 1 and not any(second in data for data in files for second in seconds)


@pytest.mark.parametrize(
    "words", [{"layout": "fule"}, {"layout": "biggan", "size": 64}], ids=["no layout", "no size of BigGAN"]
)
def test_a_choice_that_is_none_is_refused(words: dict[str, Any]) -> None:
    with pytest.raises(UsageError):
        Options(**words)


def test_a_disk_that_fails_is_an_error_and_does_not_kill_the_process_at_its_end() -> None:
    code = (
        "import resource, tempfile, pathlib, numpy, h5py\n"
        "from kilotar.sinks.hdf5_file import creating\n"
        "resource.setrlimit(resource.RLIMIT_FSIZE, (1 << 20, resource.RLIM_INFINITY))\n"
        "rows, count = (numpy.zeros(10_000, numpy.uint8) for _ in range(10_000)), 0\n"
        "def counted():\n"
        "    global count\n"
        "    for count, row in enumerate(rows): yield row\n"
        "try:\n"
        "    with tempfile.TemporaryDirectory() as folder, creating(pathlib.Path(folder, 'x')) as file:\n"
        "        file.ragged('x', 10_000, numpy.uint8, counted())\n"
        "except OSError as error:\n"
        "    print(error.errno, count < 1000)\n"
    )
    ran = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=60)
    assert (ran.returncode, ran.stdout.strip(), ran.stderr) == (0, "27 True", "")


@pytest.mark.parametrize(
    "spoil",
    [
        lambda data: b"",
        lambda data: data[:2000],
        lambda data: data[:-100],
        lambda data: b"\xff" * len(data),
        lambda data: data.replace(b"filenames", b"filemanes"),
        lambda data: data.replace(b"synsets", b"sintets"),
        lambda data: data.replace(b"encoded_images", b"encoded_emages"),
        lambda data: data.replace(b"n01440764\0", b"n01440764\xff").replace(b"_val_", b"_\xff\xfe_"),
    ],
)
def test_what_is_not_whole_is_refused(spoil: Callable[[bytes], bytes], tmp_path: Path) -> None:
    small = make_small()
    lay(hdf5, small, tmp_path)
    path = tmp_path / "valid.hdf5"
    before = path.read_bytes()
    path.write_bytes(spoil(before))
    assert path.read_bytes() != before
    with pytest.raises(LayoutRefused):
        for row in hdf5.read(tmp_path, small.collection.edition):
            assert row.read
            row.read()


def test_a_number_that_means_no_class_is_refused(tmp_path: Path) -> None:
    small = make_small()
    for number in (-2, 5, 30_000):
        lay(hdf5, small, tmp_path)
        with h5py.File(tmp_path / "valid.hdf5", "r+") as file:
            file["targets"][3] = number
        with pytest.raises(LayoutRefused):
            list(hdf5.read(tmp_path, small.collection.edition))
