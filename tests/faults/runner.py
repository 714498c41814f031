"""A warm process that forks a child for every run of the command line, so that a run costs tens of milliseconds.

A program, started by `tests.faults.shim.Runner` with the shim preloaded. One JSON request a line on stdin, one JSON
answer a line on stdout. It starts no threads itself: a fork of it is as good as a new process.
"""

from __future__ import annotations

import ctypes
import importlib
import json
import os
import pkgutil
import signal
import sys
import tempfile
import traceback
from typing import Any

import kilotar
from tests.faults import mutants

HANGS_AFTER_S = 60.0


def load_everything() -> None:
    for package in ("kilotar", "kilotar.sinks", "kilotar.work", "kilotar.shell", "kilotar.store"):
        module = importlib.import_module(package)
        for info in pkgutil.iter_modules(module.__path__, f"{package}."):
            if not info.name.endswith(("__main__", "torch_view")):
                importlib.import_module(info.name)


def shim() -> ctypes.CDLL:
    library = ctypes.CDLL(None)
    text, number = ctypes.c_char_p, ctypes.c_int
    library.fault_arm.argtypes = (text, text, ctypes.c_long, text, number, text, number, number)
    library.fault_count.restype = ctypes.c_long
    return library


def run_child(library: ctypes.CDLL, request: dict[str, Any], out: int, err: int) -> None:
    """Be the child: never returns."""
    code = 99
    try:
        os.setpgid(0, 0)
        signal.pthread_sigmask(signal.SIG_UNBLOCK, [signal.SIGCHLD])
        os.dup2(out, 1)
        os.dup2(err, 2)
        from kilotar.shell.cli import main

        mutants.apply(request["mutant"])
        fault = request["fault"]
        library.fault_arm(
            fault["dirs"].encode(),
            fault["read"].encode(),
            fault["at"],
            fault["mode"].encode(),
            fault["number"],
            fault["log"].encode(),
            fault["trace"],
            fault["flock"],
        )
        code = main(request["words"])
        sys.stdout.flush()
        sys.stderr.flush()
    except BaseException:  # noqa: BLE001 - told on stderr, where the test looks for it
        traceback.print_exc()
        sys.stderr.flush()
    finally:
        os._exit(code)


def await_child(pid: int, kill_after_s: float) -> tuple[int, bool]:
    """Give the exit code (negative: signal) and whether the child hung; kill its group when its time is over."""
    signal.sigtimedwait([signal.SIGCHLD], kill_after_s or HANGS_AFTER_S)
    done, status = os.waitpid(pid, os.WNOHANG)
    hung = False
    if done == 0:
        os.killpg(pid, signal.SIGKILL)
        _, status = os.waitpid(pid, 0)
        signal.sigtimedwait([signal.SIGCHLD], 0)
        hung = not kill_after_s
    return os.waitstatus_to_exitcode(status), hung


def answer(library: ctypes.CDLL, request: dict[str, Any]) -> dict[str, object]:
    with tempfile.TemporaryFile() as out, tempfile.TemporaryFile() as err:
        signal.sigtimedwait([signal.SIGCHLD], 0)
        pid = os.fork()
        if pid == 0:
            run_child(library, request, out.fileno(), err.fileno())
        os.setpgid(pid, pid)
        code, hung = await_child(pid, request["kill_after_s"])
        texts = [os.pread(file.fileno(), 1 << 20, 0).decode("utf-8", "replace") for file in (out, err)]
    return {"code": code, "hung": hung, "calls": library.fault_count(), "out": texts[0], "err": texts[1]}


def main() -> None:
    signal.pthread_sigmask(signal.SIG_BLOCK, [signal.SIGCHLD])
    load_everything()
    library = shim()
    print(json.dumps({"ready": kilotar.__version__}), flush=True)
    for line in sys.stdin:
        print(json.dumps(answer(library, json.loads(line))), flush=True)


if __name__ == "__main__":
    main()
