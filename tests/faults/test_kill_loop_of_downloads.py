"""Archives fetched from a web server, the command killed at every call that writes, or that call failing.

Nothing stands under a final name that is not whole; the same command again brings the published bytes.
"""

from __future__ import annotations

import errno
import os
import random
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

import pytest

from kilotar.events import ignore
from kilotar.work.demo_swarm import DemoSwarm, open_demo_swarm
from tests.faults.bench import Bench, refuse_bugs
from tests.faults.shim import NONE, Fault
from tests.need import need_module

ALL = os.environ.get("KILOTAR_FAULTS") == "all"
SEED = os.environ.get("KILOTAR_FAULTS_SEED", f"{datetime.now(UTC):%Y-%m-%d}")
ONE_IN = 1 if ALL else 12
ARCHIVES = ("tiny_img_train.tar", "tiny_img_val.tar")


@pytest.fixture(scope="module")
def demo(bench: Bench, quick_folder: Path) -> Iterator[DemoSwarm]:
    need_module("libtorrent")
    with open_demo_swarm(bench.tiny, quick_folder / "swarm", ignore) as swarm:
        yield swarm


@dataclass(frozen=True)
class Scene:
    """A command that is killed and then given again, and what stands before it."""

    words: tuple[str, ...]
    before: tuple[str, ...] = ()


WEB = ("--from", "http", "--allow-private", "-q")
SCENES = {
    "get": Scene(("get",)),
    "a class more": Scene(("get",), before=("get", "--splits", "train", "--classes", "half")),
    "prepare": Scene(("prepare", "--for", "imagefolder", "-j", "2")),
}


def run(bench: Bench, demo: DemoSwarm, words: tuple[str, ...], fault: Fault = NONE) -> int:
    verb, *rest = words
    ended = bench.runner.run(verb, bench.root, *rest, *WEB, "--edition", demo.toml, fault=fault)
    refuse_bugs(ended)
    assert ended.killed or ended.code in (0, 5), ended.err
    return -9 if ended.killed else ended.code


def look(bench: Bench, *, whole: bool) -> None:
    """Compare what stands under the names of archives with what was published."""
    for name in ARCHIVES:
        path = bench.root / "archives" / name
        assert path.is_file() or not whole
        assert not path.is_file() or path.read_bytes() == (bench.tiny.folder / name).read_bytes()
        assert not path.with_name(f"{name}.part").exists() or not whole


def play(bench: Bench, demo: DemoSwarm, scene: Scene, fault: Fault) -> int:
    """Break the command at one place, look, give it again, look; give how the broken one ended."""
    bench.clear()
    if scene.before:
        assert run(bench, demo, scene.before) == 0
    broken = run(bench, demo, scene.words, fault)
    look(bench, whole=broken == 0)
    assert run(bench, demo, scene.words) == 0
    look(bench, whole=True)
    return broken


@pytest.mark.parametrize("mode", ["clean", "torn"])
@pytest.mark.parametrize("scene", SCENES)
def test_a_download_killed_at_any_call_goes_on_to_the_same_bytes(
    bench: Bench, demo: DemoSwarm, scene: str, mode: str
) -> None:
    rng = random.Random(f"{SEED} {scene} {mode}")
    start, kills = 1, 0
    while play(bench, demo, SCENES[scene], Fault(mode, start + rng.randrange(ONE_IN))) == -9:
        start, kills = start + ONE_IN, kills + 1

    assert kills > 1


@pytest.mark.parametrize("number", [errno.ENOSPC, errno.EIO])
def test_a_call_that_fails_once_costs_at_most_a_second_try(bench: Bench, demo: DemoSwarm, number: int) -> None:
    rng = random.Random(f"{SEED} {number}")
    bench.clear()
    calls = bench.runner.run("get", bench.root, *WEB, "--edition", demo.toml).calls
    for at in range(1 + rng.randrange(ONE_IN), calls, ONE_IN):
        play(bench, demo, SCENES["get"], Fault("once", at, number))
