"""An output in shards, the command killed at every call that writes: no half shard, and the same bytes in the end."""

from __future__ import annotations

import os
import random
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path

import pytest

from tests.faults.bench import Bench, read_tree, refuse_bugs
from tests.faults.shim import NONE, Ended, Fault

ALL = os.environ.get("KILOTAR_FAULTS") == "all"
SEED = os.environ.get("KILOTAR_FAULTS_SEED", f"{datetime.now(UTC):%Y-%m-%d}")
ONE_IN = 1 if ALL else 12


def prepare(bench: Bench, fault: Fault = NONE, mutant: str = "") -> Ended:
    words = ("--for", "webdataset", "--option", "webdataset.shards=3", "--boxes", "-j", "2", "-q")
    ended = bench.runner.run(
        "prepare",
        bench.root,
        "--from",
        bench.tiny.folder,
        "--edition",
        bench.tiny.toml,
        *words,
        fault=fault,
        mutant=mutant,
    )
    refuse_bugs(ended)
    return ended


def shards(bench: Bench) -> dict[str, str]:
    """Give the digests of what stands under final names."""
    return {path: digest for path, (digest, _) in read_tree(bench.root).items() if path.startswith("webdataset/image")}


@pytest.fixture(scope="module")
def whole(bench: Bench) -> Iterator[dict[str, str]]:
    bench.clear()
    assert prepare(bench).code == 0
    yield shards(bench)


@pytest.mark.parametrize("mode", ["clean", "torn"])
@pytest.mark.parametrize("mutant", ["", "leaves_shards_to_processes"], ids=["threads", "processes"])
def test_shards_killed_at_any_call_are_whole_or_not_there(
    bench: Bench, whole: dict[str, str], mode: str, mutant: str
) -> None:
    rng = random.Random(f"{SEED} shards {mode} {mutant}")
    start, kills = 1, 0
    while True:
        bench.clear()
        killed = prepare(bench, Fault(mode, start + rng.randrange(ONE_IN)), mutant)
        assert shards(bench).items() <= whole.items()
        if not killed.killed:
            break
        assert prepare(bench, mutant=mutant).code == 0
        assert shards(bench) == whole
        assert not list(Path(bench.root).glob("webdataset/.kilotar*"))
        assert bench.runner.run("verify", bench.root, "-q").code == 0
        start, kills = start + ONE_IN, kills + 1
    assert kills > 1
