"""MXNet's own readers on our RecordIO files: records by key, images of an epoch, boxes.

MXNet has ended. Its last wheel, 1.9.1, is for every Python 3, but calls names that numpy dropped in 1.24, for which
there are wheels up to Python 3.11: so it has an environment of its own, which the Makefile makes.
"""

from __future__ import annotations

import json
import subprocess
from itertools import chain
from pathlib import Path
from typing import Any

import pytest

import kilotar
from kilotar.editions.tiny import Tiny, make_tiny
from kilotar.model.sample import Split
from kilotar.parse.image_size import probe_size
from kilotar.sinks import recordio
from tests.need import need

pytestmark = pytest.mark.interop
REPOSITORY = Path(__file__).resolve().parent.parent.parent
PYTHON = REPOSITORY / ".venv-mxnet" / "bin" / "python"


@pytest.fixture(scope="module")
def tiny(tmp_path_factory: pytest.TempPathFactory) -> Tiny:
    need("MXNet in .venv-mxnet", PYTHON.is_file())
    return make_tiny(tmp_path_factory.mktemp("archives"), classes=4, per_class=8, val=8, test=2)


def made(tiny: Tiny, root: Path, *, boxes: bool = False) -> Path:
    kilotar.prepare(
        root,
        source=tiny.folder,
        edition=str(tiny.toml),
        formats=("recordio",),
        splits=("train", "val", "test"),
        boxes=boxes,
        options=(("recordio", "boxes", "yes"),) if boxes else (),
    )
    return root / "recordio"


def run(*words: object) -> str:
    ended = subprocess.run([PYTHON, *map(str, words)], capture_output=True, text=True, timeout=120)
    assert ended.returncode == 0, ended.stderr[-3000:]
    return ended.stdout


def told(what: str, stem: Path) -> list[Any]:
    found: list[Any] = json.loads(run(Path(__file__).with_name("mxnet_reads.py"), what, stem))
    return found


@pytest.mark.parametrize("split", ["train", "val", "test"])
def test_every_record_is_found_by_its_key_complaint_50(tiny: Tiny, tmp_path: Path, split: str) -> None:
    found = told("records", made(tiny, tmp_path / "root") / split)

    assert [(key, number) for key, number, _, _ in found] == [(n, n) for n in range(len(found))]
    assert sorted((sha256, label) for _, _, label, sha256 in found) == sorted(
        (fact.sha256, float(fact.label)) for fact in tiny.truth.values() if fact.split == split
    )


def test_the_example_reads_every_image_once(tiny: Tiny, tmp_path: Path) -> None:
    made(tiny, tmp_path / "root")

    assert "mxnet: 32 images of 4 classes" in run(REPOSITORY / "examples" / "read_mxnet.py", tmp_path / "root")


def test_boxes_come_in_parts_of_their_images_and_images_without_any_come_too(tiny: Tiny, tmp_path: Path) -> None:
    folder = made(tiny, tmp_path / "root", boxes=True)
    train = {row.name: row for row in recordio.read(folder, tiny.edition) if row.split is Split.TRAIN}
    ranks = {wnid: float(rank) for rank, wnid in enumerate(sorted({row.wnid for row in train.values()}))}
    expected = [
        [
            (ranks[box.wnid], box.xmin / width, box.ymin / height, box.xmax / width, box.ymax / height)
            for box in tiny.boxes.get(row.name.removesuffix(".JPEG"), ())
        ]
        for row in train.values()
        if row.read is not None
        for width, height in [probe_size(row.read()) or (0, 0)]
    ]

    found = told("boxes", folder / "train")

    assert [len(objects) for objects in found] == [len(objects) for objects in expected]
    assert [] in expected
    assert list(chain.from_iterable(found)) == [pytest.approx(box) for box in chain.from_iterable(expected)]
