"""A tiny edition, what kilotar makes of it, and a way to run a script as a person does."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

import kilotar
from kilotar.editions.tiny import Tiny, make_tiny

SCRIPTS = Path(__file__).resolve().parents[2] / "scripts"
Ended = subprocess.CompletedProcess[str]
Run = Callable[..., Ended]


def run_script(number: int, *words: object, python: str = sys.executable, seconds: float = 60) -> Ended:
    """Run the script of a step."""
    (script,) = SCRIPTS.glob(f"{number:02}_*.py")
    command = [python, str(script), *map(str, words)]
    return subprocess.run(command, capture_output=True, text=True, timeout=seconds, check=False, cwd="/")


@pytest.fixture(scope="session")
def tiny(tmp_path_factory: pytest.TempPathFactory) -> Tiny:
    return make_tiny(tmp_path_factory.mktemp("archives"), classes=4, per_class=20, val=9, test=3)


@pytest.fixture(scope="session")
def root(tiny: Tiny, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Give what kilotar makes of the tiny edition."""
    folder = tmp_path_factory.mktemp("made") / "root"
    kilotar.prepare(
        folder,
        source=tiny.folder,
        edition=str(tiny.toml),
        formats=("imagefolder", "cls-loc", "lists", "recordio"),
        options=(("recordio", "order", "archive"),),
        splits=("train", "val", "test"),
        boxes=True,
    )
    return folder


@pytest.fixture(scope="session")
def labels(tiny: Tiny, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Give the folder that the fourth script writes."""
    folder = tmp_path_factory.mktemp("labels")
    ended = run_script(4, tiny.folder / "tiny_devkit.tar.gz", folder)
    assert ended.returncode == 0, ended.stderr
    return folder


def files(folder: Path) -> dict[str, bytes]:
    """Give every file below a folder, by its path, but for what kilotar keeps about it."""
    found = (path for path in folder.rglob("*") if path.is_file() and not path.name.startswith("kilotar-"))
    found = (path for path in found if ".kilotar" not in path.relative_to(folder).parts)
    return {path.relative_to(folder).as_posix(): path.read_bytes() for path in found}
