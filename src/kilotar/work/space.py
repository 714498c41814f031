"""Whether it fits, and about how long it takes, before the first byte.

Rules guarded: bytes *and* inodes are compared with what the file system has free; the time comes from a short
measurement of this disk, never from a table; a run that cannot fit is refused before anything is written.
"""

from __future__ import annotations

import os
import tempfile
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from kilotar.errors import DiskFull, InodesFull, storage_error
from kilotar.model.report import Forecast, ForecastStep
from kilotar.store.files import sync_file_system, write_all

__all__ = [
    "ASSUMED_RATE",
    "BLOCK_BYTES",
    "STATE_BYTES",
    "DiskRate",
    "forecast",
    "measure_disk",
    "nearest_folder",
    "refuse_when_full",
]

BLOCK_BYTES = 4096  # what a file occupies at least, on the usual file systems
STATE_BYTES = 192  # of index and list of files for each image: 70 + 110 bytes measured
_SAMPLE_BYTES = 32 << 20
_SAMPLE_FILES = 500
_SAMPLE_S = 1.0


def nearest_folder(path: Path) -> Path:
    """Give the deepest folder of a path that is there: its file system is the one that will be written."""
    return next(folder for folder in (path, *path.parents) if folder.is_dir())


@dataclass(frozen=True, slots=True)
class DiskRate:
    """What a disk takes: bytes a second written and synced, seconds to make one more file."""

    bytes_per_s: float
    file_s: float

    def seconds(self, size_bytes: int, files: int) -> float:
        return size_bytes / self.bytes_per_s + files * self.file_s


ASSUMED_RATE = DiskRate(200e6, 100e-6)  # where only sums and refusals are wanted, and nothing is measured


def measure_disk(folder: Path) -> DiskRate:
    """Measure a disk with at most two seconds of writing; leaves nothing.

    Raises: MachineError.
    """
    try:
        with tempfile.TemporaryDirectory(dir=folder, prefix=".kilotar-measure-") as place:
            return DiskRate(_write_rate(Path(place)), _file_cost(Path(place)))
    except OSError as error:
        raise storage_error(error, f"write a test file in {folder}") from error


def _write_rate(folder: Path) -> float:
    chunk = os.urandom(1 << 20)
    with tempfile.TemporaryFile(dir=folder) as file:
        started, written = time.monotonic(), 0
        while written < _SAMPLE_BYTES and time.monotonic() - started < _SAMPLE_S:
            written += write_all(file.fileno(), chunk)
        os.fsync(file.fileno())
        return written / max(time.monotonic() - started, 1e-6)


def _file_cost(folder: Path) -> float:
    started = time.monotonic()
    for made in range(1, _SAMPLE_FILES + 1):
        os.close(os.open(folder / str(made), os.O_WRONLY | os.O_CREAT | os.O_CLOEXEC))
        if time.monotonic() - started > _SAMPLE_S:
            break
    sync_file_system(folder)
    return (time.monotonic() - started) / made


def forecast(root: Path, steps: Sequence[ForecastStep], images: int, rate: DiskRate) -> Forecast:
    """Put the steps of a run against the free space of the root's file system.

    Raises: MachineError.
    """
    folder = nearest_folder(root)
    try:
        facts = os.statvfs(folder)
    except OSError as error:
        raise storage_error(error, f"look at the file system of {folder}") from error
    write_bytes = sum(step.write_bytes for step in steps)
    files = sum(step.files for step in steps)
    free_bytes, free_inodes = facts.f_bavail * facts.f_frsize, facts.f_favail
    has_inodes = facts.f_files > 0  # btrfs has no fixed number and reports 0
    return Forecast(
        root=str(root),
        steps=tuple(steps),
        images=images,
        write_bytes=write_bytes,
        files=files,
        peak_bytes=write_bytes,
        free_bytes=free_bytes,
        free_inodes=free_inodes if has_inodes else -1,
        seconds=sum(max(step.seconds, 0.0) for step in steps),
        write_bytes_per_s=rate.bytes_per_s,
        fits=write_bytes <= free_bytes and (not has_inodes or files <= free_inodes),
    )


def refuse_when_full(plan: Forecast) -> None:
    """Refuse a run that cannot fit.

    Raises: DiskFull, InodesFull.
    """
    if plan.write_bytes > plan.free_bytes:
        raise DiskFull(
            f"{plan.root} has not the room for this",
            seen=f"needs {plan.write_bytes / 1e9:.2f} GB more, free {plan.free_bytes / 1e9:.2f} GB",
            fix="make room, choose a root on another disk, or fewer outputs or classes (--for, --classes)",
        )
    if 0 <= plan.free_inodes < plan.files:
        raise InodesFull(
            f"the file system of {plan.root} has not the inodes for this",
            seen=f"needs {plan.files:,} more files, {plan.free_inodes:,} inodes free",
            fix="choose a file system with more inodes, fewer classes, or leave the tree out: kilotar.open reads the "
            "archives in place",
        )
