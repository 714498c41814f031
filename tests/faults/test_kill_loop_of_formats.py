"""Every format, the command killed somewhere and run again: the same bytes in the end, with any number of workers."""

from __future__ import annotations

import importlib.util
import os
import random
import re
from datetime import UTC, datetime

import pytest

from kilotar.sinks.base import Sink, find_sinks
from tests.faults.bench import Bench, read_tree, refuse_bugs
from tests.faults.shim import NONE, Ended, Fault
from tests.need import need

ALL = os.environ.get("KILOTAR_FAULTS") == "all"
SEED = os.environ.get("KILOTAR_FAULTS_SEED", f"{datetime.now(UTC):%Y-%m-%d}")
KILLS = 12 if ALL else 3  # of each mode; the loop over shards kills one format at every call
LOOPED = ("imagefolder", "cls-loc", "lists", "webdataset")  # killed at every call elsewhere
FORMATS = [sink for sink in find_sinks() if sink.ABOUT.name not in LOOPED]
every_format = pytest.mark.parametrize("sink", FORMATS, ids=lambda sink: sink.ABOUT.name)


def prepare(bench: Bench, name: str, fault: Fault = NONE, *, jobs: int = 2) -> Ended:
    words = ("--for", name, "--boxes", "-j", str(jobs), "-q")
    ended = bench.runner.run(
        "prepare", bench.root, "--from", bench.tiny.folder, "--edition", bench.tiny.toml, *words, fault=fault
    )
    refuse_bugs(ended)
    return ended


def need_packages(sink: Sink) -> None:
    for package in sink.ABOUT.needs:
        need(f"the Python package {package}", importlib.util.find_spec(package) is not None)


def outputs(bench: Bench) -> dict[str, str]:
    """Give the digests of what stands under final names."""
    found = {path: digest for path, (digest, _) in read_tree(bench.root).items() if ".kilotar" not in path}
    temporary = re.compile(r"(.*/)?\.[0-9a-f]+\.[0-9]+\.part")
    return {path: digest for path, digest in found.items() if digest and not temporary.fullmatch(path)}


@every_format
def test_a_run_that_was_killed_ends_with_the_same_bytes(bench: Bench, sink: Sink) -> None:
    need_packages(sink)
    name = sink.ABOUT.name
    bench.clear()
    undisturbed = prepare(bench, name)
    assert undisturbed.code == 0, undisturbed.err
    whole = outputs(bench)
    rng = random.Random(f"{SEED} {name}")
    for mode in ("clean", "torn"):
        for number in range(KILLS):
            share = (number + rng.random()) / KILLS
            bench.clear()
            killed = prepare(bench, name, Fault(mode, 1 + int(share * undisturbed.calls)))
            assert outputs(bench).items() <= whole.items(), killed.hit
            assert prepare(bench, name).code == 0
            assert outputs(bench) == whole, killed.hit
    assert bench.runner.run("verify", bench.root, "-q").code == 0


@every_format
def test_one_two_and_four_workers_write_the_same_bytes(bench: Bench, sink: Sink) -> None:
    need_packages(sink)
    written = []
    for jobs in (1, 2, 4):
        bench.clear()
        assert prepare(bench, sink.ABOUT.name, jobs=jobs).code == 0
        written.append(outputs(bench))
    assert written[0] == written[1] == written[2] != {}
