"""Live bars for a terminal: an archive's download and proof, one for the images, and the disk.

Rules guarded: only for a terminal (rich writes nothing to a pipe until it ends); events only fold, a few redraws a
second draw, so any number of events costs no time; every word is plain text to rich, never markup; narrow windows lose
columns, not meaning; the cursor comes back.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable

from rich.console import Console
from rich.live import Live
from rich.text import Text

from kilotar import events
from kilotar.events import Event, Landed, RunEnded, RunStarted, StepStarted
from kilotar.shell.getting import get_text, share
from kilotar.shell.progress import Progress
from kilotar.shell.reporters import Told, free_bytes
from kilotar.shell.text import one_line
from kilotar.shell.units import counted, percent, size

__all__ = ["Bars", "bar", "picture"]

REDRAWS_PER_S = 4
NAME_CELLS = 24


class Bars:
    """A reporter that draws.

    Args:
        console: a rich console on a terminal.
        verbose: also a line a step and finding, above the bars.
        clock:   seconds, rising.
    """

    def __init__(self, console: Console, *, verbose: bool = False, clock: Callable[[], float] = time.monotonic) -> None:
        self._console = console
        self._told = Told(verbose, clock)
        self._clock = clock
        self._progress = Progress()
        self._lock = threading.RLock()
        self._starting = threading.RLock()
        self._live: Live | None = None

    def __call__(self, event: Event) -> None:
        with self._lock:
            self._progress.see(event, self._clock())
            text = "" if isinstance(event, RunStarted) else self._told(event)
        if isinstance(event, RunStarted | Landed | StepStarted | events.Progress):
            self._start()
        if text:
            self._console.print(Text(text))
        if isinstance(event, RunEnded):
            self._stop()

    def _start(self) -> None:
        with self._starting:
            if self._live is None:
                self._live = Live(
                    get_renderable=self._draw,
                    console=self._console,
                    refresh_per_second=REDRAWS_PER_S,
                    redirect_stdout=False,
                    redirect_stderr=False,
                )
                self._live.start(refresh=True)

    def _stop(self) -> None:
        """Leave the last picture where it is; whatever runs next begins with one of its own."""
        with self._starting:
            live, self._live = self._live, None
            if live is not None:
                live.stop()
        with self._lock:
            self._progress = Progress()

    def _draw(self) -> Text:
        with self._lock:
            lines = picture(self._progress, self._clock(), self._console.width, free_bytes(self._progress.run.root))
        if not self._console.encoding.startswith("utf"):
            lines = [line.replace("█", "#").replace("░", ".") for line in lines]
        return Text("\n".join(lines), no_wrap=True, overflow="ellipsis")

    def close(self) -> str:
        self._stop()
        with self._lock:
            for line in self._told.rest():
                self._console.print(Text(line))
        return ""


def picture(progress: Progress, now_s: float, width: int, free: int) -> list[str]:
    """Give the bars as lines of at most `width` cells."""
    rows = [("get", one_line(name), share(got), get_text(got)) for name, got in progress.downloads.items()]
    for name in progress.in_proof:
        archive = progress.archives[name]
        proved = percent(archive.landed_bytes, archive.total_bytes)
        rows.append(("prove", one_line(name), proved, progress.proof_text(name, now_s)))
    if progress.has_work:
        rows.append((progress.word, "", progress.share, progress.work_text(now_s)))
    name_cells = min(NAME_CELLS, max(len(name) for _, name, _, _ in rows))
    bar_cells = 20 if width >= 100 else 12 if width >= 72 else 0
    lines = [_row(row, name_cells, bar_cells) for row in rows]
    disk = f"disk {size(free)} free   " if free >= 0 else ""
    lines.append(f"  {disk}{counted(progress.problems, 'problem')}   Ctrl-C stops safely; run again to resume")
    return [line if len(line) <= width else line[: max(0, width - 1)] + "~" for line in lines]


def _row(row: tuple[str, str, float, str], name_cells: int, bar_cells: int) -> str:
    word, name, share, text = row
    shown = name if len(name) <= name_cells else name[: name_cells - 1] + "~"
    drawn = f"{bar(share, bar_cells)} " if bar_cells else ""
    return f"  {word:<6} {shown:<{name_cells}} {drawn}{share:3.0f} %  {text}"


def bar(share: float, cells: int) -> str:
    """Give a bar of `cells` cells for a share in percent."""
    full = int(cells * share / 100)
    return "█" * full + "░" * (cells - full)
