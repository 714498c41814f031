"""Tables of images: names, columns, groups, the card, and what is read back."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from kilotar.errors import LayoutRefused
from kilotar.model.sample import Split
from kilotar.model.seams import Item
from kilotar.sinks import parquet
from kilotar.sinks.parquet import Options
from tests.doubles.collections import CMYK, PNG, make_small
from tests.doubles.folders import PlainFolder, lay, shards_of, tree
from tests.need import need_module

pyarrow = need_module("pyarrow")
pq = need_module("pyarrow.parquet")


def rows(folder: Path, split: str) -> list[dict[str, Any]]:
    """Give the rows of a split in the order of its files."""
    return [row for path in sorted(folder.glob(f"data/{split}-*")) for row in pq.read_table(path).to_pylist()]


def card(folder: Path) -> list[str]:
    return (folder / "README.md").read_text().splitlines()


def test_the_names_are_those_of_the_hub_complaint_41(tmp_path: Path) -> None:
    lay(parquet, make_small(), tmp_path, Options(shards=2))
    assert sorted(tree(tmp_path)) == [
        "README.md",
        "data/test-00000-of-00001.parquet",
        "data/train-00000-of-00002.parquet",
        "data/train-00001-of-00002.parquet",
        "data/validation-00000-of-00001.parquet",
    ]


@pytest.mark.parametrize(
    ("split", "total_bytes", "shards"),
    [(Split.TRAIN, 146_900_000_000, 294), (Split.VAL, 6_700_000_000, 14), (Split.TEST, 13_500_000_000, 27)],
)
def test_a_shard_has_500_mb_of_images(split: Split, total_bytes: int, shards: int) -> None:
    assert parquet.count(split, [total_bytes], Options()) == shards
    assert parquet.count(split, [], Options()) == 1


def test_a_row_is_the_image_as_published_its_name_and_its_label_complaint_47(tmp_path: Path) -> None:
    small = make_small().without_boxes()
    lay(parquet, small, tmp_path)
    for split, name in (("train", "train"), ("val", "validation"), ("test", "test")):
        expected = {
            sample.name: {"image": {"bytes": data, "path": sample.name}, "label": sample.label}
            for sample, data in small.samples()
            if sample.split == split
        }
        found = rows(tmp_path, name)
        assert {row["image"]["path"]: row for row in found} == expected
        assert len(found) == len(expected)
    images = {row["image"]["bytes"] for row in rows(tmp_path, "train")}
    assert {PNG, CMYK} <= images
    assert {row["label"] for row in rows(tmp_path, "test")} == {-1}


def test_boxes_are_lists_none_or_thirty_complaint_59_complaint_61(tmp_path: Path) -> None:
    small = make_small()
    lay(parquet, small, tmp_path)
    lengths = set()
    for row in rows(tmp_path, "train") + rows(tmp_path, "validation"):
        boxes = small.collection.boxes.of(row["image"]["path"].removesuffix(".JPEG"))  # type: ignore[union-attr]
        assert row["boxes"] == [[box.xmin, box.ymin, box.xmax, box.ymax] for box in boxes]
        assert row["box_wnids"] == [box.wnid for box in boxes]
        lengths.add(len(boxes))
    assert {0, 30} <= lengths


def test_a_row_group_is_a_hundred_images(tmp_path: Path) -> None:
    lay(parquet, make_small(per_class=50), tmp_path)
    file = pq.ParquetFile(tmp_path / "data/train-00000-of-00001.parquet")
    assert [file.metadata.row_group(number).num_rows for number in range(file.num_row_groups)] == [100, 100, 50]


def test_bytes_come_before_the_second_hundred_images_are_asked_for_complaint_56(tmp_path: Path) -> None:
    small = make_small(per_class=50)
    collection, _ = shards_of(parquet, small, Options(), PlainFolder(tmp_path))  # type: ignore[arg-type]
    shard = collection.shards[0].shard
    asked = 0

    def items() -> Iterator[Item]:
        nonlocal asked
        for sample in collection.samples(shard):
            asked += 1
            yield Item(sample, sample.label, memoryview(small.images[sample.split, sample.name]))

    written = 0
    for chunk in parquet.encode(items(), shard, collection, Options()):
        written += len(chunk)
        if written > 4:  # more than the four letters at the begin
            break
    assert asked == 100


def test_image_bytes_have_no_statistics_and_no_dictionary(tmp_path: Path) -> None:
    lay(parquet, make_small(), tmp_path)
    group = pq.ParquetFile(tmp_path / "data/train-00000-of-00001.parquet").metadata.row_group(0)
    columns = {group.column(at).path_in_schema: group.column(at) for at in range(group.num_columns)}
    image = columns["image.bytes"]
    assert image.statistics is None and "DICTIONARY" not in str(image.encodings)
    assert image.compression == "UNCOMPRESSED"
    assert (columns["label"].statistics.min, columns["label"].statistics.max) == (0, 4)


def test_the_files_say_their_types_to_datasets_and_two_cranes_have_two_names_complaint_35(tmp_path: Path) -> None:
    lay(parquet, make_small(), tmp_path)
    metadata = pq.read_schema(tmp_path / "data/train-00000-of-00001.parquet").metadata
    features = json.loads(metadata[b"huggingface"])["info"]["features"]
    assert features["image"] == {"_type": "Image"}
    assert features["label"] == {
        "_type": "ClassLabel",
        "names": [
            "tench, Tinca tinca",
            "great white shark, white shark",
            "crane",
            "American Staffordshire terrier, pit bull terrier",
            "crane2",
        ],
    }
    assert {"boxes", "box_wnids"} <= set(features)


def test_the_card_names_splits_files_and_classes(tmp_path: Path) -> None:
    small = make_small()
    lay(parquet, small, tmp_path)
    lines = card(tmp_path)
    assert lines[0] == "---" and lines.count("---") == 2
    assert lines[4:10] == [
        "  - split: train",
        "    path: data/train-*",
        "  - split: validation",
        "    path: data/validation-*",
        "  - split: test",
        "    path: data/test-*",
    ]
    assert "          '4': \"crane2\"" in lines
    counts = [int(line.rpartition(" ")[2]) for line in lines if line.startswith("    num_examples:")]
    assert counts == [15, 7, 3]


def test_the_hubs_copy_is_read_with_the_published_names_complaint_19(tmp_path: Path) -> None:
    edition = make_small().collection.edition
    (tmp_path / "data").mkdir()
    names = ["n02012849_5_n02012849.JPEG", "ILSVRC2012_val_00000293_n02012849.JPEG"]
    images = [{"bytes": name.encode(), "path": name} for name in names]
    pq.write_table(pyarrow.table({"image": images, "label": [2, 2]}), tmp_path / "data/train-00000-of-00294.parquet")
    found = list(parquet.read(tmp_path, edition))
    assert [row.name for row in found] == ["n02012849_5.JPEG", "ILSVRC2012_val_00000293.JPEG"]
    assert [row.wnid for row in found] == ["n02012849", "n02012849"]
    assert [row.read() for row in found if row.read] == [name.encode() for name in names]


@pytest.mark.parametrize(
    ("columns", "why"),
    [
        ({"image": [{"bytes": b"x", "path": "a.JPEG"}], "label": [5]}, "without name or label"),
        ({"image": [{"bytes": b"x", "path": "a.JPEG"}], "label": [-2]}, "without name or label"),
        ({"image": [{"bytes": b"x", "path": None}], "label": [1]}, "without name or label"),
        ({"picture": [1], "label": [1]}, "no images"),
        ({"image": [1], "label": [1]}, "no images"),
    ],
)
def test_a_table_of_something_else_is_refused(columns: dict[str, list[object]], why: str, tmp_path: Path) -> None:
    (tmp_path / "data").mkdir()
    pq.write_table(pyarrow.table(columns), tmp_path / "data/train-00000-of-00001.parquet")
    with pytest.raises(LayoutRefused, match=why):
        list(parquet.read(tmp_path, make_small().collection.edition))


def test_a_file_that_is_no_table_is_refused(tmp_path: Path) -> None:
    (tmp_path / "data").mkdir()
    (tmp_path / "data/train-00000-of-00001.parquet").write_bytes(b"PAR1 and no more")
    with pytest.raises(LayoutRefused, match="no Parquet"):
        list(parquet.read(tmp_path, make_small().collection.edition))


def test_large_images_make_smaller_groups_complaint_56(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("kilotar.sinks.parquet_groups._GROUP_BYTES", 1)
    small = make_small().without_boxes()
    lay(parquet, small, tmp_path)
    file = pq.ParquetFile(tmp_path / "data/train-00000-of-00001.parquet")
    assert {file.metadata.row_group(number).num_rows for number in range(file.num_row_groups)} == {1}
    assert {row.name: row.read() for row in parquet.read(tmp_path, small.collection.edition) if row.read} == {
        sample.name: data for sample, data in small.samples()
    }
