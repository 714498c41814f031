"""The other commands that write, killed at every call: repair, index, a second tree beside the first."""

from __future__ import annotations

import os
import random
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

import pytest

from tests.faults.bench import Bench, refuse_bugs
from tests.faults.shim import Ended, Fault

ALL = os.environ.get("KILOTAR_FAULTS") == "all"
SEED = os.environ.get("KILOTAR_FAULTS_SEED", f"{datetime.now(UTC):%Y-%m-%d}")
ONE_IN = 1 if ALL else 16


@dataclass(frozen=True)
class Scene:
    """What is done before, undisturbed, and the command that is killed and then given again."""

    before: Callable[[Bench], None]
    words: Callable[[Bench], tuple[str | Path, ...]]

    def play(self, bench: Bench, fault: Fault) -> Ended:
        """Kill the command at one place, look, give it again until it is done, look."""
        bench.clear()
        self.before(bench)
        killed = bench.runner.run(*self.words(bench), fault=fault)
        refuse_bugs(killed)
        ended = bench.runner.run(*self.words(bench)) if killed.killed else killed
        refuse_bugs(ended)
        bench.mend()
        return killed


def spoil(bench: Bench) -> None:
    """Prepare, then damage an image in three ways, a list, and the XML of an image."""
    assert bench.prepare().code == 0
    images = sorted((bench.root / "train").rglob("*.JPEG"))
    replace(images[0], images[0].read_bytes()[:-1] + b"?")
    replace(images[1], images[1].read_bytes()[:100])
    images[2].unlink()
    replace(bench.root / "lists/caffe/val.txt", b"nonsense\n")
    next((bench.root / "ILSVRC2015/Annotations").rglob("*.xml")).unlink()


def replace(path: Path, content: bytes) -> None:
    """Change one name of a file that may have two."""
    path.unlink()
    path.write_bytes(content)


def prepare_one(bench: Bench) -> None:
    assert bench.runner.run(*only(bench, "imagefolder")).code == 0


def only(bench: Bench, formats: str) -> tuple[str | Path, ...]:
    at = bench.words.index("--for") + 1
    return (*bench.words[:at], formats, *bench.words[at + 1 :])


SCENES = {
    "repair": Scene(spoil, lambda bench: ("verify", bench.root, "--repair", "-q")),
    "index": Scene(
        lambda bench: None,
        lambda bench: ("index", bench.root, "--from", bench.tiny.folder, "--edition", bench.tiny.toml, "-q"),
    ),
    "a second tree of links": Scene(prepare_one, lambda bench: bench.words),
    "a second tree of copies": Scene(prepare_one, lambda bench: (*bench.words, "--link", "never")),
}


@pytest.mark.parametrize("mode", ["clean", "torn"])
@pytest.mark.parametrize("scene", SCENES)
def test_a_command_killed_at_any_call_goes_on_to_the_same_bytes(bench: Bench, scene: str, mode: str) -> None:
    rng = random.Random(f"{SEED} {scene} {mode}")
    start, kills = 1, 0
    while SCENES[scene].play(bench, Fault(mode, start + rng.randrange(ONE_IN))).killed:
        start, kills = start + ONE_IN, kills + 1

    assert kills > 1
