"""The inside of a worker process: take a batch from stdin, do its items, answer on stdout.

Rules guarded: before anything of the batch is imported, the process is tied to its parent (it is killed when the
parent dies) and bounded: memory, growth of files (none, but where it is there to write them), no core dump. Each item
is announced by one byte on a pipe of its own before it begins, so that the parent knows at which one a worker died or
hangs. Started as a plain script with `python -I`, it never runs the user's `__main__`, as spawn of multiprocessing
would, and inherits no descriptor.

Lines of JSON: in `[path, function]`, what to import from where, then `{"function", "common", "items"}`; out
`{"at": i, "values": [...]}` after an item that has some, then `{"end": n}`, or `{"failed": [type, message]}` where the
function itself raised.
"""

from __future__ import annotations

import contextlib
import ctypes
import json
import os
import signal
import sys
from typing import Any

PR_SET_PDEATHSIG = 1  # <linux/prctl.h>


def die_with(parent: int) -> None:
    """Ask for SIGKILL when the parent dies, and go at once where it died before the asking.

    Without prctl (macOS) a worker ends when it next reads or writes a pipe, that is with its batch.
    """
    if sys.platform == "linux":
        ctypes.CDLL(None, use_errno=True).prctl(PR_SET_PDEATHSIG, signal.SIGKILL, 0, 0, 0)
    if os.getppid() != parent:
        os._exit(1)


def bound(memory_bytes: int, file_bytes: int) -> None:
    """Limit this process for good; a limit of -1, or that the system has not or has lower already, is passed over."""
    import resource

    for name, limit in (("RLIMIT_AS", memory_bytes), ("RLIMIT_FSIZE", file_bytes), ("RLIMIT_CORE", 0)):
        if limit < 0:
            continue
        try:
            resource.setrlimit(getattr(resource, name), (limit, limit))
        except (AttributeError, ValueError, OSError):
            continue


def take_pipes() -> tuple[int, int]:
    """Move stdin and stdout out of the reach of stray prints and reads; give their new descriptors."""
    commands, answers = os.dup(0), os.dup(1)
    null = os.open(os.devnull, os.O_RDWR)
    os.dup2(null, 0)
    os.dup2(null, 1)
    return commands, answers


def answer(pipe: int, line: dict[str, Any]) -> None:
    data = memoryview(json.dumps(line).encode("ascii") + b"\n")
    while data:
        data = data[os.write(pipe, data) :]


def prepare(function: str) -> None:
    """Import what a function is in, so that its first batch need not wait; what fails fails again with the batch."""
    if function:
        from kilotar.errors import OurError
        from kilotar.exec.batch import resolve

        with contextlib.suppress(OurError):
            resolve(function)


def do(command: dict[str, Any], beats: int, answers: int) -> None:
    """Carry out one batch."""
    from kilotar.exec.batch import resolve

    try:
        done = iter(resolve(command["function"])(*command["common"], command["items"]))
        for at in range(len(command["items"])):
            os.write(beats, b".")
            if values := list(next(done)):
                answer(answers, {"at": at, "values": values})
    except Exception as error:  # noqa: BLE001 - whatever it is, the parent must hear of it
        answer(answers, {"failed": [type(error).__name__, str(error)[:500]]})
    else:
        answer(answers, {"end": len(command["items"])})


def main(parent: int, beats: int, memory_bytes: int, file_bytes: int) -> None:
    """Work until stdin ends. Signals of the terminal and the batch system are the parent's business."""
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, signal.SIG_IGN)
    die_with(parent)
    bound(memory_bytes, file_bytes)
    commands, answers = take_pipes()
    with open(commands, "rb") as lines:
        sys.path[:], function = json.loads(lines.readline() or b'[[], ""]')
        prepare(function)
        for line in lines:
            do(json.loads(line), beats, answers)


if __name__ == "__main__":
    main(*map(int, sys.argv[1:5]))
