"""What the tests of installed clients share: an archive large enough to be caught midway, and places to put it."""

from __future__ import annotations

import contextlib
import subprocess
from collections.abc import Iterator
from pathlib import Path

import psutil

from kilotar.model.fetching import PieceWish
from tests.doubles.landings import FileLanding
from tests.need import need
from tests.peers.lab import Archive, until

__all__ = ["RATE", "all_of", "child", "landing_of", "small_disk"]

RATE = 16 << 20  # bytes a second at which an archive of 32 MiB can be caught midway


def landing_of(archive: Archive, folder: Path, have: range = range(0)) -> FileLanding:
    """Give a landing that has some pieces in its file already."""
    folder.mkdir(exist_ok=True)
    table = archive.torrent.table
    landing = FileLanding(table, folder)
    for piece in have:
        assert landing.take(piece, archive.data[table.start(piece) : table.stop(piece)], "before")
    return landing


def all_of(landing: FileLanding) -> PieceWish:
    return PieceWish(wanted=(range(landing.table.count),))


def child(name: str, parent: psutil.Process | None = None) -> psutil.Process:
    """Give the one program of this name that runs as a child of a process, of this one if None."""
    parent = parent or psutil.Process()
    found: list[psutil.Process] = until(
        f"{name} runs", lambda: [one for one in parent.children() if one.name() == name]
    )
    assert len(found) == 1
    return found[0]


@contextlib.contextmanager
def small_disk(folder: Path, size: str) -> Iterator[Path]:
    """Have a disk of so few bytes."""
    folder.mkdir()
    mounted = subprocess.run(["mount", "-t", "tmpfs", "-o", f"size={size}", "none", str(folder)], check=False)
    need("the right to mount", mounted.returncode == 0)
    try:
        yield folder
    finally:
        subprocess.run(["umount", "-l", str(folder)], check=True)
