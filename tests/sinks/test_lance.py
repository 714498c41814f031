"""Lance datasets, as Lance's own library finds them and by the words of their manifests."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from kilotar.errors import KilotarError, LayoutRefused, MissingExtra, UsageError
from kilotar.model.sample import Extent, Sample, Split
from kilotar.model.seams import Item, Shard
from kilotar.sinks import base, lance
from kilotar.sinks.base import check_needs, find_sink
from kilotar.sinks.lance import Options
from kilotar.sinks.lance_manifest import unstamped
from kilotar.store.files import sweep
from tests.doubles.collections import CMYK, PNG, Small, make_small
from tests.doubles.folders import lay, tree

library = pytest.importorskip("lance")
NAMES = {Split.TRAIN: "train", Split.VAL: "validation", Split.TEST: "test"}
MANIFEST = "_versions/18446744073709551614.manifest"


def laid(
    folder: Path, small: Small, split: Split = Split.TRAIN, options: Options | None = None
) -> list[dict[str, Any]]:
    """Write an output; give the rows of a split."""
    lay(lance, small, folder, options)
    rows: list[dict[str, Any]] = library.dataset(str(folder / f"{NAMES[split]}.lance")).to_table().to_pylist()
    return rows


def test_each_split_is_a_dataset_of_data_files_and_a_manifest(tmp_path: Path) -> None:
    lay(lance, make_small(), tmp_path, Options(shards=2))
    assert sorted(tree(tmp_path)) == [
        f"test.lance/{MANIFEST}",
        "test.lance/data/00000.lance",
        f"train.lance/{MANIFEST}",
        "train.lance/data/00000.lance",
        "train.lance/data/00001.lance",
        f"validation.lance/{MANIFEST}",
        "validation.lance/data/00000.lance",
    ]


@pytest.mark.parametrize("split", Split)
def test_rows_are_the_published_columns_with_name_and_wnid_complaint_56(split: Split, tmp_path: Path) -> None:
    small = make_small()
    rows = laid(tmp_path, small, split, Options(shards=4))
    rank = {wnid: place for place, wnid in enumerate(small.collection.classes)} | {"": -1}
    words = {wnid: synset.words for wnid, synset in small.collection.edition.by_wnid.items()} | {"": None}
    assert [row["id"] for row in rows] == list(range(len(rows)))
    found = sorted((row["name"], row["wnid"], row["label"], str(row["label_name"]), row["image"]) for row in rows)
    assert found == sorted(
        (sample.name, sample.wnid, rank[sample.wnid], str(words[sample.wnid]), data)
        for sample, data in small.samples()
        if sample.split is split
    )
    if split is Split.TRAIN:
        assert {PNG, CMYK} <= {row["image"] for row in rows}
    if split is Split.TEST:
        assert {row["label_name"] for row in rows} == {None}


def test_columns_have_the_types_of_the_published_set(tmp_path: Path) -> None:
    lay(lance, make_small().without_boxes(), tmp_path)
    schema = library.dataset(str(tmp_path / "train.lance")).schema
    assert {field.name: str(field.type) for field in schema} == {
        "id": "int64",
        "image": "large_binary",
        "label": "int32",
        "label_name": "string",
        "name": "string",
        "wnid": "string",
    }


def test_boxes_are_a_column_of_none_and_of_thirty(tmp_path: Path) -> None:
    small = make_small()
    boxes = {sample.name: sample.boxes for sample, _ in small.samples()}
    rows = laid(tmp_path, small)
    for row in rows:
        assert row["boxes"] == [
            {"wnid": box.wnid, "xmin": box.xmin, "ymin": box.ymin, "xmax": box.xmax, "ymax": box.ymax}
            for box in boxes[row["name"]]
        ]
    assert {len(row["boxes"]) for row in rows} >= {0, 30}


def test_any_image_is_found_by_its_place(tmp_path: Path) -> None:
    small = make_small(per_class=8)
    lay(lance, small, tmp_path, Options(shards=3))
    dataset = library.dataset(str(tmp_path / "train.lance"))
    taken = dataset.take([39, 0, 17], columns=["id", "name", "image"]).to_pylist()
    images = {sample.name: data for sample, data in small.samples()}
    assert [(row["id"], row["image"] == images[row["name"]]) for row in taken] == [(39, True), (0, True), (17, True)]


def test_the_order_is_mixed_unless_asked_otherwise_complaint_46(tmp_path: Path) -> None:
    small = make_small(per_class=8)
    mixed = [row["label"] for row in laid(tmp_path / "mixed", small)]
    as_lying = [row["label"] for row in laid(tmp_path / "archive", small, options=Options(order="archive"))]
    assert as_lying == sorted(as_lying) == sorted(mixed) != mixed
    with pytest.raises(UsageError, match="official"):
        lay(lance, small, tmp_path / "official", Options(order="official"))


def test_a_split_of_no_images_is_a_dataset_of_no_rows(tmp_path: Path) -> None:
    assert laid(tmp_path, make_small(val=0), Split.VAL) == []
    dataset = library.dataset(str(tmp_path / "validation.lance"))
    assert dataset.get_fragments() == [] and dataset.schema.names[:2] == ["id", "image"]


def test_more_can_be_appended_and_the_first_version_stays(tmp_path: Path) -> None:
    rows = laid(tmp_path, make_small())
    path = str(tmp_path / "train.lance")
    library.write_dataset(library.dataset(path).to_table(), path, mode="append")
    assert library.dataset(path).count_rows() == 2 * len(rows)
    assert library.dataset(path, version=1).count_rows() == len(rows)


def test_a_manifest_has_no_time_and_no_transaction(tmp_path: Path) -> None:
    lay(lance, make_small(), tmp_path)
    data = (tmp_path / "train.lance" / MANIFEST).read_bytes()
    assert b".txn" not in data and unstamped(data) == data
    assert library.dataset(str(tmp_path / "train.lance")).versions()[0]["timestamp"].year == 1970
    with pytest.raises(LayoutRefused, match="no manifest"):
        unstamped(data[:-4] + b"LENC")


def test_data_files_hold_a_gib_in_the_mean_and_a_wished_number_is_of_train_alone() -> None:
    sizes = [1 << 28] * 9
    assert [lance.count(split, sizes, Options()) for split in Split] == [3, 3, 3]
    assert [lance.count(split, sizes, Options(shards=7)) for split in Split] == [7, 3, 3]
    assert lance.count(Split.VAL, [], Options()) == 1


def test_a_batch_of_8_mib_is_all_that_is_collected(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    asked: list[int] = []
    written: list[tuple[int, int]] = []
    image = bytes(1 << 20)

    def items() -> Iterator[Item]:
        for number in range(30):
            asked.append(number)
            sample = Sample(Split.TRAIN, f"n01440764_{number}.JPEG", Extent("a", 0, len(image)), "n01440764")
            yield Item(sample, 0, memoryview(image))

    class Recording(library.file.LanceFileWriter):  # type: ignore[misc, name-defined]
        def write_batch(self, batch: Any) -> None:
            written.append((len(asked), batch.num_rows))
            super().write_batch(batch)

    monkeypatch.setattr(library.file, "LanceFileWriter", Recording)
    shard = Shard(Split.TRAIN, 0, 1, "train.lance/data/00000.lance", range(30))
    lance.build(tmp_path / "file", items(), shard, make_small().collection, Options())
    assert written == [(8, 8), (16, 8), (24, 8), (30, 6)]


def test_what_a_killed_build_would_leave_is_swept_away(tmp_path: Path) -> None:
    left = tmp_path / "left"
    left.mkdir()

    def items() -> Iterator[Item]:
        for number in range(20):
            sample = Sample(Split.TRAIN, f"n01440764_{number}.JPEG", Extent("a", 0, 1 << 20), "n01440764")
            yield Item(sample, 0, memoryview(bytes(1 << 20)))
        for path in (tmp_path / "data").iterdir():
            (left / path.name).touch()

    (tmp_path / "data").mkdir()
    shard = Shard(Split.TRAIN, 0, 1, "train.lance/data/00000.lance", range(20))
    lance.build(tmp_path / "data/.12ab.0.part", items(), shard, make_small().collection, Options())
    assert sweep(left, ours=True) == 1 and not list(left.iterdir())


@pytest.mark.parametrize("name", ["a b", "100%41", "q?#x", "Größe"])
def test_a_folder_of_any_name_will_do(name: str, tmp_path: Path) -> None:
    small = make_small()
    lay(lance, small, tmp_path / name)
    assert sum(row.read is not None for row in lance.read(tmp_path / name, small.collection.edition)) == 25


@pytest.mark.parametrize("file", [MANIFEST, "data/00000.lance"])
@pytest.mark.parametrize("keep", [0, 10, -1, None])
def test_a_file_that_is_cut_or_missing_is_refused(file: str, keep: int | None, tmp_path: Path) -> None:
    small = make_small()
    lay(lance, small, tmp_path)
    path = tmp_path / "train.lance" / file
    data = path.read_bytes()
    path.unlink()
    if keep is not None:
        path.write_bytes(data[:keep])
    with pytest.raises(KilotarError) as refusal:
        for row in lance.read(tmp_path, small.collection.edition):
            assert row.read is not None
            row.read()
    assert refusal.value.exit_code == 8


def test_a_folder_without_datasets_is_refused(tmp_path: Path) -> None:
    with pytest.raises(LayoutRefused, match="no Lance dataset"):
        list(lance.read(tmp_path, make_small().collection.edition))


def test_the_line_that_installs_it_names_the_package_that_lance_is_in(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(base.importlib.util, "find_spec", lambda name: None)  # type: ignore[attr-defined]
    with pytest.raises(MissingExtra) as refusal:
        check_needs(find_sink("lance"))
    assert refusal.value.fix == "pip install pylance"
