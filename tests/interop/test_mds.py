"""MosaicML's own reader on its shards: every sample, its ImageNet class, its check of digests."""

from __future__ import annotations

import hashlib
import io
import os
from collections.abc import Iterator
from pathlib import Path

import pytest
from PIL import Image

from kilotar.editions.tiny import Tiny
from tests.interop.made import export
from tests.need import need_module

streaming = need_module("streaming")
pytestmark = pytest.mark.interop
SPLITS = ("train", "val", "test")


@pytest.fixture(scope="module")
def folder(tiny: Tiny, tmp_path_factory: pytest.TempPathFactory) -> Path:
    return export(tiny, tmp_path_factory.mktemp("made") / "root", "mds", ("shards", "3"))


@pytest.fixture(autouse=True)
def alone(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """One process of one node, as without a launcher; what the reader shares is taken away afterwards."""
    for name, value in (("RANK", "0"), ("WORLD_SIZE", "1"), ("LOCAL_WORLD_SIZE", "1"), ("MASTER_ADDR", "127.0.0.1")):
        monkeypatch.setenv(name, value)
    yield
    streaming.base.util.clean_stale_shared_memory()


def names(folder: Path, split: str) -> list[str]:
    """Give the keys of a split's samples in the order of the output."""
    return [
        os.path.splitext(line.split("\t")[0])[0] for line in (folder / split / "names.tsv").read_text().splitlines()
    ]


@pytest.mark.parametrize("split", SPLITS)
def test_its_shards_hold_every_image_under_its_label_complaint_50(folder: Path, tiny: Tiny, split: str) -> None:
    keys = names(folder, split)
    labels = {}
    for shard in streaming.StreamingDataset(local=str(folder), split=split, batch_size=1).shards:
        for place in range(shard.samples):
            data = shard.get_sample_data(place)
            sample = shard.decode_sample(data)
            key = keys[sample["i"]]
            labels[key] = sample["y"]
            image = data[-8 - tiny.truth[key].size_bytes : -8]
            assert hashlib.sha256(image).hexdigest() == tiny.truth[key].sha256
            assert sample["x"].tobytes() == Image.open(io.BytesIO(image)).tobytes()
    assert labels == {key: fact.label for key, fact in tiny.truth.items() if fact.split == split}


def test_streaming_imagenet_gives_pictures_and_labels_with_nothing_changed_complaint_50(
    folder: Path, tiny: Tiny
) -> None:
    found = streaming.vision.StreamingImageNet(
        local=str(folder), split="train", batch_size=2, shuffle=True, transform=lambda picture: picture.convert("RGB")
    )
    assert len(found) == 24
    keys = names(folder, "train")
    for place in range(24):
        picture, label = found[place]
        assert picture.mode == "RGB" and label == tiny.truth[keys[place]].label


def test_it_streams_from_a_remote_folder_and_finds_every_digest_right(folder: Path, tiny: Tiny, tmp_path: Path) -> None:
    found = streaming.StreamingDataset(
        remote=str(folder), local=str(tmp_path), split="train", batch_size=4, shuffle=True, validate_hash="sha256"
    )
    samples = list(found)
    assert sorted(sample["i"] for sample in samples) == list(range(24))
    keys = names(folder, "train")
    boxes = {keys[sample["i"]]: sample["boxes"] for sample in samples if sample["boxes"]}
    assert boxes == {
        key: [[box.xmin, box.ymin, box.xmax, box.ymax] for box in boxes]
        for key, boxes in tiny.boxes.items()
        if tiny.truth[key].split == "train"
    }


def test_a_changed_byte_is_found_by_its_digest(folder: Path, tmp_path: Path) -> None:
    remote = tmp_path / "remote"
    (remote / "val").mkdir(parents=True)
    for file in (folder / "val").iterdir():
        data = bytearray(file.read_bytes())
        if file.suffix == ".mds":
            data[-20] ^= 1
        (remote / "val" / file.name).write_bytes(data)
    found = streaming.StreamingDataset(
        remote=str(remote), local=str(tmp_path / "local"), split="val", batch_size=1, validate_hash="sha256"
    )
    with pytest.raises(Exception, match=r"[Cc]hecksum|hash"):
        found[0]
