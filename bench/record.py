"""The figures of a run, one JSON line a measurement, and the machine that they belong to."""

from __future__ import annotations

import json
import os
import platform
import subprocess
import time
from pathlib import Path
from types import TracebackType
from typing import TextIO

import kilotar
from bench.harness import HOME, say


class Record:
    """Writes measurements as they are made. The file is replaced when the run has ended well.

    Args:
        path: of the lines.
        work: where the run writes, to name its file system.
        command: that repeats the run.
    """

    def __init__(self, path: Path, work: Path, command: str) -> None:
        self._path = path
        self._temporary = path.with_suffix(".part")
        self._work = work
        self._command = command
        self._begun = time.monotonic()
        self._file: TextIO

    def __enter__(self) -> Record:
        self._file = open(self._temporary, "w", encoding="utf-8")
        self.add("machine", **describe_machine(self._work), command=self._command)
        return self

    def add(self, suite: str, **figures: object) -> None:
        line = json.dumps({"suite": suite, **figures})
        print(line, file=self._file, flush=True)
        say(line[:300])

    def end(self) -> None:
        self.add("end", minutes=round((time.monotonic() - self._begun) / 60, 1), load=os.getloadavg()[0])

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._file.close()
        if kind is None:
            self._temporary.replace(self._path)


def describe_machine(work: Path) -> dict[str, object]:
    memory = os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE")
    return {
        "date": time.strftime("%Y-%m-%d %H:%M UTC", time.gmtime()),
        "kilotar": kilotar.__version__,
        "commit": _said("git", "-C", str(HOME), "rev-parse", "--short", "HEAD"),
        "cpu": _field("/proc/cpuinfo", "model name"),
        "cores": os.cpu_count(),
        "memory_gb": round(memory / 2**30),
        "kernel": platform.release(),
        "python": platform.python_version(),
        "file_system": _said("stat", "-f", "-c", "%T", str(work)),
        "tar": _said("tar", "--version").partition("\n")[0],
        "bsdtar": _said("bsdtar", "--version").partition("\n")[0],
        "load": os.getloadavg()[0],
    }


def _field(path: str, name: str) -> str:
    for line in Path(path).read_text().splitlines():
        key, _, value = line.partition(":")
        if key.strip() == name:
            return value.strip()
    return "unknown"


def _said(*command: str) -> str:
    try:
        return subprocess.run(command, capture_output=True, text=True, check=True).stdout.strip()
    except (OSError, subprocess.CalledProcessError):
        return ""


def recorded_at(results: Path) -> str:
    """Say with which commit figures of a file of their own came in: they are of the code before it, not of the head."""
    words = ["git", "log", "-1", "--format=%h of %cd", "--date=format:%Y-%m-%d %H:%M", "--", str(results)]
    ran = subprocess.run(words, cwd=HOME, capture_output=True, text=True, check=False)
    return f"These rows came in with commit {ran.stdout.strip()}." if ran.stdout.strip() else "These rows are new."
