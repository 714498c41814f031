"""One command to a verified ImageNet that your trainer can read.

The library. Everything here is public; the command line uses nothing else. Names are imported when they are used, so
that `import kilotar` costs next to nothing.
"""

from __future__ import annotations

import importlib
import logging
from typing import TYPE_CHECKING

import kilotar.plan  # noqa: F401 - first, so that no later import of this package hides the function `plan`
from kilotar.api.archives import adopt, export_positions, get, repair, search_archives, seed
from kilotar.api.looking import doctor, edition, find_classes, find_sinks, open, status, verify
from kilotar.api.outputs import demo, export, index, plan, prepare, why
from kilotar.api.wish import OnEvent as OnEvent
from kilotar.api.wish import Wish as Wish
from kilotar.api.wish import place

if TYPE_CHECKING:
    from kilotar.model.pixels import PixelWish
    from kilotar.parse.remote import Remote
    from kilotar.sources.http.options import HttpOptions
    from kilotar.work.request import Fetching

__version__ = "0.1.0"
__all__ = [
    "Fetching",
    "HttpOptions",
    "PixelWish",
    "Remote",
    "adopt",
    "demo",
    "doctor",
    "edition",
    "export",
    "export_positions",
    "find_classes",
    "find_sinks",
    "get",
    "index",
    "open",
    "place",
    "plan",
    "prepare",
    "repair",
    "search_archives",
    "seed",
    "status",
    "verify",
    "why",
]

logging.getLogger(__name__).addHandler(logging.NullHandler())  # a library says nothing unless it is asked

_LAZY = {
    "Fetching": "kilotar.work.request",
    "HttpOptions": "kilotar.sources.http.options",
    "PixelWish": "kilotar.model.pixels",
    "Remote": "kilotar.parse.remote",
}


def __getattr__(name: str) -> object:
    """Import the classes of options when they are used."""
    if name not in _LAZY:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(importlib.import_module(_LAZY[name]), name)
