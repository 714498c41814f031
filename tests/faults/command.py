"""The command line as a process of its own, that a test can send signals to while it works."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from pathlib import Path

from tests.faults.bench import Tree, read_tree
from tests.faults.shim import Ended

__all__ = ["begin", "contents", "finish", "run", "stop"]

LONGEST_S = 60


def begin(*words: str | Path, **settings: str) -> subprocess.Popen[str]:
    """Start `kilotar WORDS`; it leads a process group of its own, and nobody is at its stdin."""
    kept = {name: value for name, value in os.environ.items() if not name.startswith("KILOTAR_")}
    return subprocess.Popen(
        [sys.executable, "-m", "kilotar", *map(str, words)],
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        env={**kept, **settings},
        start_new_session=True,
    )


def finish(process: subprocess.Popen[str]) -> Ended:
    """Wait for the end of a process."""
    out, err = process.communicate(timeout=LONGEST_S)
    return Ended(process.returncode, False, 0, out, err)


def run(*words: str | Path, **settings: str) -> Ended:
    """Run `kilotar WORDS` to its end."""
    return finish(begin(*words, **settings))


def stop(process: subprocess.Popen[str], *signals: signal.Signals, after: str) -> Ended:
    """Send signals once the process has told of an event on stdout; give how it ended."""
    assert process.stdout is not None
    for line in process.stdout:
        if f'"{after}"' in line:
            break
    for number in signals:
        os.killpg(process.pid, number)
    return finish(process)


def contents(root: Path) -> dict[str, str]:
    """Give the digests of all files below a root by path, without their modes."""
    tree: Tree = read_tree(root)
    return {path: digest for path, (digest, _) in tree.items()}
