"""Downsampled batches in TFDS's own generator, and in the loader that Imagenet32's scripts have."""

from __future__ import annotations

import pickle
from pathlib import Path
from typing import Any

import pytest
from PIL import Image

import kilotar
from kilotar.editions.tiny import Tiny
from tests.need import need_module

numpy = need_module("numpy")
pytestmark = pytest.mark.interop
SIZE = 16


@pytest.fixture(scope="module")
def root(tiny: Tiny, tmp_path_factory: pytest.TempPathFactory) -> Path:
    root = tmp_path_factory.mktemp("made") / "root"
    kilotar.prepare(
        root,
        source=tiny.folder,
        edition=str(tiny.toml),
        formats=("npz", "imagefolder"),
        splits=("train", "val", "test"),
        options=(("npz", "size", str(SIZE)),),
    )
    return root


def scripted(path: Path) -> Any:
    """Give an image as image_resizer_imagent.py makes it with `--algorithm box`."""
    return numpy.asarray(Image.open(path).convert("RGB").resize((SIZE, SIZE), Image.Resampling.BOX))


def named(root: Path, split: str) -> list[str]:
    """Give the names of the images in the order of the batches."""
    numbers = range(1, 11) if split == "train" else ()
    files = [f"train_names_batch_{number}.tsv" for number in numbers] or [f"{split}_names.tsv"]
    return [line.split("\t")[0] for file in files for line in (root / "npz/npy" / file).read_text().splitlines()]


@pytest.mark.parametrize("split", ["train", "val"])
def test_tfds_takes_the_archives_and_gets_the_pixels_of_the_published_recipe(
    root: Path, tiny: Tiny, split: str, tmp_path: Path
) -> None:
    builders = need_module("tensorflow_datasets.datasets.imagenet_resized.imagenet_resized_dataset_builder")
    builder = builders.Builder(config=f"{SIZE}x{SIZE}", data_dir=str(tmp_path))
    stems = [f"train_data_batch_{number}" for number in range(1, 11)] if split == "train" else ["val_data"]
    files = [(stem, (root / "npz" / f"{stem}.npz").open("rb")) for stem in stems]
    records = [record for _, record in builder._generate_examples(iter(files))]
    for _, file in files:
        file.close()
    ids = {synset.label: synset.ilsvrc_id for synset in kilotar.edition(str(tiny.toml)).classes}
    paths = {path.name: path for path in (root / split).rglob("*.JPEG")}
    names = named(root, split)
    assert sorted(names) == sorted(paths)
    for name, record in zip(names, records, strict=True):
        assert record["label"] == ids[tiny.truth[name.removesuffix(".JPEG")].label] - 1
        wanted = scripted(paths[name]).astype(int)
        assert record["image"].shape == (SIZE, SIZE, 3)
        assert abs(record["image"].astype(int) - wanted).mean() < 0.5  # exact here; large images are decoded at a scale


@pytest.mark.parametrize("words", [{}, {"encoding": "latin1"}], ids=["plain", "latin1"])
def test_the_scripts_own_loader_reads_the_pickles(root: Path, words: dict[str, str]) -> None:
    for number in range(1, 11):
        with (root / f"npz/train_data_batch_{number}").open("rb") as file:
            batch = pickle.load(file, **words)
        x = batch["data"] / numpy.float32(255)
        x -= batch["mean"] / numpy.float32(255)
        y = [label - 1 for label in batch["labels"]]
        planes = SIZE * SIZE
        x = numpy.dstack((x[:, :planes], x[:, planes : 2 * planes], x[:, 2 * planes :]))
        x = x.reshape((x.shape[0], SIZE, SIZE, 3)).transpose(0, 3, 1, 2)
        assert x.shape == (len(y), 3, SIZE, SIZE) and x.dtype == "float32"
        assert min(y) >= 0
