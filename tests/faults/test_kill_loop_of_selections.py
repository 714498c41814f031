"""A tree and shards of selected images, the command killed at calls that write: the same images and list in the end."""

from __future__ import annotations

import os
import random
from datetime import UTC, datetime

from tests.faults.bench import Bench, read_tree, refuse_bugs
from tests.faults.shim import NONE, Ended, Fault

ALL = os.environ.get("KILOTAR_FAULTS") == "all"
SEED = os.environ.get("KILOTAR_FAULTS_SEED", f"{datetime.now(UTC):%Y-%m-%d}")
ONE_IN = 1 if ALL else 24
LIST = "webdataset/kilotar-images.txt"


def prepare(bench: Bench, fault: Fault = NONE) -> Ended:
    words = ("--for", "imagefolder,webdataset", "--option", "webdataset.shards=2", "--per-class", "2", "-j", "2", "-q")
    ended = bench.runner.run(
        "prepare", bench.root, "--from", bench.tiny.folder, "--edition", bench.tiny.toml, *words, fault=fault
    )
    refuse_bugs(ended)
    return ended


def outputs(bench: Bench) -> dict[str, str]:
    """Give the digests of what stands under final names."""
    found = read_tree(bench.root).items()
    return {path: digest for path, (digest, _) in found if path.startswith(("train/", "val/", "webdataset/"))}


def test_selected_images_are_the_same_however_often_the_run_was_killed(bench: Bench) -> None:
    bench.clear()
    assert prepare(bench).code == 0
    whole, rng = outputs(bench), random.Random(f"{SEED} selections")
    assert LIST in whole
    start, kills = 1, 0
    while True:
        bench.clear()
        if not prepare(bench, Fault("clean", start + rng.randrange(ONE_IN))).killed:
            break
        assert prepare(bench).code == 0
        assert outputs(bench) == whole
        assert bench.runner.run("verify", bench.root, "-q").code == 0
        start, kills = start + ONE_IN, kills + 1
    assert kills > 1
