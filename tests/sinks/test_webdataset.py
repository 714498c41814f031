"""Tars of samples, member by member, with tarfile as the oracle."""

from __future__ import annotations

import io
import json
import tarfile
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest

from kilotar.errors import LayoutRefused, UsageError
from kilotar.model.sample import Sample, Split
from kilotar.plan.order import cut
from kilotar.sinks import webdataset
from kilotar.sinks.webdataset import OFFICIAL, Options
from tests.doubles.collections import CMYK, PNG, make_small
from tests.doubles.folders import lay, tree

Members = list[tuple[str, bytes]]


def members(data: bytes) -> Members:
    """Give names and contents in order."""
    with tarfile.open(fileobj=io.BytesIO(data)) as tar:
        return [(info.name, tar.extractfile(info).read()) for info in tar]  # type: ignore[union-attr]


def keys(folder: Path, split: str = "train") -> list[str]:
    """Give the keys of a split's samples in the order of its shards."""
    shards = (data for path, data in tree(folder).items() if path.startswith(f"imagenet1k-{split}-"))
    return [name.removesuffix(".jpg") for data in shards for name, _ in members(data) if name.endswith(".jpg")]


def test_the_names_are_the_published_ones_complaint_41(tmp_path: Path) -> None:
    lay(webdataset, make_small(), tmp_path, Options(shards=2))
    assert sorted(tree(tmp_path)) == [
        "__index__/imagenet1k-test-000.idx",
        "__index__/imagenet1k-train-0000.idx",
        "__index__/imagenet1k-train-0001.idx",
        "__index__/imagenet1k-validation-00.idx",
        "__index__/wids-test.json",
        "__index__/wids-train.json",
        "__index__/wids-validation.json",
        "_info.json",
        "imagenet1k-test-000.tar",
        "imagenet1k-train-0000.tar",
        "imagenet1k-train-0001.tar",
        "imagenet1k-validation-00.tar",
    ]
    assert webdataset.path(Split.TRAIN, 1023, 1024) == "imagenet1k-train-1023.tar"
    assert webdataset.path(Split.VAL, 63, 64) == "imagenet1k-validation-63.tar"


@pytest.mark.parametrize(
    ("split", "images", "shards"),
    [
        (Split.TRAIN, 1_281_167, 1024),
        (Split.VAL, 50_000, 64),
        (Split.TEST, 100_000, 128),
        (Split.TRAIN, 13_000, 8),
        (Split.TRAIN, 126_689, 128),
        (Split.TRAIN, 9_469, 8),
        (Split.TRAIN, 1, 1),
        (Split.TRAIN, 0, 1),
    ],
)
def test_whole_splits_have_the_published_number_of_shards_and_parts_of_them_fewer_complaint_41(
    split: Split, images: int, shards: int
) -> None:
    assert webdataset.count(split, range(images), Options()) == shards


def test_a_wished_number_is_of_train_alone_and_lengths_differ_by_one_at_most_complaint_52(tmp_path: Path) -> None:
    assert webdataset.count(Split.TRAIN, range(1_281_167), Options(shards=96)) == 96
    assert webdataset.count(Split.VAL, range(50_000), Options(shards=96)) == 64
    assert {len(run) for run in cut(1_281_167, 1024)} == {1251, 1252}


def test_the_members_of_a_sample_stand_together_image_first(tmp_path: Path) -> None:
    small = make_small().without_boxes()
    lay(webdataset, small, tmp_path)
    data = {sample.key: (sample, image) for sample, image in small.samples()}
    found = members((tmp_path / "imagenet1k-train-0000.tar").read_bytes())
    assert len(found) == 3 * 15
    for at in range(0, len(found), 3):
        (image, pixels), (label, number), (facts, text) = found[at : at + 3]
        key = image.removesuffix(".jpg")
        sample, expected = data[key]
        assert (image, label, facts) == (f"{key}.jpg", f"{key}.cls", f"{key}.json")
        assert pixels == expected
        assert int(number) == sample.label
        assert json.loads(text) == {"label": sample.label, "filename": sample.name, "wnid": sample.wnid}


def test_oddities_keep_their_bytes_and_the_ending_of_the_others_complaint_47(tmp_path: Path) -> None:
    lay(webdataset, make_small(), tmp_path)
    found = dict(members((tmp_path / "imagenet1k-train-0000.tar").read_bytes()))
    assert found["n01440764_7.jpg"] == PNG
    assert found["n01440764_77.jpg"] == CMYK


def test_boxes_are_lines_of_every_sample_none_or_thirty_complaint_59(tmp_path: Path) -> None:
    small = make_small()
    lay(webdataset, small, tmp_path)
    for split in ("train", "validation", "test"):
        shard = next(tmp_path.glob(f"imagenet1k-{split}-*.tar"))
        found = {name: data for name, data in members(shard.read_bytes()) if name.endswith(".boxes.txt")}
        assert len(found) == len(keys(tmp_path, split))
        for name, data in found.items():
            boxes = small.collection.boxes.of(name.removesuffix(".boxes.txt"))  # type: ignore[union-attr]
            lines = [f"{box.wnid} {box.xmin} {box.ymin} {box.xmax} {box.ymax}" for box in boxes]
            assert data.decode("ascii").splitlines() == lines
    counts = {len(small.collection.boxes.of(sample.key)) for sample, _ in small.samples()}  # type: ignore[union-attr]
    assert {0, 30} <= counts


@pytest.mark.parametrize("with_boxes", [False, True])
def test_offsets_of_dali_point_at_the_bytes_of_every_member_complaint_53(with_boxes: bool, tmp_path: Path) -> None:
    small = make_small() if with_boxes else make_small().without_boxes()
    lay(webdataset, small, tmp_path, Options(shards=2))
    indexes = sorted(tmp_path.glob("__index__/*.idx"))
    assert len(indexes) == 4
    for index in indexes:
        shard = (tmp_path / f"{index.stem}.tar").read_bytes()
        head, *lines = index.read_text().splitlines()
        assert head == f"v1.2 {len(lines)}"
        words = [line.split(" ") for line in lines]
        listed = [tuple(line[at : at + 4]) for line in words for at in range(0, len(line), 4)]
        assert [(name, shard[int(at) : int(at) + int(size)]) for _, at, size, name in listed] == members(shard)
        assert all(name.partition(".")[2] == ending for ending, _, _, name in listed)


def test_without_idx_there_are_none(tmp_path: Path) -> None:
    lay(webdataset, make_small(), tmp_path, Options(idx=False))
    assert not list(tmp_path.rglob("*.idx"))


def test_info_has_what_timm_asks_for_and_the_label_order_complaint_31(tmp_path: Path) -> None:
    lay(webdataset, make_small(), tmp_path, Options(shards=2))
    info = json.loads((tmp_path / "_info.json").read_bytes())
    assert info["splits"]["train"] == {
        "name": "train",
        "filenames": ["imagenet1k-train-0000.tar", "imagenet1k-train-0001.tar"],
        "shard_lengths": [8, 7],
        "num_samples": 15,
    }
    assert list(info["splits"]) == ["test", "train", "validation"]
    assert info["wnids"] == sorted(info["wnids"]) and len(info["wnids"]) == 5


def test_wids_has_one_index_a_split_whose_paths_lead_to_its_shards(tmp_path: Path) -> None:
    lay(webdataset, make_small(), tmp_path, Options(shards=2))
    index = json.loads((tmp_path / "__index__/wids-train.json").read_bytes())
    assert (index["__kind__"], index["wids_version"]) == ("wids-shard-index-v1", 1)
    assert [shard["nsamples"] for shard in index["shardlist"]] == [8, 7]
    for number, shard in enumerate(index["shardlist"]):
        path = (tmp_path / "__index__" / shard["url"]).resolve()
        assert path == tmp_path.resolve() / f"imagenet1k-train-{number:04d}.tar"
        assert path.stat().st_size == shard["filesize"]


def by_official(sample: Sample) -> int:
    return OFFICIAL(sample)


def by_name(sample: Sample) -> str:
    return sample.name


@pytest.mark.parametrize(("order", "key"), [("official", by_official), ("archive", None)])
def test_orders_that_are_not_mixed(order: str, key: Callable[[Sample], object] | None, tmp_path: Path) -> None:
    small = make_small(per_class=8)
    lay(webdataset, small, tmp_path, Options(order=order, shards=3))
    samples = [sample for sample, _ in small.samples() if sample.split == Split.TRAIN]
    expected = sorted(samples, key=key) if key else samples  # type: ignore[type-var, arg-type]
    assert keys(tmp_path) == [sample.key for sample in expected]


@pytest.mark.parametrize("order", ["shuffled", "windowed"])
def test_a_mixed_order_follows_its_seed_and_no_class_stays_together_complaint_46(order: str, tmp_path: Path) -> None:
    small = make_small(per_class=8)
    found = []
    for name, seed in (("a", 0), ("b", 0), ("c", 1)):
        lay(webdataset, small, tmp_path / name, Options(order=order, seed=seed))
        found.append(keys(tmp_path / name))
    assert found[0] == found[1] != found[2]
    assert sorted(found[0]) == sorted(found[2])
    assert len({key.partition("_")[0] for key in found[0][:8]}) > 2


def test_the_official_place_is_the_md5_of_split_and_name_as_tfds_hashes_them() -> None:
    sample = replace(next(make_small().samples())[0], split=Split.VAL, name="ILSVRC2012_val_00000001.JPEG")
    assert OFFICIAL(sample) == 0x71070E5045E9B377AA2625BA3872B12D


def test_an_order_that_is_none_is_refused(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="sideways"):
        lay(webdataset, make_small(), tmp_path, Options(order="sideways"))


@pytest.mark.parametrize(
    "content", [b"{", b"[]", b'{"splits": {"train": {}}}', b'{"splits": {"dev": {"filenames": ["a.tar"]}}}']
)
def test_an_info_of_something_else_is_refused_by_name(content: bytes, tmp_path: Path) -> None:
    (tmp_path / "_info.json").write_bytes(content)
    with pytest.raises(LayoutRefused, match=r"_info\.json"):
        list(webdataset.read(tmp_path, make_small().collection.edition))
