"""The process that does one job and prints its figures: `python -m bench.child [--group FILE] JOB JSON`.

The clock runs from the first call of the job to its return; imports and the start of the interpreter are before it,
for every variant alike. Programs that the job starts are inside it, and their CPU, bytes and memory are counted.
"""

from __future__ import annotations

import ctypes
import json
import os
import resource
import sys
import time
from pathlib import Path


def main(words: list[str]) -> None:
    if words[0] == "--group":
        Path(words[1]).write_text(str(os.getpid()))
        words = words[2:]
    from bench.jobs import JOBS  # after joining the group, so that its memory is counted

    job, args = JOBS[words[0]], json.loads(words[1])
    work = job(**args)
    before = counted()
    begun = time.monotonic()
    told = work() or {}
    wall_s = time.monotonic() - begun
    if "out" in args:
        sync(args["out"])
    sync_s = time.monotonic() - begun
    after = counted()
    figures = {key: round(after[key] - before[key], 3) for key in after}
    own, children = (
        resource.getrusage(who).ru_maxrss * 1024 for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN)
    )
    print(
        json.dumps(
            {
                "wall_s": round(wall_s, 4),
                "sync_s": round(sync_s, 4),
                **figures,
                "own_peak_rss": own,
                "child_peak_rss": children,
                "load": os.getloadavg()[0],
                **told,
            }
        )
    )


def counted() -> dict[str, float]:
    both = [resource.getrusage(who) for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN)]
    io = dict(line.split(": ") for line in Path("/proc/self/io").read_text().splitlines())
    return {
        "user_s": sum(usage.ru_utime for usage in both),
        "sys_s": sum(usage.ru_stime for usage in both),
        "called_read": int(io["rchar"]),
        "called_write": int(io["wchar"]),
        "disk_read": int(io["read_bytes"]),
        "disk_write": int(io["write_bytes"]) - int(io["cancelled_write_bytes"]),
    }


def cpu_s() -> float:
    """Give the CPU time of this process and of those that it has waited for."""
    both = (resource.getrusage(who) for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN))
    return sum(usage.ru_utime + usage.ru_stime for usage in both)


def sync(folder: str | Path) -> None:
    """Make all of a file system durable."""
    fd = os.open(folder, os.O_RDONLY)
    try:
        if ctypes.CDLL(None, use_errno=True).syncfs(fd):
            raise OSError(ctypes.get_errno(), "syncfs")
    finally:
        os.close(fd)


if __name__ == "__main__":
    main(sys.argv[1:])
