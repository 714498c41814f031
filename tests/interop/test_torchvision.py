"""torchvision and torch take what is written, unchanged and without scipy, archives or kit."""

from __future__ import annotations

import io
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest
from PIL import Image

from kilotar.model.sample import Split
from kilotar.sinks import imagefolder, torchvision
from kilotar.sinks.metabin import read_meta_bin
from tests.doubles.collections import CLASSES, Small, make_small
from tests.doubles.folders import lay
from tests.need import need_module

torch = need_module("torch")
datasets = need_module("torchvision").datasets


def with_real_images(small: Small) -> Small:
    """Give each sample a JPEG that decodes, its colour told by its place; one is CMYK."""
    images = {}
    for place, key in enumerate(small.images):
        out = io.BytesIO()
        mode, colour = ("CMYK", (9, 9, 9, 9)) if place == 0 else ("RGB", (place * 7 % 256, 40, 90))
        Image.new(mode, (24, 16), colour).save(out, "JPEG")
        images[key] = out.getvalue()
    return replace(small, images=images)


@pytest.fixture(params=["all", "two"])
def small(request: pytest.FixtureRequest) -> Small:
    whole = with_real_images(make_small())
    return whole if request.param == "all" else whole.only(["n02012849", "n03126707"])


@pytest.fixture
def laid(small: Small, tmp_path: Path) -> Path:
    lay(torchvision, small, tmp_path)
    return tmp_path


def ours(folder: Path, small: Small, split: Split) -> Iterator[tuple[str, int]]:
    for row in torchvision.read(folder, small.collection.edition):
        if row.split == split:
            yield str(folder / split / row.wnid / row.name), row.label


@pytest.mark.parametrize("split", [Split.TRAIN, Split.VAL])
def test_imagenet_loads_the_tree_with_the_same_labels_complaint_34(laid: Path, small: Small, split: Split) -> None:
    found = datasets.ImageNet(str(laid), split=str(split))
    assert found.imgs == list(ours(laid, small, split))
    assert tuple(found.wnids) == small.collection.classes
    words = {synset.wnid: synset.lemmas for synset in CLASSES}
    assert found.classes == [words[wnid] for wnid in small.collection.classes]


def test_imagenet_decodes_every_image_also_the_cmyk_one(laid: Path, small: Small) -> None:
    found = datasets.ImageNet(str(laid), split="train")
    assert [(image.mode, image.size) for image, _ in found] == [("RGB", (24, 16))] * len(found)
    assert len(found) == len(small.collection.table(Split.TRAIN) or ())


@pytest.mark.parametrize("split", [Split.TRAIN, Split.VAL])
def test_imagefolder_reads_the_plain_tree_in_our_order(small: Small, split: Split, tmp_path: Path) -> None:
    lay(imagefolder, small, tmp_path)
    found = datasets.ImageFolder(str(tmp_path / split))
    rows = [row for row in imagefolder.read(tmp_path, small.collection.edition) if row.split == split]
    assert found.samples == [(str(tmp_path / split / row.wnid / row.name), row.label) for row in rows]


def test_torch_reads_meta_bin_with_weights_only(laid: Path) -> None:
    assert torch.load(laid / "meta.bin", weights_only=True) == read_meta_bin(laid / "meta.bin")


def test_meta_bin_that_torch_wrote_is_read(tmp_path: Path) -> None:
    meta = ({f"n{number:08d}": ("a", "b c")[: 1 + number % 2] for number in range(1500)}, ["n00000001"] * 3000)
    torch.save(meta, tmp_path / "meta.bin")
    assert read_meta_bin(tmp_path / "meta.bin") == meta
