"""What the tests of the verbs share: the wish for a tiny root, and a look at what came of it."""

from __future__ import annotations

import hashlib
import os
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

import kilotar
from kilotar import Fetching, HttpOptions, Wish
from kilotar.editions.tiny import Tiny
from kilotar.events import Event, ignore
from kilotar.model.report import Report
from kilotar.model.sample import Split
from kilotar.work.demo_swarm import LOOPBACK, DemoSwarm

__all__ = ["ALL", "Published", "expected_tree", "flip", "prepare", "snapshot", "tree_digests", "wish"]

ALL = ("train", "val", "test")


@dataclass(frozen=True)
class Published:
    """A tiny edition, and the private internet that serves it."""

    tiny: Tiny
    demo: DemoSwarm

    @property
    def wnids(self) -> tuple[str, ...]:
        return tuple(synset.wnid for synset in self.tiny.edition.classes)

    def wish(self, way: Literal["torrent", "http"] = "torrent", **more: object) -> Wish:
        """Give the keywords that ask for it over loopback, and for nothing outside."""
        fetching = Fetching(way=way, swarm=LOOPBACK, http=HttpOptions(proxy="", allow_private=True), allow_private=True)
        return {"edition": str(self.demo.toml), "fetching": fetching, **more}  # type: ignore[typeddict-item]


def wish(tiny: Tiny, **more: object) -> Wish:
    """Give the keywords that ask for a tiny edition's outputs."""
    return {"source": tiny.folder, "edition": str(tiny.toml), **more}  # type: ignore[typeddict-item]


def prepare(root: Path, tiny: Tiny, events: list[Event] | None = None, **more: object) -> Report:
    """Prepare a root from a tiny edition, gathering the events."""
    on_event = ignore if events is None else events.append
    return kilotar.prepare(root, on_event=on_event, **wish(tiny, **more))


def expected_tree(tiny: Tiny, splits: tuple[str, ...] = ("train", "val")) -> dict[str, str]:
    """Give path and SHA-256 of every image of a whole ImageFolder, out of the truth of the edition."""
    return {
        f"{truth.split}/{truth.wnid}/{key}.JPEG".replace("//", "/"): truth.sha256
        for key, truth in tiny.truth.items()
        if truth.split in splits and truth.split is not Split.TEST
    }


def tree_digests(folder: Path) -> dict[str, str]:
    """Give the SHA-256 of every file below a folder by its path; nothing below a folder of state."""
    found = {}
    for path in sorted(folder.rglob("*")):
        relative = path.relative_to(folder)
        if path.is_file() and ".kilotar" not in relative.parts:
            found[str(relative)] = hashlib.sha256(path.read_bytes()).hexdigest()
    return found


def snapshot(folder: Path) -> dict[str, tuple[int, int, int]]:
    """Give inode, length and change time of everything below a folder, so that any write is seen."""
    found = {}
    for base, folders, names in os.walk(folder):
        for name in (*folders, *names):
            facts = os.lstat(os.path.join(base, name))
            found[os.path.relpath(os.path.join(base, name), folder)] = facts.st_ino, facts.st_size, facts.st_ctime_ns
    return found


def flip(path: Path, at: int = -1) -> None:
    """Change one byte of a file and nothing of its length; by default in its middle."""
    data = bytearray(path.read_bytes())
    data[at if at >= 0 else len(data) // 2] ^= 0xFF
    path.write_bytes(data)
