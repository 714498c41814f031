"""Outputs of recoded images, the command killed at every call that writes: the same bytes in the end, and no spool."""

from __future__ import annotations

import os
import random
from collections.abc import Iterator
from datetime import UTC, datetime

import pytest

from tests.faults.bench import Bench, read_tree, refuse_bugs
from tests.faults.shim import NONE, Ended, Fault

ALL = os.environ.get("KILOTAR_FAULTS") == "all"
SEED = os.environ.get("KILOTAR_FAULTS_SEED", f"{datetime.now(UTC):%Y-%m-%d}")
ONE_IN = 1 if ALL else 40


def prepare(bench: Bench, fault: Fault = NONE) -> Ended:
    words = ("--for", "webdataset,imagefolder", "--option", "webdataset.shards=2", "--resize", "8", "-j", "1", "-q")
    ended = bench.runner.run(
        "prepare", bench.root, "--from", bench.tiny.folder, "--edition", bench.tiny.toml, *words, fault=fault
    )
    refuse_bugs(ended)
    return ended


def outputs(bench: Bench) -> dict[str, str]:
    """Give the digests of what stands under final names."""
    tops = ("webdataset/image", "train/", "val/")
    return {path: digest for path, (digest, _) in read_tree(bench.root).items() if path.startswith(tops)}


@pytest.fixture(scope="module")
def whole(bench: Bench) -> Iterator[dict[str, str]]:
    bench.clear()
    assert prepare(bench).code == 0
    yield outputs(bench)


@pytest.mark.parametrize("mode", ["clean", "torn"])
def test_a_run_killed_at_any_call_goes_on_to_the_same_bytes(bench: Bench, whole: dict[str, str], mode: str) -> None:
    rng = random.Random(f"{SEED} pixels {mode}")
    start, kills = 1, 0
    while True:
        bench.clear()
        killed = prepare(bench, Fault(mode, start + rng.randrange(ONE_IN)))
        assert outputs(bench).items() <= whole.items()
        if not killed.killed:
            break
        assert prepare(bench).code == 0
        assert outputs(bench) == whole
        assert not (bench.root / ".kilotar" / "pixels").exists()
        start, kills = start + ONE_IN, kills + 1
    assert kills > 1
