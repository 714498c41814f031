"""One worker process seen from outside: started, fed, watched, ended.

Rules guarded: no call here waits longer than a deadline on the monotonic clock, whatever the worker does; its death is
seen at once (its pipe ends); what it had answered before is kept; what it sends is data of a bounded length.
"""

from __future__ import annotations

import contextlib
import json
import os
import select
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from kilotar.errors import OurError, WorkerLost
from kilotar.exec.batch import Batch

__all__ = ["Child", "Death", "Run", "WorkerLimits"]

MAX_ANSWER_BYTES = 16 * 2**20
TICK_S = 0.25
END_S = 5.0
# OpenBLAS and OpenMP reserve address space for each core of the machine at import; one thread is what a worker is for.
_ONE_THREAD = {"OPENBLAS_NUM_THREADS": "1", "OMP_NUM_THREADS": "1", "MKL_NUM_THREADS": "1"}


@dataclass(frozen=True, slots=True)
class WorkerLimits:
    """What a worker may use.

    Attributes:
        item_s:  longest time one item may take, by the monotonic clock.
        start_s: the same for the first item, which waits for the interpreter and its imports (a cold network disk).
        memory_bytes: address space; -1: no limit. 1.5 GB: the interpreter with its decoders takes 0.4 GB of it, and a
                 progressive image of 50 million pixels needs 0.3 GB of coefficients, or 0.4 GB with four components.
        file_bytes: how large a file may become that it writes; 0: it writes none; -1: no limit.
    """

    item_s: float = 30.0
    start_s: float = 120.0
    memory_bytes: int = 1_500_000_000
    file_bytes: int = 0


@dataclass(frozen=True, slots=True)
class Death:
    """How a worker ended: kind "crash" or "hang", and one line."""

    kind: str
    why: str


@dataclass(frozen=True, slots=True)
class Run:
    """How far a batch came.

    Attributes:
        values: values of the items that are certainly over.
        at:     the item under which the worker died, -1 where it died before the first; the number of items at the end.
        death:  None at the end.
    """

    values: tuple[Any, ...]
    at: int
    death: Death | None = None


class _GarbledError(Exception):
    """The worker's answer is not what `worker.py` writes."""


class Child:
    """A running worker. The thread that makes it must outlive it: Linux ties the death signal to that thread.

    Raises (on making): OSError where no process can be started.
    """

    def __init__(self, limits: WorkerLimits, inherits: tuple[int, ...] = (), function: str = "") -> None:
        self._limits = limits
        self._fresh = True
        self._received = b""
        self._unsent = json.dumps([sys.path, function]).encode("ascii") + b"\n"
        self._beats, beats = os.pipe()
        os.set_blocking(self._beats, False)
        try:
            self._process = _start(beats, limits, inherits)
        except BaseException:
            os.close(self._beats)
            raise
        finally:
            os.close(beats)
        assert self._process.stdin and self._process.stdout
        self._commands, self._answers = self._process.stdin.fileno(), self._process.stdout.fileno()
        for pipe in (self._commands, self._answers):
            os.set_blocking(pipe, False)
        with contextlib.suppress(BrokenPipeError):  # its death shows with its first batch
            self._unsent = self._unsent[os.write(self._commands, self._unsent) :]

    @property
    def pid(self) -> int:
        return self._process.pid

    def run(self, batch: Batch) -> Run:
        """Have a batch done; after a death the process is gone and the child of no more use.

        Raises: OurError where the function itself raised; WorkerLost where the process sent what is no answer, for then
            something else speaks out of it and none of what it said in this batch can be trusted.
        """
        self._count_beats()  # of a batch whose function raised
        line = {"function": batch.function, "common": batch.common, "items": batch.items}
        self._unsent += json.dumps(line).encode("ascii") + b"\n"
        values: list[tuple[int, list[Any]]] = []
        try:
            at, death = self._watch(values)
        except _GarbledError as error:
            self._end()
            raise WorkerLost("a worker process does not speak as it should", seen=str(error)) from error
        if death:
            self._end()
        else:
            at = len(batch.items)
        self._fresh = False
        return Run(tuple(value for begun, some in values if begun < at for value in some), at, death)

    def _watch(self, values: list[tuple[int, list[Any]]]) -> tuple[int, Death | None]:
        """Collect values until the batch is over, or the worker dead or to be killed; give the item it is at."""
        at, allowed_s, since = -1, self._limits.start_s if self._fresh else self._limits.item_s, time.monotonic()
        while True:
            death = None if self._exchange(min(TICK_S, allowed_s)) else self._last_words()
            over = self._collect(values)
            if begun := self._count_beats():
                at, allowed_s, since = at + begun, self._limits.item_s, time.monotonic()
            if over or death:
                return at, None if over else death
            if time.monotonic() - since > allowed_s:
                return at, Death("hang", f"no end of it within {allowed_s:g} s")

    def _collect(self, values: list[tuple[int, list[Any]]]) -> bool:
        """Take the answers that are there; True when the batch is over."""
        for answer in self._take_answers():
            if "end" in answer:
                return True
            values.append((answer["at"], answer["values"]))
        return False

    def _exchange(self, wait_s: float) -> bool:
        """Send and receive what can be without waiting longer than `wait_s`; False when the worker's pipe has ended."""
        poll = select.poll()
        poll.register(self._answers, select.POLLIN)
        if self._unsent:
            poll.register(self._commands, select.POLLOUT)
        ready = {pipe for pipe, _ in poll.poll(wait_s * 1000)}
        if self._commands in ready:
            try:
                self._unsent = self._unsent[os.write(self._commands, self._unsent) :]
            except BrokenPipeError:
                self._unsent = b""  # its death shows on the other pipe
        if self._answers not in ready:
            return True
        while len(self._received) <= MAX_ANSWER_BYTES:
            try:
                data = os.read(self._answers, 2**16)
            except BlockingIOError:
                return True
            if not data:
                return False
            self._received += data
        raise _GarbledError(f"more than {MAX_ANSWER_BYTES} bytes")

    def _take_answers(self) -> Iterator[dict[str, Any]]:
        """Give the lines that are whole, each checked for its shape: a hostile image may speak through the worker."""
        *lines, self._received = self._received.split(b"\n")
        for line in lines:
            try:
                answer = json.loads(line)
            except (ValueError, RecursionError) as error:
                raise _GarbledError("no JSON") from error
            match answer:
                case {"failed": [str(kind), str(message)]}:
                    raise OurError("a function failed in a worker", seen=f"{kind}: {message}")
                case {"end": int()} | {"at": int(), "values": list()}:
                    yield answer
                case _:
                    raise _GarbledError("unknown words")

    def _count_beats(self) -> int:
        """Give how many items began since the last call."""
        count = 0
        with contextlib.suppress(BlockingIOError):
            while data := os.read(self._beats, 2**16):
                count += len(data)
        return count

    def kill(self) -> None:
        """End the process at once; from any thread, at any time."""
        self._process.kill()

    def close(self) -> None:
        """Let the process end by itself, or make it, and wait until it has."""
        with contextlib.suppress(OSError):
            assert self._process.stdin
            self._process.stdin.close()
        self._bury()

    def _last_words(self) -> Death:
        """Say how the process ended, once its pipe has."""
        try:
            status = self._process.wait(END_S)
        except subprocess.TimeoutExpired:
            return Death("crash", "the worker process closed its pipe")
        if status >= 0:
            return Death("crash", f"the worker process ended with status {status}")
        hint = " (out of memory?)" if status == -signal.SIGKILL else ""
        return Death("crash", f"the worker process was killed by {signal.Signals(-status).name}{hint}")

    @property
    def is_over(self) -> bool:
        return self._beats < 0

    def _end(self) -> None:
        self.kill()
        self._bury()

    def _bury(self) -> None:
        """Wait for the process, by force in the end, and give back its descriptors."""
        try:
            self._process.wait(END_S)
        except subprocess.TimeoutExpired:
            self.kill()
            self._process.wait()
        for pipe in (self._process.stdin, self._process.stdout):
            with contextlib.suppress(OSError):
                assert pipe
                pipe.close()
        beats, self._beats = self._beats, -1
        if beats >= 0:
            os.close(beats)


def _start(beats: int, limits: WorkerLimits, inherits: tuple[int, ...]) -> subprocess.Popen[bytes]:
    script = str(Path(__file__).with_name("worker.py"))
    arguments = [str(os.getpid()), str(beats), str(limits.memory_bytes), str(limits.file_bytes)]
    return subprocess.Popen(
        [sys.executable, "-I", "-B", script, *arguments],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        bufsize=0,
        pass_fds=(beats, *inherits),
        env={**os.environ, **_ONE_THREAD},
    )
