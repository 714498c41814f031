"""The programs of examples/read_*.py, each on the tiny set: all images of all classes, decoded."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

import kilotar
from kilotar.editions.tiny import make_tiny
from tests.need import need_module

pytestmark = pytest.mark.interop
EXAMPLES = Path(__file__).resolve().parent.parent.parent / "examples"
READERS = {
    "timm": ("timm", "webdataset"),
    "tfds": ("tensorflow_datasets", "tfds"),
    "dali": ("nvidia.dali", "recordio"),
    "streaming": ("streaming", "mds"),
    "litdata": ("litdata", "litdata"),
    "ffcv": ("ffcv", "ffcv"),
}
ELSEWHERE = {"mxnet"}  # test_mxnet.py: in an environment of its own


@pytest.mark.parametrize("name", sorted(READERS))
def test_the_program_reads_every_image_once(name: str, tmp_path: Path) -> None:
    package, form = READERS[name]
    need_module(package)
    tiny = make_tiny(tmp_path / "archives", classes=4, per_class=8, val=8)
    root = tmp_path / "imagenet"
    kilotar.prepare(root, source=tiny.folder, edition=str(tiny.toml), formats=(form,))

    ended = subprocess.run(
        [sys.executable, EXAMPLES / f"read_{name}.py", root],
        env={**os.environ, "HF_HUB_OFFLINE": "1", "CUDA_VISIBLE_DEVICES": "", "HOME": str(tmp_path)},
        capture_output=True,
        text=True,
        timeout=300,
    )

    assert ended.returncode == 0, ended.stderr[-3000:]
    assert f"{name}: 32 images of 4 classes" in ended.stdout


def test_every_program_is_run_here_or_known_to_be_run_elsewhere() -> None:
    there = {file.stem.removeprefix("read_") for file in EXAMPLES.glob("read_*.py")}

    assert there == set(READERS) | ELSEWHERE
