"""A tiny ImageNet that every test of this folder may read and none may change, and a way to wish for things."""

from __future__ import annotations

from pathlib import Path

import pytest

from kilotar.editions.tiny import Tiny, make_tiny


@pytest.fixture(scope="session")
def tiny(tmp_path_factory: pytest.TempPathFactory) -> Tiny:
    """Give archives without a flaw: 3 classes of 4, 6 of val, 2 of test; for changes make some of your own."""
    return make_tiny(tmp_path_factory.mktemp("tiny"))


@pytest.fixture
def root(tmp_path: Path) -> Path:
    return tmp_path / "root"
