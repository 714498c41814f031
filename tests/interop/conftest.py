"""A tiny ImageNet for readers; those that would ask their makers' servers are told not to, before they are imported."""

from __future__ import annotations

import os

import pytest

from kilotar.editions.tiny import Tiny, make_tiny

os.environ.setdefault("HF_HUB_OFFLINE", "1")


@pytest.fixture(scope="module")
def tiny(tmp_path_factory: pytest.TempPathFactory) -> Tiny:
    """Give archives with a CMYK image and one that is a PNG; a module that wants others has its own `tiny`."""
    return make_tiny(tmp_path_factory.mktemp("archives"), classes=4, per_class=6, val=9, test=2, flaws=("cmyk", "png"))
