"""What kind of disk a file lies on."""

from __future__ import annotations

import os
from pathlib import Path

__all__ = ["turns"]

_VIRTUAL = ("vd", "xvd")  # names that the kernel gives to virtio and Xen disks


def turns(path: Path) -> bool:
    """Tell whether a file lies on a disk that turns, where a hop costs milliseconds; False where nobody knows.

    A virtual disk (virtio, Xen) says that it turns whatever lies behind it, and is not believed: one writer instead of
    two halved the speed of an unpack there.

    Source: `/sys/dev/block/<major>:<minor>/queue/rotational`, for a partition in the folder of its disk (Linux, sysfs).
    """
    try:
        device = os.stat(path).st_dev
        block = Path(f"/sys/dev/block/{os.major(device)}:{os.minor(device)}").resolve(strict=True)
    except OSError:
        return False
    return says_it_turns(block)


def says_it_turns(block: Path) -> bool:
    """Tell the same of a disk or partition by its folder in sysfs."""
    if block.name.startswith(_VIRTUAL):
        return False
    for folder in (block, block.parent):
        try:
            return (folder / "queue/rotational").read_text(encoding="ascii").strip() == "1"
        except OSError:
            continue
    return False
