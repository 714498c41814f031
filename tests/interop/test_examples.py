"""The programs of examples/ train: one epoch on a set whose classes have colours, and the loss goes down.

A label that belongs to another image would keep the loss where a guess has it.
"""

from __future__ import annotations

import io
import math
import os
import random
import re
import subprocess
import sys
from functools import cache
from pathlib import Path

import pytest
from PIL import Image

import kilotar
from kilotar.editions import tiny_draw
from kilotar.editions.tiny import make_tiny
from kilotar.model.edition import Synset
from tests.need import need_module

pytestmark = pytest.mark.interop
EXAMPLES = Path(__file__).resolve().parents[2] / "examples"
CLASSES, IMAGES = 4, 80
PROGRAMS = {
    "train_torchvision.py": ("torch", "torchvision"),
    "train_open.py": ("torch", "torchvision"),
    "train_webdataset.py": ("torch", "torchvision", "webdataset"),
    "train_tfdata.py": ("tensorflow",),
}


def coloured(synset: Synset, images: int, rng: random.Random) -> list[tuple[str, bytes]]:
    """Give images of the hue of their class; the tiny edition's own differ in a comment alone."""
    found = []
    for number in sorted(map(str, rng.sample(range(2, 20_000), images))):
        hue = 255 * synset.label // CLASSES + rng.randrange(-12, 13)
        picture = Image.new("HSV", (48, 40), (hue % 256, rng.randrange(200, 256), rng.randrange(120, 256)))
        data = io.BytesIO()
        picture.convert("RGB").save(data, "JPEG", comment=number.encode())
        found.append((f"{synset.wnid}_{number}.JPEG", data.getvalue()))
    return found


@pytest.fixture(scope="module")
def root(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("colours")
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(tiny_draw, "_draw_class", coloured)
        tiny = make_tiny(folder / "archives", classes=CLASSES, per_class=IMAGES, val=4, boxes=False)
    shards = tuple((name, "shards", "2") for name in ("webdataset", "tfrecord"))
    kilotar.prepare(
        folder / "root",
        source=tiny.folder,
        edition=str(tiny.toml),
        formats=("imagefolder", "webdataset", "tfrecord"),
        options=shards,
    )
    return folder / "root"


@cache
def train(program: str, root: Path) -> str:
    """Run a program once; give what it says."""
    words = ["--size", "32", "--batch", "16", *([] if program == "train_tfdata.py" else ["--workers", "0"])]
    environment = {**os.environ, "TF_CPP_MIN_LOG_LEVEL": "3", "OMP_NUM_THREADS": "2", "CUDA_VISIBLE_DEVICES": ""}
    ended = subprocess.run(
        [sys.executable, str(EXAMPLES / program), str(root), *words],
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
        env=environment,
    )
    assert ended.returncode == 0, ended.stderr[-2000:]
    return ended.stdout


@pytest.mark.parametrize("program", PROGRAMS)
def test_one_epoch_brings_the_loss_down(root: Path, program: str) -> None:
    for name in PROGRAMS[program]:
        need_module(name)

    said = train(program, root)

    losses = re.search(r"loss (\S+) at the begin, (\S+) at the end", said)
    assert losses, said
    begin, end = float(losses[1]), float(losses[2])
    assert end < begin
    assert end < 0.8 * math.log(CLASSES)  # of one who guesses


def test_the_same_seed_gives_the_same_losses_from_the_archives_as_from_the_tree(root: Path) -> None:
    for name in PROGRAMS["train_open.py"]:
        need_module(name)

    assert train("train_open.py", root) == train("train_torchvision.py", root)


def test_every_example_of_training_is_tested() -> None:
    assert {path.name for path in EXAMPLES.glob("train_*.py")} == set(PROGRAMS)
