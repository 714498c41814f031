"""RecordIO files, taken apart by hand after the descriptions of dmlc and MXNet."""

from __future__ import annotations

import struct
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import NamedTuple

import pytest

from kilotar.errors import LayoutRefused, UsageError
from kilotar.model.sample import Box, Split, key_of
from kilotar.model.table import Part, RowsBuilder, SampleTable
from kilotar.sinks import recordio
from kilotar.sinks.recordio import Options
from tests.doubles.collections import CMYK, PNG, BoxTable, Small, jpeg_head, make_small
from tests.doubles.folders import PlainFolder, lay, shards_of, tree
from tests.doubles.images import jpeg, png

MAGIC = b"\x0a\x23\xd7\xce"


class Record(NamedTuple):
    """A record as MXNet unpacks it."""

    offset: int
    flag: int
    label: float
    number: int
    number2: int
    labels: tuple[float, ...]
    image: bytes


def records(data: bytes) -> list[Record]:
    """Read a file from front to back, knowing nothing but dmlc's framing and MXNet's header."""
    found, at = [], 0
    while at < len(data):
        offset, joined, word = at, b"", 1 << 29
        while word >> 29 in (1, 2):
            magic, word = struct.unpack_from("<4sI", data, at)
            assert magic == MAGIC
            length = word & 0x1FFFFFFF
            joined += (MAGIC if word >> 29 in (2, 3) else b"") + data[at + 8 : at + 8 + length]
            at += 8 + (length + 3) // 4 * 4
        flag, label, number, number2 = struct.unpack_from("<IfQQ", joined)
        labels = struct.unpack_from(f"<{flag}f", joined, 24)
        found.append(Record(offset, flag, label, number, number2, labels, joined[24 + 4 * flag :]))
    assert at == len(data)
    return found


def written(folder: Path, small: Small, name: str = "train", options: Options | None = None) -> list[Record]:
    lay(recordio, small, folder, options)
    return records((folder / f"{name}.rec").read_bytes())


def lines(path: Path) -> list[list[str]]:
    return [line.split("\t") for line in path.read_text().splitlines()]


def with_images(small: Small, change: Callable[[str, bytes], bytes]) -> Small:
    """Give the collection with other images of the same length."""
    images = {(split, name): change(name, data) for (split, name), data in small.images.items()}
    assert {key: len(data) for key, data in images.items()} == {key: len(data) for key, data in small.images.items()}
    return replace(small, images=images)


def full_of_magic(small: Small) -> Small:
    """Give every third image of the training set the magic word at one to five places, aligned and not."""

    def change(name: str, data: bytes) -> bytes:
        number = int(name.removesuffix(".JPEG").rpartition("_")[2])
        return (MAGIC * (1 + number % 5) + data)[: len(data)] if number % 3 == 0 else data

    return with_images(small, change)


def test_a_split_is_three_files_and_no_more(tmp_path: Path) -> None:
    lay(recordio, make_small(), tmp_path)
    assert sorted(tree(tmp_path)) == [
        f"{split}.{end}" for split in ("test", "train", "val") for end in ("idx", "lst", "rec")
    ]


def test_several_files_are_called_as_im2rec_calls_chunks_and_numbered_on(tmp_path: Path) -> None:
    small = make_small()
    lay(recordio, small, tmp_path, Options(shards=3))
    assert sorted(path for path in tree(tmp_path) if path.startswith("train") and path.endswith("rec")) == [
        "train_0.rec",
        "train_1.rec",
        "train_2.rec",
    ]
    found = [records((tmp_path / f"train_{number}.rec").read_bytes()) for number in range(3)]
    assert [record.number for file in found for record in file] == list(range(15))
    joined = b"".join((tmp_path / f"train_{number}.rec").read_bytes() for number in range(3))
    assert lines(tmp_path / "train.idx") == [[str(record.number), str(record.offset)] for record in records(joined)]
    assert [int(number) for file in range(3) for number, _ in lines(tmp_path / f"train_{file}.idx")] == list(range(15))
    assert len(list(recordio.read(tmp_path, small.collection.edition))) == 15 + 7 + 3


@pytest.mark.parametrize("split", Split)
def test_images_are_as_published_and_labels_are_ranks_as_floats_complaint_49(split: Split, tmp_path: Path) -> None:
    small = make_small()
    rank = {wnid: float(place) for place, wnid in enumerate(small.collection.classes)} | {"": -1.0}
    found = written(tmp_path, small, split)
    expected = [(data, rank[sample.wnid]) for sample, data in small.samples() if sample.split == split]
    assert sorted((record.image, record.label) for record in found) == sorted(expected)
    assert {(record.flag, record.number2, record.labels) for record in found} == {(0, 0, ())}
    if split is Split.TRAIN:
        assert {PNG, CMYK} <= {record.image for record in found}


def test_the_list_is_what_im2rec_makes_of_the_tree(tmp_path: Path) -> None:
    small = make_small()
    data = {sample.name: image for sample, image in small.samples()}
    for split in ("train", "val"):
        found = written(tmp_path, small, split)
        for record, (number, label, path) in zip(found, lines(tmp_path / f"{split}.lst"), strict=True):
            wnid, name = path.split("/")
            assert (int(number), float(label), data[name]) == (record.number, record.label, record.image)
            assert label == f"{small.collection.classes.index(wnid)}.000000"
    assert sorted(lines(tmp_path / "test.lst"))[0][1:] != []
    assert {(label, "/" in path) for _, label, path in lines(tmp_path / "test.lst")} == {("-1.000000", False)}


@pytest.mark.parametrize("options", [Options(), Options(boxes=True), Options(order="archive")])
def test_the_index_tells_where_each_record_begins_also_behind_magic_words(options: Options, tmp_path: Path) -> None:
    small = full_of_magic(make_small(per_class=30))
    found = written(tmp_path, small, "train", options)
    assert sorted(record.image for record in found) == sorted(
        data for sample, data in small.samples() if sample.split is Split.TRAIN
    )
    assert sum(MAGIC in record.image for record in found) > 20
    assert lines(tmp_path / "train.idx") == [[str(record.number), str(record.offset)] for record in found]
    rows = {row.name: row.read() for row in recordio.read(tmp_path, small.collection.edition) if row.read}
    assert rows == {sample.name: data for sample, data in small.samples()}


def test_thirty_boxes_are_packed_in_fractions_of_the_image_and_none_as_an_object_of_no_class(
    tmp_path: Path,
) -> None:
    small = make_small()
    pictures = {jpeg(64, 48, seed=n): (64, 48) for n in range(3)} | {png(80, 60): (80, 60)}
    images = iter(list(pictures) * 10)
    small = sized(small, {key: next(images) for key in small.images})
    boxes = {sample.name: sample.boxes for sample, _ in small.samples()}
    for split in ("train", "val", "test"):
        found = written(tmp_path, small, split, Options(boxes=True))
        for record, (_, label, path) in zip(found, lines(tmp_path / f"{split}.lst"), strict=True):
            width, height = pictures[record.image]
            rows = [record.labels[at : at + 5] for at in range(4, record.flag, 5)]
            assert record.labels[:4] == (4, 5, width, height) and record.label == 0
            assert rows == [
                pytest.approx(
                    (float(label), b.xmin / width, b.ymin / height, min(b.xmax / width, 1), min(b.ymax / height, 1))
                )
                for b in boxes[path.rpartition("/")[2]]
            ] or rows == [(-1, 0, 0, 0, 0)]
            assert (rows == [(-1, 0, 0, 0, 0)]) == (not boxes[path.rpartition("/")[2]])
    assert {0, 30} <= {len(each) for each in boxes.values()}


def sized(small: Small, images: dict[tuple[Split, str], bytes]) -> Small:
    """Give the collection with other images, and tables that know their lengths."""

    def renewed(part: Part, split: Split) -> Part:
        rows = RowsBuilder()
        for row in range(len(part)):
            name = part.rows.name(row)
            rows.add(name, part.rows.offsets[row], len(images[split, name]), part.rows.digest(row))
        return replace(part, rows=rows.rows())

    changed = replace(small, images=images)
    return changed.with_tables(
        lambda table: SampleTable(table.split, (renewed(part, table.split) for part in table.parts), table.boxes)
    )


def test_a_box_of_a_class_that_was_not_chosen_and_an_image_without_size_get_class_minus_one(tmp_path: Path) -> None:
    small = make_small()
    for record in written(tmp_path / "sizeless", small.unreadable(), "train", Options(boxes=True)):
        assert record.labels[:4] == (4, 5, 0, 0)
        assert set(record.labels[4::5]) <= {-1.0} and not any(record.labels[5::5])
    chosen = sized(small, dict.fromkeys(small.images, jpeg(100, 100)))
    fewer = replace(chosen, collection=replace(chosen.collection, classes=chosen.collection.classes[:1]))
    fewer = fewer.with_tables(lambda table: table if table.split is Split.TEST else None)
    assert {record.labels for record in written(tmp_path / "fewer", fewer, "test", Options(boxes=True))} == {
        (4, 5, 100, 100, -1, 0, 0, 0, 0)
    }


def image(width: int, height: int) -> bytes:
    """Give a JPEG without a picture, which may be large."""
    return b"\xff\xd8" + jpeg_head(width, height) + b"\xff\xd9"


def boxed(small: Small, boxes: dict[str, tuple[Box, ...]]) -> Small:
    """Give the collection with these boxes by key, and no others."""
    book = BoxTable(boxes)
    changed = replace(small, collection=replace(small.collection, boxes=book))
    return changed.with_tables(lambda table: SampleTable(table.split, table.parts, book))


def read_boxes(folder: Path, small: Small) -> dict[str, tuple[Box, ...]]:
    rows = recordio.read(folder, small.collection.edition)
    return {key_of(row.name): row.boxes() for row in rows if row.boxes is not None}


@pytest.mark.parametrize(
    ("width", "height"), [(20_000, 19_997), (65_535, 333), (1, 16_384), (500, 375), (19_991, 10_007)]
)
def test_every_pixel_of_a_side_comes_back_as_it_was(width: int, height: int, tmp_path: Path) -> None:
    small = make_small(per_class=2, val=1, test=1)
    small = sized(small, dict.fromkeys(small.images, image(width, height)))
    sides = [(n % (width + 1), n % (height + 1)) for n in range(max(width, height) + 1)]
    wnid = small.collection.classes[3]
    every = tuple(Box(wnid, x, y, width - x, height - y) for x, y in sides)
    small = boxed(small, {sample.key: every if at == 5 else () for at, (sample, _) in enumerate(small.samples())})
    lay(recordio, small, tmp_path, Options(boxes=True))
    found = read_boxes(tmp_path, small)
    assert sorted(found.values()) == [()] * (len(found) - 1) + [every] and len(found) == 12


def test_what_reaches_beyond_the_edge_ends_there_and_boxes_of_no_class_of_the_output_are_gone(tmp_path: Path) -> None:
    small = make_small()
    small = sized(small, dict.fromkeys(small.images, image(40, 30)))
    own, other, *_ = small.collection.classes
    boxes = (
        Box(own, 38, 2, 45, 30),
        Box("n09999999", 1, 2, 3, 4),
        Box(other, 5, 6, 40, 31),
        Box(own, 999_999, 6, 3, 2),  # begins beyond it, corners swapped
    )
    small = boxed(small, {sample.key: boxes for sample, _ in small.samples()})
    lay(recordio, small, tmp_path, Options(boxes=True))
    kept = (Box(own, 38, 2, 40, 30), Box(other, 5, 6, 40, 30), Box(own, 999_999, 6, 3, 2))
    assert set(read_boxes(tmp_path, small).values()) == {kept}
    assert recordio.keep_boxes(boxes, own, image(40, 30), small.collection.classes) == kept
    assert recordio.keep_boxes(boxes, own, b"no image", small.collection.classes) == ()
    lay(recordio, small.unreadable(), tmp_path / "sizeless", Options(boxes=True))
    assert set(read_boxes(tmp_path / "sizeless", small).values()) == {()}


def test_the_class_of_a_box_may_be_that_of_images_of_another_file_or_of_none(tmp_path: Path) -> None:
    small = make_small(val=0, test=0)
    small = sized(small, dict.fromkeys(small.images, image(40, 30)))
    first, _, third, fourth, last = small.collection.classes
    box = Box(third, 1, 2, 3, 4)
    small = boxed(small, {sample.key: (box,) for sample, _ in small.samples()})
    lay(recordio, small, tmp_path / "several", Options(boxes=True, shards=5))
    assert set(read_boxes(tmp_path / "several", small).values()) == {(box,)}
    few = small.with_tables(lambda table: table.only(frozenset([first, fourth])))
    lay(recordio, few, tmp_path / "all", Options(boxes=True))  # all classes, of three of which no image is there
    assert set(read_boxes(tmp_path / "all", few).values()) == {(box,)}
    two = few.with_tables(lambda table: table.only(frozenset([first])))
    two = replace(
        two, collection=replace(two.collection, classes=(first, third, last))
    )  # 1 is not the edition's second
    lay(recordio, two, tmp_path / "two", Options(boxes=True))
    with pytest.raises(LayoutRefused) as refusal:
        read_boxes(tmp_path / "two", two)
    assert "class 1, of which there is no image" in refusal.value.seen


@pytest.mark.parametrize(
    ("at", "labels"),
    [(0, (2.0,)), (1, (6.0,)), (2, (float("nan"),)), (4, (77.0,)), (4, (0.5,)), (5, (float("inf"),)), (-5, (1 << 20,))],
)
def test_labels_that_are_none_of_boxes_are_refused_when_they_are_read(
    at: int, labels: tuple[float, ...], tmp_path: Path
) -> None:
    small = make_small()
    small = boxed(small, {sample.key: (Box(sample.wnid, 1, 2, 3, 4),) for sample, _ in small.samples() if sample.wnid})
    lay(recordio, small, tmp_path, Options(boxes=True))
    path = tmp_path / "train.rec"
    data = bytearray(path.read_bytes())
    struct.pack_into("<I" if at < 0 else "<f", data, 8 if at < 0 else 32 + 4 * at, *labels)
    path.write_bytes(data)
    first, *rest = (row for row in recordio.read(tmp_path, small.collection.edition) if row.split is Split.TRAIN)
    assert first.boxes is not None and all(row.boxes and row.boxes() for row in rest)
    with pytest.raises(LayoutRefused, match=r"train\.rec") as refusal:
        first.boxes()
    assert ("more than their record" in refusal.value.seen) == (at < 0)


def test_where_no_boxes_are_given_labels_are_classes_all_the_same(tmp_path: Path) -> None:
    small = make_small().without_boxes()
    lay(recordio, small, tmp_path / "plain")
    lay(recordio, small, tmp_path / "asked", Options(boxes=True))
    assert tree(tmp_path / "plain") == tree(tmp_path / "asked")


def test_the_order_is_mixed_unless_asked_otherwise_complaint_46(tmp_path: Path) -> None:
    small = make_small(per_class=8)
    mixed = [record.label for record in written(tmp_path / "mixed", small)]
    as_lying = [record.label for record in written(tmp_path / "archive", small, options=Options(order="archive"))]
    assert as_lying == sorted(as_lying) == sorted(mixed) != mixed
    with pytest.raises(UsageError, match="official"):
        lay(recordio, small, tmp_path / "official", Options(order="official"))


def test_a_split_is_one_file_however_long_unless_more_are_wished_of_train() -> None:
    sizes = [1 << 28] * 1000
    assert [recordio.count(split, sizes, Options()) for split in Split] == [1, 1, 1]
    assert [recordio.count(split, sizes, Options(shards=8)) for split in Split] == [8, 1, 1]


@pytest.mark.parametrize(
    ("file", "spoil"),
    [
        ("val.lst", lambda data: b""),
        ("val.lst", lambda data: data[: data.rindex(b"\n", 0, -1) + 1]),
        ("val.lst", lambda data: data.replace(b"\t", b" ")),
        ("val.lst", lambda data: data.replace(b".000000", b".500000")),
        ("val.lst", lambda data: data.replace(b"1.000000", b"inf")),
        ("val.lst", lambda data: data.replace(b"_val_", b"_\xff_")),
        ("val.idx", lambda data: b""),
        ("val.idx", lambda data: data + b"7\t0\n"),
        ("val.idx", lambda data: data.replace(b"0\t0\n", b"0\t4\n")),
        ("val.idx", lambda data: data.replace(b"0\t0\n", b"0\t-4\n")),
        ("val.idx", lambda data: data.replace(b"0\t0\n", b"0\t" + b"9" * 30 + b"\n")),
        ("val.idx", lambda data: data.replace(b"0\t0\n", b"1\t0\n")),
        ("val.rec", lambda data: b""),
        ("val.rec", lambda data: data[4:]),
        ("val.rec", lambda data: b"\0" * len(data)),
    ],
)
def test_what_does_not_fit_together_is_refused(file: str, spoil: Callable[[bytes], bytes], tmp_path: Path) -> None:
    small = make_small()
    lay(recordio, small, tmp_path)
    path = tmp_path / file
    path.write_bytes(spoil(path.read_bytes()))
    with pytest.raises(LayoutRefused):
        list(recordio.read(tmp_path, small.collection.edition))
    path.unlink()
    if file != "val.lst":
        with pytest.raises(LayoutRefused, match="missing"):
            list(recordio.read(tmp_path, small.collection.edition))


def test_a_record_that_is_cut_short_is_refused_when_it_is_read(tmp_path: Path) -> None:
    small = make_small()
    lay(recordio, small, tmp_path)
    path = tmp_path / "val.rec"
    path.write_bytes(path.read_bytes()[:-8])
    *_, last = (row for row in recordio.read(tmp_path, small.collection.edition) if row.split is Split.VAL)
    assert last.read is not None
    with pytest.raises(LayoutRefused, match="damaged"):
        last.read()


def test_an_index_is_not_made_of_a_file_that_is_not_what_was_written(tmp_path: Path) -> None:
    small = full_of_magic(make_small(per_class=9))
    lay(recordio, small, tmp_path)
    collection, _ = shards_of(recordio, small, Options(), PlainFolder(tmp_path))
    rec = tmp_path / "train.rec"
    rec.write_bytes(bytes(rec.stat().st_size))
    with pytest.raises(LayoutRefused, match="not where it was written"):
        recordio.finish(collection, PlainFolder(tmp_path), Options())
