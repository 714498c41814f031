"""Faults at chosen system calls: compiles the shim, and runs the command line under it.

`Fault(mode, at)` names the fault and the call, counted from 1 over all calls that change something below `dirs`:
"clean" dies before the call, "torn" in the middle of it, "once" and "always" fail with an errno, "short" does half.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from tests.need import need_tool

__all__ = ["NONE", "Ended", "Fault", "Runner", "compile_shim"]

HERE = Path(__file__).resolve().parent
REPOSITORY = HERE.parents[1]


def compile_shim(folder: Path) -> Path:
    """Give the shared object, compiled into `folder`."""
    library = folder / "shim.so"
    flags = ["-shared", "-fPIC", "-O2", "-Wall", "-Wextra", "-Wno-nonnull"]
    subprocess.run([need_tool("gcc"), *flags, "-o", library, HERE / "shim.c", "-ldl"], check=True)
    return library


@dataclass(frozen=True, slots=True)
class Fault:
    """What goes wrong and when; see `shim.c`. The default is nothing, only counting."""

    mode: str = "once"
    at: int = 0
    number: int = 0
    read: str = ""
    trace: bool = False
    flock: bool = False

    def __str__(self) -> str:
        return f"{self.mode} at {self.at}" + (f" errno {self.number}" if self.number else "")

    def environment(self, library: Path, dirs: str, log: str = "") -> dict[str, str]:
        """Give the variables that put a process of its own under this fault."""
        facts: dict[str, str | int] = {
            "DIRS": dirs,
            "READ": self.read,
            "AT": self.at,
            "MODE": self.mode,
            "ERRNO": self.number,
        }
        facts |= {"LOG": log} if log else {}
        facts |= {"TRACE": 1} if self.trace else {}
        facts |= {"FLOCK": 1} if self.flock else {}
        return {"LD_PRELOAD": str(library), **{f"FAULT_{name}": str(value) for name, value in facts.items()}}


NONE = Fault()


@dataclass(frozen=True, slots=True)
class Ended:
    """How a run ended: `calls` were counted, the one that was hit is `hit`; a negative code is a signal."""

    code: int
    hung: bool
    calls: int
    out: str
    err: str
    hit: str = ""

    @property
    def killed(self) -> bool:
        return self.code == -9


@dataclass(slots=True)
class Runner:
    """The warm process. Close it.

    Args:
        library: the compiled shim.
        dirs:    folders whose changes are counted, separated by ":".
        log:     file that tells which call was hit.
    """

    library: Path
    dirs: str
    log: Path
    _process: subprocess.Popen[str] = field(init=False)

    def __post_init__(self) -> None:
        kept = {name: value for name, value in os.environ.items() if not name.startswith("KILOTAR_")}
        self._process = subprocess.Popen(
            [sys.executable, "-m", "tests.faults.runner"],
            cwd=REPOSITORY,
            env={**kept, "LD_PRELOAD": str(self.library), "XDG_CONFIG_HOME": str(self.log.parent / "no-config")},
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )
        assert "ready" in self._read()

    def _read(self) -> dict[str, Any]:
        assert self._process.stdout is not None
        answer: dict[str, Any] = json.loads(self._process.stdout.readline())
        return answer

    def run(self, *words: str | Path, fault: Fault = NONE, mutant: str = "", kill_after_s: float = 0.0) -> Ended:
        """Run `kilotar WORDS` in a new child."""
        self.log.unlink(missing_ok=True)
        facts = {
            "dirs": self.dirs,
            "read": fault.read,
            "at": fault.at,
            "mode": fault.mode,
            "number": fault.number,
            "log": str(self.log),
            "trace": int(fault.trace),
            "flock": int(fault.flock),
        }
        request = {"words": [str(w) for w in words], "fault": facts, "mutant": mutant, "kill_after_s": kill_after_s}
        assert self._process.stdin is not None
        self._process.stdin.write(json.dumps(request) + "\n")
        self._process.stdin.flush()
        answer = self._read()
        return Ended(**answer, hit=self.log.read_text() if self.log.exists() else "")

    def close(self) -> None:
        assert self._process.stdin is not None
        self._process.stdin.close()
        self._process.wait(10)
