"""The demo: a tiny ImageNet with real nested tars comes out of a private swarm, and what came of it is shown."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

import kilotar
from kilotar.events import Emit, Event, Progress
from kilotar.model.report import Report
from kilotar.shell import machine
from kilotar.shell.flags import Talk
from kilotar.shell.show_report import show_report
from kilotar.shell.stage import Answer, perform
from kilotar.shell.text import field, one_line
from kilotar.shell.units import size

__all__ = ["demo", "tree"]

MOST_ENTRIES = 5
DEPTH = 2


def demo(folder: Path = Path("imagenet-demo"), *, talk: Talk = Talk()) -> int:  # noqa: B008 - frozen
    """Download a tiny ImageNet from a swarm on this machine, prepare it in every format and verify it: a few seconds.

    Args:
        folder: Where the demo goes; run again to see it resume.
    """
    folder = folder.expanduser()
    return perform("demo", talk, lambda emit: _demo(folder, emit), folder / "imagenet")


def _demo(folder: Path, emit: Emit) -> Answer:
    root, brought = folder / "imagenet", Brought(emit)
    prepared, checked = kilotar.demo(folder, on_event=brought)
    lines = [f"  {one_line(str(root))}", *tree(root), *brought.lines()]
    lines += [*show_report(prepared), *show_report(checked)[:1]]
    return Answer(lines, _facts(prepared, checked), prepared.exit_code or checked.exit_code)


class Brought:
    """A reporter that remembers who brought which bytes, and passes everything on."""

    def __init__(self, emit: Emit) -> None:
        self._emit = emit
        self._bytes: dict[str, dict[str, int]] = {}

    def __call__(self, event: Event) -> None:
        if isinstance(event, Progress):
            self._bytes[event.archive] = dict(event.sources)
        self._emit(event)

    def lines(self) -> list[str]:
        """Give a line for each archive that came over the network."""
        told = {name: ", ".join(f"{who} {size(n)}" for who, n in by.items()) for name, by in self._bytes.items() if by}
        return [field("came", f"{name} from {who}") for name, who in told.items()]


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
