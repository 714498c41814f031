"""The readers of Parquet, on what `prepare` wrote: datasets, Polars and DuckDB."""

from __future__ import annotations

import hashlib
from pathlib import Path

import pytest

from kilotar.editions.tiny import Tiny, make_tiny
from tests.interop.made import export
from tests.need import need_module

datasets = need_module("datasets")
pytestmark = pytest.mark.interop
NAMES = {"train": "train", "val": "validation", "test": "test"}


@pytest.fixture(scope="module")
def tiny(tmp_path_factory: pytest.TempPathFactory) -> Tiny:
    return make_tiny(tmp_path_factory.mktemp("archives"), classes=5, per_class=30, val=9, test=2, flaws=("cmyk", "png"))


@pytest.fixture(scope="module")
def folder(tiny: Tiny, tmp_path_factory: pytest.TempPathFactory) -> Path:
    return export(tiny, tmp_path_factory.mktemp("made") / "root", "parquet", ("shards", "2"))


def truth(tiny: Tiny, split: str) -> dict[str, tuple[int, str]]:
    """Give label and SHA-256 of every image by its name."""
    return {f"{key}.JPEG": (fact.label, fact.sha256) for key, fact in tiny.truth.items() if fact.split == split}


def boxes(tiny: Tiny, split: str) -> dict[str, list[list[int]]]:
    return {
        name: [[box.xmin, box.ymin, box.xmax, box.ymax] for box in tiny.boxes.get(name.removesuffix(".JPEG"), ())]
        for name in truth(tiny, split)
    }


def sha256(data: bytes) -> str:
    return hashlib.sha256(data).hexdigest()


def test_datasets_takes_features_and_splits_from_the_card(folder: Path, tiny: Tiny, tmp_path: Path) -> None:
    loaded = datasets.load_dataset(str(folder), cache_dir=str(tmp_path))
    assert {name: len(split) for name, split in loaded.items()} == {"train": 150, "validation": 9, "test": 2}
    features = loaded["train"].features
    assert isinstance(features["image"], datasets.Image)
    assert features["label"].names == [synset.words for synset in tiny.edition.classes]
    assert all(picture.size[0] > 0 for picture in loaded["train"]["image"])
    for split, name in NAMES.items():
        rows = list(loaded[name].cast_column("image", datasets.Image(decode=False)))
        found = {row["image"]["path"]: (row["label"], sha256(row["image"]["bytes"])) for row in rows}
        assert found == truth(tiny, split)
        assert {row["image"]["path"]: row["boxes"] for row in rows} == boxes(tiny, split)


def test_without_the_card_the_files_say_their_types_themselves(folder: Path, tmp_path: Path) -> None:
    files = {"train": str(folder / "data/train-*.parquet")}
    loaded = datasets.load_dataset("parquet", data_files=files, split="train", cache_dir=str(tmp_path))
    assert isinstance(loaded.features["image"], datasets.Image)
    assert isinstance(loaded.features["label"], datasets.ClassLabel)


def test_datasets_streams_it(folder: Path, tiny: Tiny) -> None:
    stream = datasets.load_dataset(str(folder), split="validation", streaming=True)
    assert sorted(row["label"] for row in stream) == sorted(label for label, _ in truth(tiny, "val").values())


def test_polars_reads_all_columns(folder: Path, tiny: Tiny) -> None:
    table = need_module("polars").read_parquet(str(folder / "data/train-*.parquet"))
    rows = table.to_dicts()
    found = {row["image"]["path"]: (row["label"], sha256(row["image"]["bytes"])) for row in rows}
    assert found == truth(tiny, "train")
    assert {row["image"]["path"]: [list(box) for box in row["boxes"]] for row in rows} == boxes(tiny, "train")


def test_duckdb_reads_all_columns(folder: Path, tiny: Tiny) -> None:
    query = f"select image.path, label, sha256(image.bytes), boxes from '{folder}/data/train-*.parquet'"
    rows = need_module("duckdb").sql(query).fetchall()
    assert {path: (label, digest) for path, label, digest, _ in rows} == truth(tiny, "train")
    assert {path: [list(box) for box in found] for path, _, _, found in rows} == boxes(tiny, "train")
