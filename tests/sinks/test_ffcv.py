"""Files of FFCV, taken apart by hand after the layout of its writer."""

from __future__ import annotations

import hashlib
import struct
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import NamedTuple

import pytest

from kilotar.errors import ArchiveRefused, LayoutRefused, UsageError
from kilotar.model.pixels import Pixels
from kilotar.model.sample import Extent, Sample, Split
from kilotar.model.seams import Item, Shard
from kilotar.sinks import ffcv
from kilotar.sinks.base import find_sink
from kilotar.sinks.ffcv import Options
from kilotar.sinks.options import parse_options
from tests.doubles.collections import CMYK, PNG, Small, jpeg_head, make_small
from tests.doubles.folders import lay, tree

MIB = 1 << 20


class Stored(NamedTuple):
    """A sample as FFCV finds it: its row, and the bytes that the table has at its place."""

    mode: int
    width: int
    height: int
    begin: int
    label: int
    data: bytes


class Beton(NamedTuple):
    """A file taken apart."""

    page_bytes: int
    table_at: int
    samples: list[Stored]


def taken_apart(data: bytes) -> Beton:
    version, fields, page_bytes, count, table_at = struct.unpack_from("<HHIQQ", data)
    assert (version, fields) == (2, 2)
    assert data[24:1065] == b"\x02image" + bytes(11 + 1024)
    assert data[1065:2106] == b"\x01label" + bytes(11 + 1024)
    table = list(struct.iter_unpack("<QQQ", data[table_at:]))
    assert [owner for owner, _, _ in table] == list(range(count))
    lengths = {begin: length for _, begin, length in table}
    samples = []
    for row in range(count):
        mode, width, height, begin = struct.unpack_from("<BHHQ", data, 2106 + 24 * row)
        (label,) = struct.unpack_from("<q", data, 2106 + 24 * row + 16)
        stop = begin + lengths[begin]
        assert 2106 + 24 * count <= begin and stop <= table_at
        assert begin // page_bytes == (stop - 1) // page_bytes  # within one page
        samples.append(Stored(mode, width, height, begin, label, data[begin:stop]))
    return Beton(page_bytes, table_at, samples)


def laid(folder: Path, small: Small, split: str, options: Options | None = None) -> Beton:
    """Write an output; give the file of a split."""
    lay(ffcv, small, folder, options or Options(page_mib=2))
    return taken_apart((folder / f"{split}.ffcv").read_bytes())


def built(path: Path, images: list[bytes], options: Options | None = None) -> Beton:
    """Write images of labels 0, 1, ... into one file."""

    def items() -> Iterator[Item]:
        for number, data in enumerate(images):
            sample = Sample(Split.TRAIN, f"n01440764_{number}.JPEG", Extent("train.tar", 0, len(data)), "n01440764")
            yield Item(sample, number, memoryview(data))

    shard = Shard(Split.TRAIN, 0, 1, "train.ffcv", range(len(images)))
    ffcv.build(path, items(), shard, make_small().collection, options or Options(page_mib=2))
    return taken_apart(path.read_bytes())


def ppm(width: int, height: int, shade: int) -> bytes:
    return b"P6\n%d %d\n255\n" % (width, height) + bytes([shade]) * (3 * width * height)


def jpeg(size_bytes: int) -> bytes:
    head = b"\xff\xd8" + jpeg_head(30, 20)
    return head + bytes(size_bytes - len(head))


def test_each_split_is_a_file_with_a_list_of_names(tmp_path: Path) -> None:
    lay(ffcv, make_small(), tmp_path)
    assert sorted(tree(tmp_path)) == [
        f"{split}{end}" for split in ("test", "train", "val") for end in (".ffcv", ".names.tsv")
    ]


@pytest.mark.parametrize("split", Split)
def test_images_are_as_published_with_size_and_label_complaint_51(split: Split, tmp_path: Path) -> None:
    small = make_small()
    rank = {wnid: place for place, wnid in enumerate(small.collection.classes)} | {"": -1}
    found = laid(tmp_path, small, split).samples
    expected = [(data, rank[sample.wnid]) for sample, data in small.samples() if sample.split == split]
    assert sorted((sample.data, sample.label) for sample in found) == sorted(expected)
    assert {sample.mode for sample in found} == {0}
    sizes = {sample.data: (sample.width, sample.height) for sample in found}
    if split is Split.TRAIN:
        assert sizes[PNG] == (31, 17) and sizes[CMYK] == (23, 19)
    assert all(size == (40 + len(names_in(data)), 30) for data, size in sizes.items() if data not in (PNG, CMYK))


def names_in(data: bytes) -> bytes:
    """Give the name that an image of the small collection has as its comment."""
    return data[6 : 4 + int.from_bytes(data[4:6], "big")]


def test_names_stand_in_the_order_of_the_samples(tmp_path: Path) -> None:
    small = make_small(per_class=8)
    found = laid(tmp_path, small, "train").samples
    names = [line.split("\t") for line in (tmp_path / "train.names.tsv").read_text().splitlines()]
    images = {sample.name: (data, sample.wnid) for sample, data in small.samples()}
    assert [(sample.data, wnid) for sample, (_, wnid) in zip(found, names, strict=True)] == [
        images[name] for name, _ in names
    ]


def test_the_order_is_mixed_unless_asked_otherwise_complaint_46(tmp_path: Path) -> None:
    small = make_small(per_class=8)
    mixed = [sample.label for sample in laid(tmp_path / "mixed", small, "train").samples]
    as_lying = [
        sample.label
        for sample in laid(tmp_path / "archive", small, "train", Options(order="archive", page_mib=2)).samples
    ]
    other = [sample.label for sample in laid(tmp_path / "other", small, "train", Options(seed=1, page_mib=2)).samples]
    assert as_lying == sorted(as_lying) == sorted(mixed) == sorted(other)
    assert mixed != as_lying and mixed != other
    with pytest.raises(UsageError, match="official"):
        lay(ffcv, small, tmp_path / "official", Options(order="official"))


def test_pixels_are_stored_without_their_header_beside_jpegs(tmp_path: Path) -> None:
    found = built(tmp_path / "train.ffcv", [ppm(5, 3, 7), jpeg(900), ppm(2, 9, 8)]).samples
    assert [(sample.mode, sample.width, sample.height, sample.label) for sample in found] == [
        (1, 5, 3, 0),
        (0, 30, 20, 1),
        (1, 2, 9, 2),
    ]
    assert [sample.data for sample in found] == [b"\7" * 45, jpeg(900), b"\x08" * 54]


def test_an_output_of_pixels_is_read_back_as_ppm(tmp_path: Path) -> None:
    small = make_small(val=2)
    lay(ffcv, small, tmp_path, Options(page_mib=2))
    images = [ppm(4, 2, 1), jpeg(100)]
    (tmp_path / "val.ffcv").unlink()
    built(tmp_path / "val.ffcv", images)
    rows = [row for row in ffcv.read(tmp_path, small.collection.edition) if row.split is Split.VAL]
    assert [row.read() for row in rows if row.read] == images
    assert [row.at is None for row in rows] == [True, False]


def test_pages_begin_at_multiples_of_their_length_and_the_last_one_is_whole(tmp_path: Path) -> None:
    path = tmp_path / "train.ffcv"
    found = built(path, [jpeg(MIB), jpeg(MIB - 100), jpeg(101), jpeg(2 * MIB)], Options(page_mib=2))
    assert found.page_bytes == 2 * MIB
    assert [sample.begin for sample in found.samples] == [2 * MIB, 3 * MIB, 4 * MIB, 6 * MIB]
    assert found.table_at == 8 * MIB and path.stat().st_size == 8 * MIB + 4 * 24


def test_an_image_longer_than_a_page_makes_pages_longer(tmp_path: Path) -> None:
    images = [jpeg(MIB), jpeg(5 * MIB), jpeg(2 * MIB), jpeg(MIB)]
    found = built(tmp_path / "train.ffcv", images, Options(page_mib=2))
    assert found.page_bytes == 8 * MIB and found.table_at == 16 * MIB
    assert [sample.begin for sample in found.samples] == [2 * MIB, 3 * MIB, 8 * MIB, 10 * MIB]
    assert [sample.data for sample in found.samples] == images


def test_a_split_of_no_images_is_a_file_of_no_samples(tmp_path: Path) -> None:
    found = laid(tmp_path, make_small(val=0), "val")
    assert found == (2 * MIB, 2 * MIB, [])
    assert (tmp_path / "val.names.tsv").read_bytes() == b""


def test_an_image_that_tells_no_size_or_one_that_no_row_can_hold_is_refused_by_name(tmp_path: Path) -> None:
    for number, data in enumerate((b"\0" * 50, jpeg(500)[:30], ppm(65536, 1, 0))):
        with pytest.raises(ArchiveRefused, match="n01440764_1"):
            built(tmp_path / str(number), [jpeg(90), data])


def test_nothing_is_kept_in_memory_but_one_image(tmp_path: Path) -> None:
    living: list[int] = []

    def items() -> Iterator[Item]:
        for number in range(2000):
            data = memoryview(bytearray(jpeg(200)))
            yield Item(Sample(Split.VAL, f"{number}.JPEG", Extent("val.tar", 0, 200)), 0, data)
            data.release()  # fails where a part of it is still held
            living.append(number)

    shard = Shard(Split.VAL, 0, 1, "val.ffcv", range(2000))
    ffcv.build(tmp_path / "val.ffcv", items(), shard, make_small().collection, Options())
    assert len(living) == 2000 and [path.name for path in tmp_path.iterdir()] == ["val.ffcv"]


def test_modes_say_what_is_done_to_pixels() -> None:
    assert ffcv.pixels(Options()) == Pixels()
    assert ffcv.pixels(Options(mode="raw")) == Pixels(form="ppm")
    recipe = Pixels(resize="max:500", quality=90, filter="box", form="mixed", raw_share=0.5)
    assert ffcv.pixels(Options(mode="proportion")) == recipe
    assert ffcv.pixels(Options(mode="proportion", compress_probability="0.1", seed=3)) == Pixels(
        resize="max:500", quality=90, filter="box", form="mixed", raw_share=0.9, seed=3
    )


def test_what_ffcv_cannot_decode_is_converted_unless_asked_otherwise_complaint_51() -> None:
    assert ffcv.ABOUT.odd == "convert"


@pytest.mark.parametrize(
    ("option", "word"),
    [
        ("mode", "jpeg"),
        ("compress_probability", "1.5"),
        ("compress_probability", "nan"),
        ("compress_probability", "half"),
        ("page_mib", "1"),
        ("page_mib", "3"),
        ("page_mib", "4096"),
        ("shards", "2"),
    ],
)
def test_an_option_that_makes_no_sense_is_refused_before_anything_is_written(option: str, word: str) -> None:
    with pytest.raises(UsageError, match=option):
        parse_options(find_sink("ffcv"), ((option, word),))


def test_the_same_bytes_however_often(tmp_path: Path) -> None:
    digests = set()
    for name in ("first", "second"):
        built(tmp_path / name, [jpeg(300), ppm(3, 3, 3), jpeg(MIB)])
        digests.add(hashlib.sha256((tmp_path / name).read_bytes()).digest())
    assert len(digests) == 1


@pytest.mark.parametrize(
    ("file", "spoil"),
    [
        ("val.ffcv", lambda data: b""),
        ("val.ffcv", lambda data: data[:20]),
        ("val.ffcv", lambda data: data[:-1]),
        ("val.ffcv", lambda data: data + b"\0"),
        ("val.ffcv", lambda data: b"\x01" + data[1:]),
        ("val.ffcv", lambda data: data.replace(b"image", b"imago")),
        ("val.ffcv", lambda data: data[:8] + b"\6" + data[9:]),
        ("val.ffcv", lambda data: data[:8] + b"\xff" * 8 + data[16:]),
        ("val.ffcv", lambda data: data[:16] + b"\xff" * 8 + data[24:]),
        ("val.ffcv", lambda data: data[:2106] + b"\2" + data[2107:]),
        ("val.ffcv", lambda data: data[:2112] + b"\1" + data[2113:]),
        ("val.ffcv", lambda data: data[:-8] + b"\xff" * 8),
        ("val.names.tsv", lambda data: b""),
        ("val.names.tsv", lambda data: data + b"one\tmore\n"),
        ("val.names.tsv", lambda data: data.replace(b"\t", b" ")),
        ("val.names.tsv", lambda data: data.replace(b"_val_", b"_\xff\xfe_")),
    ],
)
def test_what_is_not_as_the_header_says_is_refused(file: str, spoil: Callable[[bytes], bytes], tmp_path: Path) -> None:
    small = make_small()
    lay(ffcv, small, tmp_path, Options(page_mib=2))
    path = tmp_path / file
    path.write_bytes(spoil(path.read_bytes()))
    with pytest.raises(LayoutRefused):
        list(ffcv.read(tmp_path, small.collection.edition))
    if file != "val.ffcv":
        path.unlink()
        with pytest.raises(LayoutRefused, match=r"names\.tsv"):
            list(ffcv.read(tmp_path, small.collection.edition))
