"""Lance's own reader on our datasets, and two who query through it: images by place, counts by class, filters."""

from __future__ import annotations

import hashlib
from pathlib import Path
from typing import Any

import pytest

from kilotar.editions.tiny import Tiny
from tests.interop.made import export
from tests.need import need_module

lance = need_module("lance")
duckdb = need_module("duckdb")
polars = need_module("polars")
pytestmark = pytest.mark.interop
NAMES = {"train": "train", "val": "validation", "test": "test"}


@pytest.fixture(scope="module")
def folder(tiny: Tiny, tmp_path_factory: pytest.TempPathFactory) -> Path:
    return export(tiny, tmp_path_factory.mktemp("made") / "root", "lance", ("shards", "3"))


def opened(folder: Path, split: str) -> Any:
    return lance.dataset(str(folder / f"{NAMES[split]}.lance"))


@pytest.mark.parametrize("split", NAMES)
def test_it_gives_every_image_under_its_label_complaint_56(folder: Path, tiny: Tiny, split: str) -> None:
    dataset = opened(folder, split)
    truth = {key: fact for key, fact in tiny.truth.items() if fact.split == split}
    assert dataset.count_rows() == len(truth)
    taken = dataset.take(list(reversed(range(len(truth)))), columns=["id", "name", "label", "image"]).to_pylist()
    assert [row["id"] for row in taken] == list(reversed(range(len(truth))))
    for row in taken:
        fact = truth.pop(row["name"].rpartition(".")[0])
        assert (hashlib.sha256(row["image"]).hexdigest(), row["label"]) == (fact.sha256, fact.label)
    assert not truth


def test_duckdb_counts_classes_and_polars_filters_them(folder: Path, tiny: Tiny) -> None:
    dataset = opened(folder, "train")  # which duckdb finds by this name
    assert duckdb.sql("SELECT label, count(*) FROM dataset GROUP BY label ORDER BY label").fetchall() == [
        (label, 6) for label in range(4)
    ]
    wnid = dataset.take([0])["wnid"][0].as_py()
    table = polars.from_arrow(dataset.to_table(columns=["name", "wnid", "boxes"]))
    chosen = table.filter(polars.col("wnid") == wnid)
    boxes = {row["name"].rpartition(".")[0]: len(row["boxes"]) for row in chosen.to_dicts()}
    assert boxes == {
        key: len(tiny.boxes.get(key, ())) for key, fact in tiny.truth.items() if fact.split == "train" and key in boxes
    }
    assert len(boxes) == 6


def test_it_indexes_and_filters_by_a_column_of_its_own(folder: Path, tmp_path: Path) -> None:
    copy = lance.write_dataset(opened(folder, "val").to_table(), str(tmp_path / "copy.lance"))
    copy.create_scalar_index("label", "BTREE")
    wanted = opened(folder, "val").to_table(columns=["name"], filter="label = 1")
    assert copy.to_table(columns=["name"], filter="label = 1").equals(wanted) and wanted.num_rows
