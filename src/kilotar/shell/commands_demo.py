"""The demo: a tiny ImageNet with real nested tars is made, prepared and verified, and what came of it is shown.

Rules guarded: the demo takes the way that everything takes (the public API), on archives of the published form; the
folder is the person's, so nothing in it is deleted.
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

import kilotar
from kilotar.events import Emit, Note
from kilotar.model.report import Report
from kilotar.shell import machine
from kilotar.shell.flags import Talk
from kilotar.shell.show_report import show_report
from kilotar.shell.stage import Answer, perform
from kilotar.shell.text import one_line

__all__ = ["demo", "tree"]

FORMATS = ("imagefolder", "torchvision", "cls-loc", "lists")
MOST_ENTRIES = 3
DEPTH = 3


def demo(folder: Path = Path("imagenet-demo"), *, talk: Talk = Talk()) -> int:  # noqa: B008 - frozen
    """Make a tiny ImageNet, prepare it in every format and verify it: a few seconds, nothing to download.

    Args:
        folder: Where the demo goes; run again to see it resume.
    """
    folder = folder.expanduser()
    return perform("demo", talk, lambda emit: _demo(folder, emit), folder / "imagenet")


def _demo(folder: Path, emit: Emit) -> Answer:
    from kilotar.editions.tiny import make_tiny

    archives, root = folder / "archives", folder / "imagenet"
    emit(Note("info", f"making the archives of a tiny ImageNet in {archives}"))
    tiny = make_tiny(archives, classes=10, per_class=20, val=50, test=10)
    prepared = kilotar.prepare(
        root,
        source=archives,
        formats=FORMATS,
        edition=str(tiny.toml),
        boxes=True,
        accept_terms=True,
        on_event=emit,
    )
    checked = kilotar.verify(root, level="deep", on_event=emit)
    lines = [f"  {one_line(str(root))}", *tree(root), *show_report(prepared), *show_report(checked)[:1]]
    return Answer(lines, _facts(prepared, checked), prepared.exit_code or checked.exit_code)


def _facts(prepared: Report, checked: Report) -> dict[str, object]:
    return {"prepare": machine.as_object(prepared), "verify": machine.as_object(checked)}


def tree(folder: Path, depth: int = DEPTH) -> Iterator[str]:
    """Walk a folder and give its first entries at each level as lines, folders first, state folders left out."""
    if depth == 0:
        return
    with os.scandir(folder) as listing:
        entries = sorted((e for e in listing if not e.name.startswith(".")), key=lambda e: (e.is_file(), e.name))
    indent = "    " + "  " * (DEPTH - depth)
    for entry in entries[:MOST_ENTRIES]:
        yield f"{indent}{one_line(entry.name)}{'/' if entry.is_dir(follow_symlinks=False) else ''}"
        if entry.is_dir(follow_symlinks=False):
            yield from tree(Path(entry.path), depth - 1)
    if len(entries) > MOST_ENTRIES:
        yield f"{indent}... {len(entries) - MOST_ENTRIES} more"
