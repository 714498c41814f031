"""How far a run is: a fold over events, and the words for it. No clock and no output of its own.

Rules guarded: a share is never above 100 % and never made up where the whole is unknown; images that were kept from an
earlier run count as done but not into the rate; everything that comes out of data is escaped.
"""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass, field

from kilotar import events
from kilotar.events import Event, Found, Landed, Note, Outcome, Proved, RunEnded, RunStarted, StepEnded, Trouble
from kilotar.model.ranges import ByteRange, Ranges
from kilotar.shell.getting import get_line, is_here, is_seeding
from kilotar.shell.text import one_line
from kilotar.shell.units import count, counted, duration, percent, size

__all__ = ["DOING", "ArchiveProgress", "Progress", "Rate", "sentence"]

DOING = {"prepare": "write", "verify": "check"}
WINDOW_S = 30.0


class Rate:
    """Units a second over the last half minute."""

    def __init__(self) -> None:
        self._seen: deque[tuple[float, float]] = deque()

    def add(self, now_s: float, total: float) -> None:
        """Note a running total; at most ten a second are kept."""
        if self._seen and now_s - self._seen[-1][0] < 0.1:
            return
        self._seen.append((now_s, total))
        while now_s - self._seen[0][0] > WINDOW_S:
            self._seen.popleft()

    def per_s(self, now_s: float, total: float) -> float:
        """Give the rate up to now, 0.0 while it is not known."""
        if not self._seen:
            return 0.0
        began_s, began = self._seen[0]
        return (total - began) / (now_s - began_s) if now_s - began_s > 0.5 else 0.0


@dataclass(slots=True)
class ArchiveProgress:
    """Bytes of one archive that passed through the proof."""

    landed: Ranges = field(default_factory=Ranges)
    total_bytes: int = 0
    proved: bool = False
    rate: Rate = field(default_factory=Rate)

    @property
    def landed_bytes(self) -> int:
        return self.landed.size_bytes


class Progress:
    """What is known of the run from the events so far."""

    def __init__(self) -> None:
        self.run = RunStarted("", "", 0, 0, 0)
        self.archives: dict[str, ArchiveProgress] = {}
        self.downloads: dict[str, events.Progress] = {}
        self.problems = 0
        self.steps_done = self.images_done = self.images_kept = self.bytes_done = 0
        self.rate = Rate()

    def see(self, event: Event, now_s: float) -> None:
        """Fold one event in."""
        match event:
            case RunStarted():
                self.run = event
                self.downloads.clear()  # one that still goes on tells of itself within a second
                self.steps_done = self.images_done = self.images_kept = self.bytes_done = 0
                self.rate = Rate()
                self.rate.add(now_s, 0)
            case Landed():
                self._land(event, now_s)
            case events.Progress():
                self.downloads[event.archive] = event
            case Proved():
                self.archives.setdefault(event.archive, ArchiveProgress()).proved = True
            case StepEnded():
                self._end_step(event, now_s)
            case Found():
                self.problems += event.finding.is_problem
            case _:
                pass

    def _land(self, event: Landed, now_s: float) -> None:
        archive = self.archives.setdefault(event.archive, ArchiveProgress())
        if event.start < event.stop:
            archive.landed |= Ranges.of((ByteRange(event.start, event.stop),))
        archive.total_bytes = event.total_bytes
        archive.rate.add(now_s, archive.landed_bytes)

    def _end_step(self, event: StepEnded, now_s: float) -> None:
        self.steps_done += 1
        self.images_done += event.images
        self.bytes_done += event.size_bytes
        if event.outcome is Outcome.KEPT:
            self.images_kept += event.images
        self.rate.add(now_s, self.images_done - self.images_kept)

    @property
    def in_proof(self) -> list[str]:
        """The archives whose proof is worth a row: not those that are still on their way."""
        return [name for name in self.archives if name not in self.downloads or is_here(self.downloads[name])]

    @property
    def has_work(self) -> bool:
        """Whether there is more to do than to fetch."""
        return not self.downloads or self.run.images > 0 or self.run.steps > 0

    @property
    def word(self) -> str:
        """What is being done to the images."""
        return DOING.get(self.run.verb, one_line(self.run.verb) or "start")

    @property
    def share(self) -> float:
        """How much of the run is done, in percent: by images, by steps where there are no images."""
        if self.run.images > 0:
            return percent(self.images_done, self.run.images)
        return percent(self.steps_done, self.run.steps)

    def left_s(self, now_s: float) -> float:
        """Give the seconds left at the present rate, -1 while they are not known."""
        rate = self.rate.per_s(now_s, self.images_done - self.images_kept)
        return max(0, self.run.images - self.images_done) / rate if rate > 0 and self.run.images > 0 else -1.0

    def proof_text(self, name: str, now_s: float) -> str:
        """Give how far the proof of one archive is: bytes and rate."""
        archive = self.archives[name]
        rate = archive.rate.per_s(now_s, archive.landed_bytes)
        moving = f"  {size(rate)}/s" if rate > 0 and not archive.proved else ""
        return f"{size(archive.landed_bytes)} of {size(archive.total_bytes)}{moving}"

    def work_text(self, now_s: float) -> str:
        """Give how far the images are: counts, rate and time left."""
        if self.run.images <= 0:
            return f"{count(self.steps_done)} of {count(self.run.steps)} steps"
        text = f"{count(self.images_done)} of {count(self.run.images)} images"
        if self.images_done >= self.run.images:
            return f"{text}  finishing"
        rate = self.rate.per_s(now_s, self.images_done - self.images_kept)
        left_s = self.left_s(now_s)
        text += f"  {count(round(rate))}/s" if rate > 0 else ""
        return text + (f"  {duration(left_s)} left" if left_s > 0 else "")

    def line(self, now_s: float, free_bytes: int) -> str:
        """Give the whole state as one line."""
        open_archives = [name for name in self.in_proof if not self.archives[name].proved]
        parts = [get_line(got) for got in self.downloads.values() if is_seeding(got) or not is_here(got)]
        parts += [
            f"prove {one_line(name)} {percent(self.archives[name].landed_bytes, self.archives[name].total_bytes):.1f}% "
            + self.proof_text(name, now_s)
            for name in open_archives
        ]
        if self.has_work:
            parts.append(f"{self.word} {self.share:.1f}% {self.work_text(now_s)}")
        parts.append(counted(self.problems, "problem"))
        if free_bytes >= 0:
            parts.append(f"free {size(free_bytes)}")
        return " | ".join(" ".join(part.split()) for part in parts)


def sentence(event: Event, verbose: bool) -> str:
    """Give an event in words, "" for those that only move bars. One line, escaped."""
    return one_line(_words(event, verbose))


def _amount(event: RunStarted) -> str:
    known = (
        counted(event.steps, "step"),
        counted(event.images, "image") if event.images > 0 else "",
        f"{size(event.write_bytes)} to write" if event.write_bytes > 0 else "",
    )
    return ", ".join(text for text in known if text)


def _words(event: Event, verbose: bool) -> str:
    match event:
        case RunStarted():
            return f"{event.verb} {event.root}".strip() + f": {_amount(event)}"
        case Proved():
            how = "as published" if event.published else "not compared with a published one"
            return f"proved {event.archive}: {event.algorithm} {event.digest[:16]} {how}"
        case Found() if event.finding.is_problem or verbose:
            at = f" at byte {event.finding.offset}" if event.finding.offset >= 0 else ""
            return f"{event.finding.kind}: {event.finding.where}{at}: {event.finding.why}"
        case Trouble():
            advice = f" -> {event.advice}" if event.advice else ""
            return f"{event.kind}: {event.where}: {event.seen}{advice}"
        case Note():
            return event.text if event.level == "info" else f"{event.level}: {event.text}"
        case StepEnded() if event.outcome is Outcome.FAILED or verbose:
            return f"{event.outcome} {event.key}" + (f": {event.reason}" if event.reason else "")
        case RunEnded() if verbose:
            return f"{event.verb} {event.outcome}" + (f": {event.reason}" if event.reason else "")
        case _:
            return ""
