"""The readers of tars of samples, on what `prepare` wrote: webdataset, its wids, timm and datasets."""

from __future__ import annotations

import hashlib
import tempfile
from pathlib import Path

import pytest

from kilotar.editions.tiny import Tiny
from tests.interop.made import export
from tests.need import need_module

webdataset = need_module("webdataset")
pytestmark = pytest.mark.interop
NAMES = {"train": "train", "val": "validation", "test": "test"}
Found = dict[str, tuple[int, str]]


@pytest.fixture(scope="module")
def folder(tiny: Tiny, tmp_path_factory: pytest.TempPathFactory) -> Path:
    return export(tiny, tmp_path_factory.mktemp("made") / "root", "webdataset", ("shards", "3"))


def truth(tiny: Tiny, split: str) -> Found:
    """Give label and SHA-256 of every image by its key."""
    return {key: (fact.label, fact.sha256) for key, fact in tiny.truth.items() if fact.split == split}


def sha256(data: bytes) -> str:
    return hashlib.sha256(data).hexdigest()


@pytest.mark.parametrize("split", NAMES)
def test_webdataset_gives_every_sample_once_with_its_bytes_and_label_complaint_50(
    folder: Path, tiny: Tiny, split: str
) -> None:
    shards = sorted(str(path) for path in folder.glob(f"imagenet1k-{NAMES[split]}-*.tar"))
    samples = list(webdataset.WebDataset(shards, shardshuffle=False))
    assert {s["__key__"]: (int(s["cls"]), sha256(s["jpg"])) for s in samples} == truth(tiny, split)
    assert len(samples) == len(truth(tiny, split))


def test_its_decoder_gives_pictures_facts_and_boxes_of_all_images_complaint_61(folder: Path, tiny: Tiny) -> None:
    shards = sorted(str(path) for path in folder.glob("imagenet1k-train-*.tar"))
    counts = {}
    for sample in webdataset.WebDataset(shards, shardshuffle=False).decode("pil"):
        assert sample["jpg"].mode == "RGB" and sample["jpg"].size[0] > 0
        assert sample["json"]["label"] == sample["cls"] == tiny.truth[sample["__key__"]].label
        counts[sample["__key__"]] = len(sample["boxes.txt"].splitlines())
    assert counts == {key: len(tiny.boxes.get(key, ())) for key in truth(tiny, "train")}
    assert min(counts.values()) == 0 < max(counts.values())


@pytest.mark.parametrize("split", NAMES)
def test_wids_finds_any_sample_by_its_place_complaint_52(folder: Path, tiny: Tiny, split: str) -> None:
    wids = need_module("wids")
    with tempfile.TemporaryDirectory() as cache:
        index = str(folder / "__index__" / f"wids-{NAMES[split]}.json")
        data = wids.ShardListDataset(index, cache_dir=cache, transformations=[], keep=True)
        found = {}
        for place in reversed(range(len(data))):
            sample = data[place]
            found[sample["__key__"]] = int(sample[".cls"].read()), sha256(sample[".jpg"].read())
    assert found == truth(tiny, split)


@pytest.mark.parametrize("split", NAMES)
def test_timm_reads_labels_and_knows_the_number_of_samples_complaint_52(folder: Path, tiny: Tiny, split: str) -> None:
    reader = need_module("timm.data.readers.reader_wds").ReaderWds(str(folder), split=NAMES[split])
    assert len(reader) == len(truth(tiny, split))
    assert sorted(label for _, label in reader) == sorted(label for label, _ in truth(tiny, split).values())


def test_timm_trains_on_it_by_its_own_front_door(folder: Path) -> None:
    data = need_module("timm.data")
    made = data.create_dataset("wds/", root=str(folder), split="train", is_training=True, batch_size=4)
    assert sum(1 for _ in made) == len(made) == 24


def test_datasets_finds_splits_and_types_in_the_folder(folder: Path, tiny: Tiny, tmp_path: Path) -> None:
    datasets = need_module("datasets")
    loaded = datasets.load_dataset("webdataset", data_dir=str(folder), cache_dir=str(tmp_path))
    assert set(loaded) == set(NAMES.values())
    for split, name in NAMES.items():
        raw = loaded[name].cast_column("jpg", datasets.Image(decode=False))
        assert {row["__key__"]: (row["cls"], sha256(row["jpg"]["bytes"])) for row in raw} == truth(tiny, split)
    assert all(picture.size[0] > 0 for picture in loaded["train"]["jpg"])
    boxes = dict(zip(loaded["train"]["__key__"], loaded["train"]["boxes.txt"], strict=True))
    assert {key: len(text.splitlines()) for key, text in boxes.items()} == {
        key: len(tiny.boxes.get(key, ())) for key in truth(tiny, "train")
    }


def test_datasets_streams_it_without_a_cache(folder: Path, tiny: Tiny) -> None:
    datasets = need_module("datasets")
    stream = datasets.load_dataset("webdataset", data_dir=str(folder), split="validation", streaming=True)
    assert sum(1 for _ in stream) == len(truth(tiny, "val"))
