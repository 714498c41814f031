"""A tiny ImageNet, a warm runner and a place for roots: once for each process of the tests."""

from __future__ import annotations

import os
import shutil
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from kilotar.editions.tiny import Tiny, make_tiny
from tests.faults.bench import Bench
from tests.faults.shim import Runner, compile_shim


@pytest.fixture(scope="session")
def quick_folder() -> Iterator[Path]:
    """Give a folder in memory where there is one, else on disk: thousands of runs are made below it."""
    memory = Path("/dev/shm")
    folder = Path(tempfile.mkdtemp(prefix="kilotar-faults-", dir=memory if os.access(memory, os.W_OK) else None))
    yield folder.resolve()
    shutil.rmtree(folder, ignore_errors=True)


@pytest.fixture(scope="session")
def library(quick_folder: Path) -> Path:
    """Give the compiled shim."""
    return compile_shim(quick_folder)


@pytest.fixture(scope="session")
def tiny(quick_folder: Path) -> Tiny:
    """Give the archives that everything here is made of."""
    return make_tiny(quick_folder / "archives", classes=2, per_class=2, val=2, test=0)


@pytest.fixture(scope="session")
def bench(quick_folder: Path, library: Path, tiny: Tiny) -> Iterator[Bench]:
    """Give a root to break, and what it must be in the end."""
    root = quick_folder / "root"
    runner = Runner(library, str(root), quick_folder / "hit.log")
    yield Bench(runner, root, tiny)
    runner.close()
