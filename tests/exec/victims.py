"""What workers are made to do in the tests: each item is a word that says what becomes of the worker."""

from __future__ import annotations

import json
import os
import resource
import signal
import socket
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from queue import SimpleQueue


def act(items: list[str]) -> Iterator[list[object]]:
    """Yield each item's own value, or come to grief as it says."""
    for item in items:
        yield list(one(item))


def one(item: str) -> Iterator[object]:
    word, _, rest = item.partition(" ")
    if word == "die":
        os.kill(os.getpid(), int(rest or signal.SIGSEGV))
    elif word == "die-once":  # the second worker finds the mark of the first; O_EXCL makes a file of no bytes
        if not Path(rest).exists():
            os.close(os.open(rest, os.O_CREAT | os.O_EXCL))
            os.kill(os.getpid(), signal.SIGSEGV)
    elif word == "exit":
        os._exit(3)
    elif word == "hang":
        if rest:
            Path(rest).touch()  # a file of no bytes is within the limits
        while True:
            time.sleep(60)
    elif word == "eat":
        try:
            yield len(bytearray(4 * 2**30))
        except MemoryError:
            yield "memory"
        return
    elif word == "raise":
        raise ZeroDivisionError("by zero")
    elif word == "print":
        print("a stray line", file=sys.stdout, flush=True)
        os.write(1, b"another\n")
    elif word == "garble":
        for fd in range(3, 64):
            if is_answer_pipe(fd):
                os.write(fd, rest.encode() + b"\n")
    elif word == "write":
        fd = os.open(rest, os.O_CREAT | os.O_WRONLY)
        try:
            os.write(fd, b"x")
        except OSError as error:
            yield error.strerror
            return
    elif word == "facts":
        yield facts()
        return
    yield item


def is_answer_pipe(fd: int) -> bool:
    """The worker has three pipes: commands (read end), beats (which it got by number), answers."""
    try:
        link = Path(f"/proc/self/fd/{fd}").readlink()
        flags = int(Path(f"/proc/self/fdinfo/{fd}").read_text().split("flags:")[1].split()[0], 8)
    except OSError:
        return False
    return str(link).startswith("pipe:") and flags & os.O_ACCMODE == os.O_WRONLY and fd != int(sys.argv[2])


def facts() -> dict[str, object]:
    descriptors = [link for fd in range(256) if (link := Path(f"/proc/self/fd/{fd}")).is_symlink()]
    kinds = (resource.RLIMIT_AS, resource.RLIMIT_FSIZE, resource.RLIMIT_CORE)
    return {
        "limits": [resource.getrlimit(kind)[0] for kind in kinds],
        "links": [str(link.readlink()) for link in descriptors],
    }


def tell_pids_and_hang(address: str) -> None:
    """Be a parent with two busy workers: tell their process ids to a socket, then wait to be killed."""
    from kilotar.exec.batch import Batch
    from kilotar.exec.processes import ProcessExecutor

    executor = ProcessExecutor(2, lambda result: None)
    marks = [Path(f"{address}.{key}") for key in "ab"]
    for mark in marks:
        executor.submit(mark.name, Batch("tests.exec.victims:act", (), (f"hang {mark}",)))
    while not all(mark.exists() for mark in marks):
        time.sleep(0.01)
    with socket.socket(socket.AF_UNIX) as line:
        line.connect(address)
        line.sendall(json.dumps(executor.pids).encode() + b"\n")
        line.recv(1)


def work_at_limit(processes: int, wanted: int) -> None:
    """Do eight batches where this user may have only so many processes and threads; tell how it went."""
    from kilotar.events import Event, Note
    from kilotar.exec.base import TaskEnded, TaskResult
    from kilotar.exec.batch import Batch
    from kilotar.exec.processes import ProcessExecutor

    resource.setrlimit(resource.RLIMIT_NPROC, (processes, processes))
    events: list[Event] = []
    inbox: SimpleQueue[TaskResult] = SimpleQueue()
    with ProcessExecutor(wanted, inbox.put, emit=events.append) as executor:
        for number in range(8):
            executor.submit(str(number), Batch("tests.exec.victims:act", (), ("a",)))
        results = [inbox.get(timeout=30) for _ in range(8)]
        told = {
            "workers": len(executor.pids),
            "results": [list(result.value.values) for result in results if isinstance(result, TaskEnded)],
            "notes": [event.text for event in events if isinstance(event, Note)],
        }
    print(json.dumps(told))
