"""Write docs/formats/trees/<format>.txt: what each format has on the disk after a run; run by hand, as record.py.

Rules guarded: a tree is what a run left there, shortened where a folder holds many entries alike.
"""

from __future__ import annotations

import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path

import kilotar
from kilotar.editions.tiny import make_tiny
from kilotar.errors import MissingExtra

TREES = Path(__file__).resolve().parent / "formats" / "trees"
MOST = 4  # entries of a folder


def draw(folder: Path, before: str = "") -> Iterator[str]:
    """Give the lines of a tree, hidden files left out."""
    entries = sorted(entry for entry in folder.iterdir() if not entry.name.startswith("."))
    shown = entries if len(entries) <= MOST + 1 else entries[:MOST]
    for at, entry in enumerate(shown):
        is_last = at + 1 == len(entries)
        size = "" if entry.is_dir() else f"   {entry.stat().st_size:,}"
        yield f"{before}{'└── ' if is_last else '├── '}{entry.name}{'/' if entry.is_dir() else size}"
        if entry.is_dir() and at < 2:
            yield from draw(entry, before + ("    " if is_last else "│   "))
    if len(shown) < len(entries):
        yield f"{before}└── ... {len(entries) - len(shown)} more"


def main() -> None:
    TREES.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory() as name:
        tiny = make_tiny(Path(name) / "archives", classes=10, per_class=20, val=50, test=10)
        for sink in kilotar.find_sinks():
            about, root = sink.ABOUT, Path(name) / sink.ABOUT.name
            try:
                kilotar.prepare(
                    root, source=tiny.folder, edition=str(tiny.toml), formats=(about.name,), boxes=about.boxes, jobs=1
                )
            except MissingExtra as error:
                print(f"{about.name}: {error}", file=sys.stderr)
                continue
            folder = root / about.folder
            (root / "report.json").unlink(missing_ok=True)
            lines = [f"{'imagenet' if about.folder == '.' else about.folder}/   (bytes)", *draw(folder)]
            (TREES / f"{about.name}.txt").write_text("\n".join(lines) + "\n", encoding="utf-8")
            print(f"{about.name}: {len(lines)} lines")


if __name__ == "__main__":
    main()
