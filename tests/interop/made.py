"""What the tests of readers begin with: one format with all splits and boxes, out of a tiny ImageNet."""

from __future__ import annotations

from pathlib import Path

import kilotar
from kilotar.editions.tiny import Tiny

__all__ = ["export"]


def export(tiny: Tiny, root: Path, form: str, *options: tuple[str, str]) -> Path:
    """Prepare a format under `root` and give its folder; options are named without the format."""
    kilotar.prepare(
        root,
        source=tiny.folder,
        edition=str(tiny.toml),
        formats=(form,),
        splits=("train", "val", "test"),
        boxes=True,
        options=tuple((form, name, value) for name, value in options),
    )
    return root / form
