"""What a test needs and this machine may not have.

Rules guarded: a skip always says what is missing; where KILOTAR_REQUIRE_ALL=1 (as `.ci/run` sets it) a missing thing
is a failure, so that no test is skipped there for ever without anyone seeing it.
"""

from __future__ import annotations

import importlib
import importlib.util
import os
import shutil
from types import ModuleType

import pytest

__all__ = ["need", "need_module", "need_tool"]


def need(what: str, present: bool) -> None:
    """Go on if it is there; else skip the test with the reason, or fail it where everything is required."""
    if present:
        return
    if os.environ.get("KILOTAR_REQUIRE_ALL") == "1":
        pytest.fail(f"{what} is required (KILOTAR_REQUIRE_ALL=1) and missing", pytrace=False)
    pytest.skip(f"needs {what}", allow_module_level=True)


def need_tool(name: str) -> str:
    """Give the path of a program, e.g. "gcc" or "bsdtar"."""
    path = shutil.which(name)
    need(f"the program {name}", path is not None)
    return str(path)


def need_module(name: str) -> ModuleType:
    """Give an imported module, e.g. "torchvision"; one that is there and fails to import is an error."""
    parents = (name[:at] for at, letter in enumerate(name) if letter == ".")  # of which none may be missing either
    need(f"the Python package {name}", all(map(importlib.util.find_spec, (*parents, name))))
    return importlib.import_module(name)
