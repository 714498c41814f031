"""Who tells a run's events, and how: plain lines, JSON lines, several at once. Bars are in `bars`.

Rules guarded: a reporter takes events from any thread; its own trouble (a full disk under the log, a closed pipe) ends
that reporter, never the run, and is told at the end; without a terminal there are no control codes and never silence.
"""

from __future__ import annotations

import json
import shutil
import sys
import threading
import time
from collections import Counter
from collections.abc import Callable, Mapping
from datetime import datetime
from pathlib import Path
from typing import IO, Protocol

from kilotar import events
from kilotar.events import SCHEMA, Event, Found, Landed, Trouble, as_json
from kilotar.shell.getting import get_line, share, stage_head
from kilotar.shell.memory import Memory, trouble_key
from kilotar.shell.progress import Progress, sentence
from kilotar.shell.units import percent

__all__ = ["MOST_OF_A_KIND", "JsonLines", "Lines", "Reporter", "Tee", "Told", "free_bytes"]

INTERVAL_S = 60.0
MOST_OF_A_KIND = 20


class Reporter(Protocol):
    """Takes events; `close` tells what is left and gives the reporter's own trouble, "" for none."""

    def __call__(self, event: Event) -> None: ...

    def close(self) -> str: ...


class Told:
    """Which events are worth a sentence of their own: findings of one kind only so many times, a trouble once.

    Args:
        verbose: every step, and every finding without a limit.
        clock:   seconds, rising.
    """

    def __init__(self, verbose: bool, clock: Callable[[], float] = time.monotonic) -> None:
        self._verbose = verbose
        self._memory = Memory(clock)
        self._kinds: Counter[str] = Counter()

    def __call__(self, event: Event) -> str:
        if isinstance(event, Found) and not self._verbose:
            self._kinds[event.finding.kind] += event.finding.is_problem
            if self._kinds[event.finding.kind] > MOST_OF_A_KIND:
                return ""
        if isinstance(event, Trouble) and not self._memory.is_news(*trouble_key(event)):
            return ""
        return sentence(event, self._verbose)

    def stage(self, event: Event) -> str:
        """Give the line of a download whose stage has changed, "" for everything else."""
        if not isinstance(event, events.Progress) or not self._memory.is_news(event.archive, stage_head(event)):
            return ""
        return get_line(event)

    def rest(self) -> list[str]:
        """Give a line for every kind of finding that was cut short."""
        over = {kind: number - MOST_OF_A_KIND for kind, number in self._kinds.items() if number > MOST_OF_A_KIND}
        return [f"{kind}: {number:,} more; all are in the report" for kind, number in sorted(over.items())]


class Lines:
    """Plain lines: one at each change of what is done, one a minute besides.

    Args:
        out:        where the lines go.
        verbose:    also every step and every finding.
        interval_s: between two lines of state.
        clock:      seconds, rising.
        wall:       the time of day as printed.
        ticking:    whether a thread of its own keeps the minute when no event comes.
    """

    def __init__(
        self,
        out: IO[str],
        *,
        verbose: bool = False,
        interval_s: float = INTERVAL_S,
        clock: Callable[[], float] = time.monotonic,
        wall: Callable[[], str] = lambda: datetime.now().strftime("%H:%M:%S"),
        ticking: bool = True,
    ) -> None:
        self._out: IO[str] | None = out
        self._told = Told(verbose, clock)
        self._interval_s = interval_s
        self._clock = clock
        self._wall = wall
        self._progress = Progress()
        self._lock = threading.RLock()
        self._last_s = clock()
        self._closed = threading.Event()
        if ticking:
            threading.Thread(target=self._keep_time, name="kilotar-lines", daemon=True).start()

    def __call__(self, event: Event) -> None:
        with self._lock:
            self._progress.see(event, self._clock())
            text = self._told(event) or self._told.stage(event)
            if text:
                self._say(text)
            self.tick()

    def tick(self) -> None:
        """Say the state where the last line of state is a minute old."""
        with self._lock:
            now_s = self._clock()
            if now_s - self._last_s >= self._interval_s and (self._progress.run.verb or self._progress.downloads):
                self._last_s = now_s
                self._say(self._progress.line(now_s, free_bytes(self._progress.run.root)))

    def close(self) -> str:
        self._closed.set()
        with self._lock:
            for line in self._told.rest():
                self._say(line)
            self._out = None
        return ""

    def _keep_time(self) -> None:
        while not self._closed.wait(self._interval_s):
            self.tick()

    def _say(self, text: str) -> None:
        if self._out is None:
            return
        try:
            self._out.write(f"{self._wall()} {text}\n")
            self._out.flush()
        except (OSError, ValueError):  # nobody reads this stream any more; the run is worth more than its talk
            self._out = None


class JsonLines:
    """One JSON object a line and event, flushed at once.

    Args:
        open_file: opens the file when the first event comes, so that a refused command leaves nothing behind.
        every_byte: False drops events that move an archive by less than one percent, and troubles told already (for
            logs).
        clock: seconds, rising.
    """

    def __init__(
        self,
        open_file: Callable[[], IO[str]],
        *,
        every_byte: bool = True,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._open = open_file
        self._file: IO[str] | None = None
        self._trouble = ""
        self._every_byte = every_byte
        self._shares: dict[tuple[str, str], float] = {}
        self._memory = Memory(clock)
        self._lock = threading.RLock()

    def __call__(self, event: Event) -> None:
        with self._lock:
            if self._trouble or not (self._every_byte or self._is_worth(event)):
                return
            self._put(as_json(event))

    def note(self, facts: Mapping[str, object]) -> None:
        """Put down something that is no event, such as a record of the log."""
        with self._lock:
            if not self._trouble:
                self._put(facts)

    def _put(self, facts: Mapping[str, object]) -> None:
        line = {"schema": SCHEMA, "time": round(time.time(), 3), **facts}
        try:
            self._file = self._file or self._open()
            self._file.write(json.dumps(line, default=str) + "\n")
            self._file.flush()
        except (OSError, ValueError) as error:
            self._trouble = str(error)

    def _is_worth(self, event: Event) -> bool:
        match event:
            case Landed():
                return self._has_moved("landed", event.archive, percent(event.stop, event.total_bytes))
            case events.Progress():
                news = self._memory.is_news(event.archive, stage_head(event))
                return self._has_moved("got", event.archive, share(event)) or news
            case Trouble():
                return self._memory.is_news(*trouble_key(event))
            case _:
                return True

    def _has_moved(self, kind: str, archive: str, now: float) -> bool:
        before = self._shares.get((kind, archive), -1.0)
        if now == before or (now < 100 and abs(now - before) < 1):
            return False
        self._shares[kind, archive] = now
        return True

    def close(self) -> str:
        with self._lock:
            if self._file is not None and self._file is not sys.stdout:
                try:
                    self._file.close()
                except OSError as error:
                    self._trouble = self._trouble or str(error)
            return self._trouble


class Tee:
    """Several reporters as one."""

    def __init__(self, *reporters: Reporter) -> None:
        self._reporters = reporters

    def __call__(self, event: Event) -> None:
        for reporter in self._reporters:
            reporter(event)

    def close(self) -> str:
        """Close all. Gives their troubles, joined."""
        return "; ".join([trouble for reporter in self._reporters if (trouble := reporter.close())])


def free_bytes(root: str) -> int:
    """Give the free bytes of the file system that holds `root`, -1 where they cannot be had."""
    try:
        return shutil.disk_usage(root or Path.cwd()).free
    except OSError:
        return -1
