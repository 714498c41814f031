"""A packed archive, the command killed at calls that write: all archives made of it or none, and the same bytes."""

from __future__ import annotations

import errno
import os
import random
from datetime import UTC, datetime
from pathlib import Path

import pytest

from tests.doubles.detections import Detections, make_packed
from tests.faults.bench import Bench, read_tree, refuse_bugs, refuse_other_names
from tests.faults.shim import NONE, Ended, Fault

ALL = os.environ.get("KILOTAR_FAULTS") == "all"
SEED = os.environ.get("KILOTAR_FAULTS_SEED", f"{datetime.now(UTC):%Y-%m-%d}")
ONE_IN = 1 if ALL else 12
MADE = Path(".kilotar/unpacked/PACKED_DET.tar.gz/archives")


def prepare(bench: Bench, found: Detections, fault: Fault = NONE) -> Ended:
    words = ("--edition", found.toml, "--for", "webdataset,coco", "-q")
    ended = bench.runner.run("prepare", bench.root, "--from", found.folder, *words, fault=fault)
    refuse_bugs(ended)
    return ended


def outputs(bench: Bench) -> dict[str, str]:
    """Give the digests of what stands under final names, and of the archives made of the packed one."""
    tops = ("webdataset/image", "coco/annotations/", f"{MADE}/")
    found = read_tree(bench.root).items()
    return {path: digest for path, (digest, _) in found if path.startswith(tops) and not path.endswith(".part")}


@pytest.mark.parametrize("mode", ["clean", "torn"])
def test_a_run_killed_at_any_call_goes_on_to_the_same_bytes(bench: Bench, tmp_path: Path, mode: str) -> None:
    found, rng = make_packed(tmp_path / "in"), random.Random(f"{SEED} unpacking {mode}")
    bench.clear()
    assert prepare(bench, found).code == 0
    whole = outputs(bench)
    assert len([path for path in whole if path.startswith(str(MADE))]) == 5
    start, kills = 1, 0
    while True:
        bench.clear()
        if not prepare(bench, found, Fault(mode, start + rng.randrange(ONE_IN))).killed:
            break
        left = outputs(bench)
        assert len([path for path in left if path.startswith(str(MADE))]) in (0, 5)
        assert left.items() <= whole.items()
        assert prepare(bench, found).code == 0
        assert outputs(bench) == whole
        assert not (bench.root / MADE).with_name("new").exists()
        start, kills = start + ONE_IN, kills + 1
    assert kills > 1


@pytest.mark.parametrize("number", [errno.ENOSPC, errno.EIO], ids=["ENOSPC", "EIO"])
def test_a_call_that_fails_is_named_or_without_effect(bench: Bench, tmp_path: Path, number: int) -> None:
    found, rng = make_packed(tmp_path / "in"), random.Random(f"{SEED} unpacking {number}")
    bench.clear()
    calls = prepare(bench, found).calls
    whole, failures = outputs(bench), 0
    for start in range(1, calls, ONE_IN):
        bench.clear()
        ended = prepare(bench, found, Fault("once", start + rng.randrange(ONE_IN), number))
        if ended.code:
            refuse_other_names(ended, Fault("once", start, number))
            failures += 1
            assert not (bench.root / MADE).with_name("new").exists()
            assert prepare(bench, found).code == 0
        assert outputs(bench) == whole
    assert failures > 1
