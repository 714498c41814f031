"""A tiny ImageNet that every test of this folder may read and none may change, and a way to wish for things."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path

import pytest

from kilotar.editions.tiny import Tiny, make_tiny
from kilotar.events import ignore
from kilotar.work.demo_swarm import open_demo_swarm
from tests.need import need_module
from tests.work.wishes import Published


@pytest.fixture(scope="session")
def tiny(tmp_path_factory: pytest.TempPathFactory) -> Tiny:
    """Give archives without a flaw: 3 classes of 4, 6 of val, 2 of test; for changes make some of your own."""
    return make_tiny(tmp_path_factory.mktemp("tiny"))


@pytest.fixture(scope="session")
def published(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Published]:
    """Give a private internet that serves a tiny edition: no test may change it; every test downloads for itself."""
    need_module("libtorrent")
    folder = tmp_path_factory.mktemp("published")
    tiny = make_tiny(folder / "tiny", classes=12, per_class=30, val=60, boxes=True)
    with open_demo_swarm(tiny, folder / "swarm", ignore) as demo:
        yield Published(tiny, demo)


@pytest.fixture
def root(tmp_path: Path) -> Path:
    return tmp_path / "root"


@pytest.fixture
def impatient(monkeypatch: pytest.MonkeyPatch) -> None:
    """Wait milliseconds for an object store where a person's run waits seconds."""
    quick = timedelta(milliseconds=2)
    backoff = {"init_backoff": quick, "max_backoff": quick, "base": 2}
    retries = {"max_retries": 2, "retry_timeout": timedelta(seconds=5), "backoff": backoff}
    monkeypatch.setattr("kilotar.store.buckets._RETRIES", retries)
    monkeypatch.setattr("kilotar.store.objects._WAITS_S", (0.01, 0.01, 0.01))
