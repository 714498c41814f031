"""A cgroup with a limit of memory, version 1 or 2, below the one that we are in; removed afterwards.

Page cache counts: intermediate files that do not fit are written to the disk, as they are at full size.
"""

from __future__ import annotations

import os
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True, slots=True)
class MemoryGroup:
    """A group: a process whose id is written to `procs` is in it."""

    procs: Path


@contextmanager
def memory_group(limit_bytes: int) -> Iterator[MemoryGroup]:
    """Make a group and remove it.

    Raises: OSError where this machine does not let us.
    """
    folder, limit = _place()
    folder.mkdir()
    try:
        (folder / limit).write_text(str(limit_bytes))
        yield MemoryGroup(folder / "cgroup.procs")
    finally:
        _remove(folder)


def _place() -> tuple[Path, str]:
    name = f"kilotar-bench-{os.getpid()}"
    for line in Path("/proc/self/cgroup").read_text().splitlines():
        _, controllers, path = line.split(":", 2)
        if "memory" in controllers.split(","):
            return _below(Path("/sys/fs/cgroup/memory"), path) / name, "memory.limit_in_bytes"
    own = Path("/proc/self/cgroup").read_text().rpartition("::")[2].strip()
    parent = _below(Path("/sys/fs/cgroup"), own).parent if own != "/" else Path("/sys/fs/cgroup")
    return parent / name, "memory.max"


def _below(mount: Path, path: str) -> Path:
    inside = mount / path.lstrip("/")
    return inside if inside.is_dir() else mount  # a container may see its own group as the root


def _remove(folder: Path) -> None:
    for _ in range(50):
        try:
            folder.rmdir()
            return
        except OSError:  # still busy for a moment after its last process ended
            time.sleep(0.1)
