"""The disk under a root, as a fact: type, room, inodes, speed of writing, and what the archives still need of it."""

from __future__ import annotations

import os
from collections.abc import Sequence
from pathlib import Path

import psutil

from kilotar.errors import KilotarError
from kilotar.model.checkup import DiskFact
from kilotar.model.edition import Archive
from kilotar.store.disks import turns
from kilotar.store.workspace import Workspace
from kilotar.work.space import measure_disk, nearest_folder

__all__ = ["disk_fact", "file_system"]

BLOCK = 512  # of st_blocks, whatever the file system has


def disk_fact(root: Path, archives: Sequence[Archive]) -> DiskFact:
    """Look at the disk of a root, and write to it for at most two seconds; leaves nothing. Failures are values.

    Args:
        archives: those that a download would bring.
    """
    try:
        folder = nearest_folder(root.absolute())
        facts = os.statvfs(folder)
        needed = _needed(root, archives)
        rate = measure_disk(folder).bytes_per_s
    except (OSError, KilotarError) as error:
        seen = error.seen if isinstance(error, KilotarError) else os.strerror(error.errno or 0)
        return DiskFact(str(root), error=seen or str(error))
    return DiskFact(
        path=str(root),
        kind=file_system(folder) + (", a disk that turns" if turns(folder) else ""),
        free_bytes=facts.f_bavail * facts.f_frsize,
        free_inodes=facts.f_favail if facts.f_files > 0 else -1,
        write_bytes_per_s=rate,
        needed_bytes=needed,
    )


def file_system(folder: Path) -> str:
    """Give the type of the file system that a folder lies on, "" where nobody knows."""
    there = str(folder.resolve())
    mounts = [(part.mountpoint, part.fstype) for part in psutil.disk_partitions(all=True)]
    above = [(point, kind) for point, kind in mounts if os.path.commonpath([point, there]) == point]
    return max(above, key=lambda one: len(one[0]), default=("", ""))[1]


def _needed(root: Path, archives: Sequence[Archive]) -> int:
    """Give the bytes that a download of all archives would still take; those found elsewhere are not fetched."""
    known = {record.name for record in Workspace(root).input_records()}
    return sum(max(0, (one.size_bytes or 0) - _held(root, one.name)) for one in archives if one.name not in known)


def _held(root: Path, name: str) -> int:
    """Give the bytes of an archive that lie on the disk, whole or begun; a sparse file counts by its blocks."""
    held = 0
    for path in (root / "archives" / name, root / "archives" / f"{name}.part", root / name):
        try:
            held = max(held, path.stat().st_blocks * BLOCK)
        except OSError:
            continue
    return held
