"""Records and side files of tensorflow/models, byte by byte; TensorFlow reads them in tests/interop."""

from __future__ import annotations

import struct
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from random import Random

import pytest
from google_crc32c import value

from kilotar.editions.tiny_images import HEIGHT, WIDTH, make_cmyk, make_image, make_png
from kilotar.errors import KilotarError, LayoutRefused, UsageError
from kilotar.model.sample import Box, Split
from kilotar.model.table import Part, SampleTable
from kilotar.parse.example import Example, parse_example
from kilotar.sinks import tfrecord
from kilotar.sinks.tfrecord_frames import frame
from tests.doubles.collections import BoxTable, Small, make_small
from tests.doubles.folders import lay, tree

SIDES = ("xmin", "ymin", "xmax", "ymax")


def records(folder: Path, shards: str = "*") -> dict[str, Example]:
    """Give every record by the name of its image, framed as the file says and nothing else."""
    found: dict[str, Example] = {}
    for path in sorted(folder.glob(f"{shards}-of-?????")):
        data, at = path.read_bytes(), 0
        while at < len(data):
            (length,) = struct.unpack_from("<Q", data, at)
            record = parse_example(data[at + 12 : at + 12 + length])
            found[record.text("image/filename")] = record
            at += length + 16
        assert at == len(data)
    return found


def real(small: Small) -> Small:
    """Give the collection with real images: all are JPEGs, but a CMYK one and a PNG that the edition knows of."""
    rng = Random(1)
    images = {key: make_image(rng) for key in small.images}
    cmyk, png = sorted(name for split, name in images if split is Split.TRAIN)[:2]
    images |= {(Split.TRAIN, cmyk): make_cmyk(rng), (Split.TRAIN, png): make_png(rng)}
    edition = replace(small.collection.edition, cmyk=frozenset({cmyk}), png=frozenset({png}))
    boxes = small.collection.boxes
    tables = tuple(SampleTable(t.split, map(_sized(images, t.split), t.parts), boxes) for t in small.collection.tables)
    return Small(replace(small.collection, edition=edition, tables=tables), images, small.annotations)


def _sized(images: dict[tuple[Split, str], bytes], split: Split) -> Callable[[Part], Part]:
    def sized(part: Part) -> Part:
        sizes = [len(images[split, part.rows.name(row)]) for row in range(len(part))]
        return replace(part, rows=replace(part.rows, sizes=sizes))

    return sized


def with_boxes(*boxes: tuple[int, int, int, int], wnid: str = "n01440764") -> tuple[Small, str]:
    """Give the collection with these boxes on one JPEG of the first class, and the name of that image."""
    small = make_small()
    name = sorted(name for _, name in small.images if name.startswith("n01440764"))[2]
    table = BoxTable({name.removesuffix(".JPEG"): tuple(Box(wnid, *sides) for sides in boxes)})
    return real(replace(small, collection=replace(small.collection, boxes=table))), name


def test_a_record_has_every_key_of_the_schema_and_no_other(tmp_path: Path) -> None:
    lay(tfrecord, real(make_small()), tmp_path)
    keys = {"height", "width", "channels", "colorspace", "format", "filename", "encoded"}
    keys |= {"class/label", "class/synset", "class/text", "object/bbox/label"}
    keys |= {f"object/bbox/{side}" for side in SIDES}
    for record in records(tmp_path).values():
        assert set(record.lists) == {f"image/{key}" for key in keys}


def test_labels_count_from_one_and_zero_is_nobodys_complaint_32(tmp_path: Path) -> None:
    small = make_small()
    lay(tfrecord, small, tmp_path)
    found = records(tmp_path, "train*")
    assert {r.text("image/class/synset"): r.ints("image/class/label") for r in found.values()} == {
        synset.wnid: (synset.label + 1,) for synset in small.collection.edition.classes
    }


def test_test_images_have_label_minus_one_and_no_class_complaint_38(tmp_path: Path) -> None:
    lay(tfrecord, make_small(), tmp_path)
    found = records(tmp_path, "test*").values()
    assert len(found) == 3
    for record in found:
        assert record.ints("image/class/label") == (-1,)
        assert record.text("image/class/synset") == record.text("image/class/text") == ""


def test_text_is_that_of_the_kit(tmp_path: Path) -> None:
    lay(tfrecord, make_small(), tmp_path)
    texts = {r.text("image/class/synset"): r.text("image/class/text") for r in records(tmp_path, "train*").values()}
    assert texts["n02093428"] == "American Staffordshire terrier, pit bull terrier"


def test_sizes_come_from_the_headers_and_odd_images_say_what_they_are_complaint_47(tmp_path: Path) -> None:
    small = real(make_small())
    lay(tfrecord, small, tmp_path)
    edition = small.collection.edition
    for name, record in records(tmp_path).items():
        probe = [record.ints(f"image/{key}") for key in ("width", "height", "channels")]
        words = (record.text("image/colorspace"), record.text("image/format"))
        if name in edition.cmyk:
            assert (probe[2], words) == ((4,), ("CMYK", "JPEG"))
            assert all(value > 0 for (value,) in probe)
        else:
            assert probe == [(WIDTH,), (HEIGHT,), (3,)]
            assert words == ("RGB", "PNG" if name in edition.png else "JPEG")


def test_an_image_without_a_readable_header_has_size_0_and_no_boxes(tmp_path: Path) -> None:
    small = make_small().unreadable()
    boxed = small.with_tables(lambda t: SampleTable(t.split, t.parts, small.collection.boxes))
    lay(tfrecord, boxed, tmp_path)
    for record in records(tmp_path).values():
        assert record.ints("image/width") == record.ints("image/height") == (0,)
        assert record.floats("image/object/bbox/xmin") == ()


def test_no_box_is_lists_without_values_and_thirty_are_thirty_complaint_59(tmp_path: Path) -> None:
    wide = [(n % 20, n % 10, n % 20 + 1 + n % 3, n % 10 + 3) for n in range(30)]
    small, name = with_boxes(*wide)
    lay(tfrecord, small, tmp_path)
    for key, record in records(tmp_path).items():
        sides = [record.floats(f"image/object/bbox/{side}") for side in SIDES]
        expected = wide if key == name else []
        scale = (WIDTH, HEIGHT, WIDTH, HEIGHT)
        assert list(zip(*sides, strict=True)) == [
            pytest.approx([value / whole for value, whole in zip(box, scale, strict=True)]) for box in expected
        ]
        assert record.ints("image/object/bbox/label") == (1,) * len(expected)


@pytest.mark.parametrize(
    ("box", "expected"),
    [
        ((12, 8, 6, 4), [(0.25, 0.25, 0.5, 0.5)]),
        ((12, 4, 48, 8), [(0.5, 0.25, 1.0, 0.5)]),
        ((24, 4, 48, 8), []),
        ((6, 4, 6, 8), []),
        ((6, 4, 12, 4), []),
    ],
    ids=["corners swapped", "over the edge", "outside", "no width", "no height"],
)
def test_an_odd_box_is_put_right_or_left_out_as_the_original_does(
    box: tuple[int, int, int, int], expected: list[object], tmp_path: Path
) -> None:
    small, name = with_boxes(box)
    lay(tfrecord, small, tmp_path)
    record = records(tmp_path)[name]
    assert list(zip(*(record.floats(f"image/object/bbox/{side}") for side in SIDES), strict=True)) == expected


@pytest.mark.parametrize(("wnid", "count"), [("n01484850", 0), ("Scottish_deerhound", 1)])
def test_a_box_of_another_class_is_left_out_but_a_name_is_taken_for_the_class(
    wnid: str, count: int, tmp_path: Path
) -> None:
    small, name = with_boxes((1, 2, 3, 4), wnid=wnid)
    lay(tfrecord, small, tmp_path)
    assert records(tmp_path)[name].ints("image/object/bbox/label") == (1,) * count


@pytest.mark.parametrize("outside", [0, 1, 5, 6, 7, 8, 9, 30])
def test_the_index_has_where_each_record_begins_whatever_boxes_it_loses_complaint_53(
    outside: int, tmp_path: Path
) -> None:
    small, name = with_boxes((1, 2, 3, 4), *[(30 + n, 20, 60, 40) for n in range(outside)])
    lay(tfrecord, small, tmp_path, tfrecord.Options(shards=2))
    assert records(tmp_path)[name].ints("image/object/bbox/label") == (1,)
    for path in tmp_path.glob("*-of-*"):
        data, at = path.read_bytes(), 0
        lines = []
        while at < len(data):
            size_bytes = struct.unpack_from("<Q", data, at)[0] + 16
            lines.append(f"{at} {size_bytes}\n")
            at += size_bytes
        assert (tmp_path / "idx" / f"{path.name}.idx").read_text() == "".join(lines)


def test_the_index_can_be_left_out(tmp_path: Path) -> None:
    lay(tfrecord, make_small(), tmp_path, tfrecord.Options(idx=False))
    assert not (tmp_path / "idx").exists()


def test_there_are_as_many_shards_as_readers_expect_complaint_41() -> None:
    sizes = range(100_000)
    counts = [tfrecord.count(split, sizes, tfrecord.Options()) for split in (Split.TRAIN, Split.VAL)]
    assert counts == [1024, 128]
    assert tfrecord.path(Split.TRAIN, 7, 1024) == "train-00007-of-01024"
    assert tfrecord.path(Split.VAL, 127, 128) == "validation-00127-of-00128"


def test_fewer_images_make_one_shard_each_and_no_empty_one_complaint_45(tmp_path: Path) -> None:
    lay(tfrecord, make_small(), tmp_path)
    shards = {path.name: path.stat().st_size for path in tmp_path.glob("*-of-*")}
    assert len(shards) == 15 + 7 + 3 and all(shards.values())
    assert tfrecord.count(Split.TRAIN, range(50), tfrecord.Options(shards=4)) == 4


def test_shards_are_mixed_unless_asked_otherwise_complaint_46(tmp_path: Path) -> None:
    small = make_small(per_class=20)
    lay(tfrecord, small, tmp_path / "mixed", tfrecord.Options(shards=2))
    lay(tfrecord, small, tmp_path / "sorted", tfrecord.Options(shards=2, order="archive"))
    for order, expected in (("mixed", 5), ("sorted", 3)):
        found = records(tmp_path / order, "train-00000")
        assert len({record.text("image/class/synset") for record in found.values()}) == expected


def test_it_has_no_official_order(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="no order 'official'"):
        lay(tfrecord, make_small(), tmp_path, tfrecord.Options(order="official"))


def test_the_list_of_labels_has_that_of_line_n_at_line_n(tmp_path: Path) -> None:
    lay(tfrecord, make_small().only(["n02012849", "n03126707"]), tmp_path)
    assert (tmp_path / "labels.txt").read_bytes() == b"n02012849\nn03126707\n"


def test_a_record_is_framed_as_tensorflow_frames_it() -> None:
    assert b"".join(frame([b"123", b"456789"])).hex() == "090000000000000037f97139313233343536373839e5b08ac7"


@pytest.mark.parametrize("spoil", ["length", "record", "cut", "missing"])
def test_a_damaged_shard_is_refused(spoil: str, tmp_path: Path) -> None:
    small = make_small()
    lay(tfrecord, small, tmp_path, tfrecord.Options(shards=2))
    shard = tmp_path / "train-00000-of-00002"
    data = bytearray(shard.read_bytes())
    if spoil == "missing":
        shard.unlink()
    else:
        data[{"length": 1, "record": 40, "cut": 0}[spoil]] ^= 0 if spoil == "cut" else 1
        shard.write_bytes(data[:-1] if spoil == "cut" else data)
    with pytest.raises(LayoutRefused):
        list(tfrecord.read(tmp_path, small.collection.edition))


def test_a_length_beyond_all_bounds_is_refused_before_anything_is_read(tmp_path: Path) -> None:
    head = struct.pack("<Q", 1 << 62)
    crc = value(head)
    masked = ((crc >> 15 | crc << 17) + 0xA282EAD8) & 0xFFFFFFFF
    (tmp_path / "train-00000-of-00001").write_bytes(head + struct.pack("<I", masked))
    with pytest.raises(KilotarError, match="cut off"):
        list(tfrecord.read(tmp_path, make_small().collection.edition))


def test_the_same_images_in_another_archive_give_the_same_shards(tmp_path: Path) -> None:
    small = real(make_small())
    lay(tfrecord, small, tmp_path / "a", tfrecord.Options(shards=3))
    lay(
        tfrecord,
        small.with_tables(lambda t: SampleTable(t.split, reversed(t.parts), t.boxes)),
        tmp_path / "b",
        tfrecord.Options(shards=3),
    )
    assert tree(tmp_path / "a") == tree(tmp_path / "b")
