"""The prepared folder of TFDS: names, order, counts, side files. TFDS itself reads it in tests/interop."""

from __future__ import annotations

import hashlib
import json
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest

from kilotar.errors import LayoutRefused
from kilotar.model.sample import Split
from kilotar.sinks import array_record, tfds
from kilotar.sinks.tfds_layout import FOLDER, shard_count
from tests.doubles.collections import make_small
from tests.doubles.folders import lay

FORMS = {tfds: "tfrecord", array_record: "array_record"}
both = pytest.mark.parametrize("sink", list(FORMS), ids=lambda sink: sink.ABOUT.name)


def info(folder: Path) -> Any:
    return json.loads((folder / FOLDER / "dataset_info.json").read_bytes())


@both
def test_the_folder_has_the_files_of_a_prepared_one_and_no_other_complaint_40(sink: ModuleType, tmp_path: Path) -> None:
    lay(sink, make_small(), tmp_path)
    names = {path.name for path in (tmp_path / "imagenet2012/5.1.0").iterdir()}
    splits = ("train", "validation", "test")
    shards = {f"imagenet2012-{split}.{FORMS[sink]}-00000-of-00001" for split in splits}
    assert names == {"dataset_info.json", "features.json", "label.labels.txt", *shards}


@both
def test_samples_stand_in_the_order_of_the_md5_of_split_and_name(sink: ModuleType, tmp_path: Path) -> None:
    small = make_small(per_class=9, val=40)
    lay(sink, small, tmp_path)
    for split, name in ((Split.TRAIN, "train"), (Split.VAL, "validation"), (Split.TEST, "test")):
        read = [row.name for row in sink.read(tmp_path, small.collection.edition) if row.split is split]
        assert read == sorted(read, key=lambda file: hashlib.md5(f"{name}{file}".encode()).hexdigest())
        assert len(read) > 1


@pytest.mark.parametrize(
    ("images", "mean_bytes", "count"),
    [
        (1_281_167, 108_500, 1024),
        (50_000, 134_000, 64),
        (100_000, 132_000, 128),
        (12_894, 120_000, 16),
        (1, 100, 1),
        (0, 0, 1),
        (100, 64 << 20, 64),
        (3_000_000, 1 << 20, 3072),
    ],
)
def test_there_are_as_many_shards_as_tfds_takes_complaint_41(images: int, mean_bytes: int, count: int) -> None:
    class Sizes(list[int]):
        def __len__(self) -> int:
            return images

    assert shard_count(Sizes([images * mean_bytes])) == count


@both
def test_the_number_of_training_shards_can_be_chosen(sink: ModuleType, tmp_path: Path) -> None:
    lay(sink, make_small(), tmp_path, sink.Options(shards=4))
    lengths = {split["name"]: split["shardLengths"] for split in info(tmp_path)["splits"]}
    assert lengths == {"train": ["4", "4", "3", "4"], "validation": ["7"], "test": ["3"]}
    assert (tmp_path / FOLDER / f"imagenet2012-train.{FORMS[sink]}-00003-of-00004").stat().st_size


@both
def test_dataset_info_says_what_tfds_asks_for(sink: ModuleType, tmp_path: Path) -> None:
    lay(sink, make_small(), tmp_path)
    said = info(tmp_path)
    assert (said["name"], said["version"], said["fileFormat"]) == ("imagenet2012", "5.1.0", FORMS[sink])
    assert said["supervisedKeys"] == {"tuple": {"items": [{"featureKey": "image"}, {"featureKey": "label"}]}}
    assert {split["filepathTemplate"] for split in said["splits"]} == {"{DATASET}-{SPLIT}.{FILEFORMAT}-{SHARD_X_OF_Y}"}


def test_the_number_of_bytes_is_that_of_the_records_without_frames(tmp_path: Path) -> None:
    lay(tfds, make_small(), tmp_path)
    for split, images in zip(info(tmp_path)["splits"], (15, 7, 3), strict=True):
        (file,) = (tmp_path / FOLDER).glob(f"*-{split['name']}.*")
        assert int(split["numBytes"]) == file.stat().st_size - 16 * images


@both
def test_labels_are_listed_and_counted_for_a_choice_of_classes_too(sink: ModuleType, tmp_path: Path) -> None:
    lay(sink, make_small().only(["n02012849", "n03126707"]), tmp_path)
    assert (tmp_path / FOLDER / "label.labels.txt").read_bytes() == b"n02012849\nn03126707\n"
    features = json.loads((tmp_path / FOLDER / "features.json").read_bytes())["featuresDict"]["features"]
    assert features["label"]["classLabel"] == {"numClasses": "2"}
    assert set(features) == {"file_name", "image", "label"}


@both
def test_a_split_without_images_is_not_announced(sink: ModuleType, tmp_path: Path) -> None:
    lay(sink, make_small(test=0), tmp_path)
    assert [split["name"] for split in info(tmp_path)["splits"]] == ["train", "validation"]


@both
@pytest.mark.parametrize("spoil", ["short", "long", "garbage", "gone", "label", "info"])
def test_a_folder_that_does_not_hold_what_it_announces_is_refused_complaint_45(
    sink: ModuleType, spoil: str, tmp_path: Path
) -> None:
    small = make_small()
    lay(sink, small, tmp_path)
    (shard,) = (tmp_path / FOLDER).glob("*-train.*")
    side = tmp_path / FOLDER / "dataset_info.json"
    if spoil == "garbage":
        shard.write_bytes(b"no shard " * 40_000)
    elif spoil == "gone":
        shard.unlink()
    elif spoil == "label":
        (tmp_path / FOLDER / "label.labels.txt").write_bytes(b"n01440764\n")
    elif spoil == "info":
        side.write_bytes(b"[]")
    else:
        other = {"short": '"16"', "long": '"14"'}[spoil]
        side.write_text(side.read_text().replace('"15"', other))
    with pytest.raises(LayoutRefused):
        list(sink.read(tmp_path, small.collection.edition))
