"""One measurement, fairly: a job in a process of its own, and the ground it runs on.

Two traps spoil naive figures, and are kept away here:

- ext4 steps over inodes that were deleted in the last minute whenever it makes a file. So nothing is deleted between
  the variants of a round; what must go, goes all at once, and the next round waits until the ground has rested.
- Memory that a virtual machine has not used lately is slow at first touch, since what lies free goes back to the host
  within seconds: the same variant then takes one to five times its system time. So all free memory is taken into use
  as page cache of an empty file before each variant, and left there: what a variant asks for, the kernel takes from
  that. (To free it right before the variant was tried: the host was faster than variants of more than a second.)
"""

from __future__ import annotations

import json
import os
import random
import shutil
import subprocess
import sys
import threading
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TypeVar

from bench.memory_group import MemoryGroup

HOME = Path(__file__).resolve().parents[1]
SAMPLE_S = 0.05
Thing = TypeVar("Thing")
MARGIN_BYTES = 4 << 30
_EMPTY_BYTES = 1 << 42  # of the file whose holes fill the page cache; it has no blocks
_CHUNK_BYTES = 4 << 20


@dataclass(frozen=True, slots=True)
class Variant:
    """A way to do something: the function of `bench.jobs` that does it, and its arguments."""

    name: str
    job: str
    args: Mapping[str, object] = field(default_factory=dict)


class Ground:
    """The folder that rounds write into.

    Args:
        folder: on the file system that is measured.
        rest_s: how long a mass unlink is felt.
    """

    def __init__(self, folder: Path, rest_s: float) -> None:
        self.folder = folder
        self._rest_s = rest_s
        self._must_rest = False
        self._rested_at = 0.0
        self._empty = folder / "empty"
        self._filled_bytes = 0
        self._used = 0

    def fresh(self) -> Path:
        """Give a name where nothing ever was."""
        self._used += 1
        return self.folder / "rounds" / f"{os.getpid()}-{self._used:04d}"

    def ready(self, size_bytes: int) -> None:
        """Return when a round that writes so much can begin: with room, and rested."""
        (self.folder / "rounds").mkdir(parents=True, exist_ok=True)
        if free_bytes(self.folder) < size_bytes + MARGIN_BYTES:
            self.clear()
        if self._must_rest:
            left_s = self._rested_at - time.monotonic()
            say(f"resting {max(0.0, left_s):.0f} s after the unlink")
            time.sleep(max(0.0, left_s))
            self._must_rest = False

    def clear(self) -> None:
        """Delete what the rounds have left, and begin to rest."""
        self._empty.unlink(missing_ok=True)
        rounds = self.folder / "rounds"
        if rounds.is_dir() and any(rounds.iterdir()):
            say("deleting the trees of the last rounds")
            self.remove(rounds)
            rounds.mkdir()

    def remove(self, tree: Path) -> None:
        """Delete a tree, where there is one, and begin to rest."""
        if tree.is_dir():
            shutil.rmtree(tree)
            os.sync()
            self._must_rest = True
            self._rested_at = time.monotonic() + self._rest_s

    def fill_memory(self) -> None:
        """Take all free memory into use as page cache, and a GiB more, so that the oldest of it is what is given."""
        buffer = bytearray(_CHUNK_BYTES)
        with open(self._empty, "a+b", buffering=0) as file:
            file.truncate(_EMPTY_BYTES)
            for _ in range(0, _free_memory_bytes() + (1 << 30), _CHUNK_BYTES):
                os.preadv(file.fileno(), [buffer], self._filled_bytes % _EMPTY_BYTES)
                self._filled_bytes += _CHUNK_BYTES


def say(line: str) -> None:
    print(f"[bench] {time.strftime('%H:%M:%S')} {line}", file=sys.stderr, flush=True)


def _free_memory_bytes() -> int:
    facts = dict(line.split(":") for line in Path("/proc/meminfo").read_text().splitlines())
    return int(facts["MemFree"].split()[0]) * 1024


def free_bytes(folder: Path) -> int:
    at = os.statvfs(folder)
    return at.f_bavail * at.f_frsize


def read_through(path: Path) -> None:
    with open(path, "rb", buffering=0) as file:
        buffer = bytearray(4 << 20)
        while file.readinto(buffer):
            pass


def drop(path: Path) -> None:
    """Take a file out of the page cache."""
    with open(path, "rb") as file:
        os.fsync(file.fileno())
        os.posix_fadvise(file.fileno(), 0, 0, os.POSIX_FADV_DONTNEED)


class _Peak:
    """The least free space of a file system while something runs, sampled."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._end = threading.Event()
        self.before = self.least = free_bytes(folder)
        self._thread = threading.Thread(target=self._sample, daemon=True)
        self._thread.start()

    def _sample(self) -> None:
        while not self._end.wait(SAMPLE_S):
            self.least = min(self.least, free_bytes(self._folder))

    def close(self) -> dict[str, int]:
        self._end.set()
        self._thread.join()
        after = free_bytes(self._folder)
        return {"disk_bytes": self.before - after, "peak_bytes": self.before - min(self.least, after)}


def measure(variant: Variant, folder: Path, group: MemoryGroup | None = None) -> dict[str, object]:
    """Run a variant in a process of its own and give its figures.

    Raises: CalledProcessError where it failed; its messages went to stderr.
    """
    command = [sys.executable, "-m", "bench.child", variant.job, json.dumps(variant.args)]
    if group is not None:
        command[3:3] = ["--group", str(group.procs)]
    peak = _Peak(folder)
    done = subprocess.run(command, cwd=HOME, stdout=subprocess.PIPE, text=True, check=True)
    return {**json.loads(done.stdout.splitlines()[-1]), **peak.close()}


def shuffled(things: Sequence[Thing], round_number: int) -> list[Thing]:
    return random.Random(round_number).sample(things, len(things))
