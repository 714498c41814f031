"""The order of things: events in, commands out, nothing done here.

Rules guarded:

- a step starts only when its bytes have landed, the first in the given order that can, and at most `slots` run at a
  time; bytes may land in any order;
- steps may become known while the run goes on, as the headers of an archive arrive; nothing is sealed before the last
  archive is `Outlined`;
- the source is never wanted further ahead than `lead_bytes` beyond the first unfinished step, so that what the proof
  reads is still in the page cache when the step reads it;
- written steps are committed in groups, one commit at a time, and recorded only after their commit; a group is as large
  as a kill may cost, or smaller where nothing else runs;
- the output is sealed after the last record *and* after every archive was proved;
- after a failure or an interrupt nothing new starts, what runs is let end and is committed, then the run stops.

The caller performs the commands and feeds back what happened, in any order. Tested by scripts in the manner of
mitmproxy's playbooks.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from kilotar.events import Outcome
from kilotar.model.ranges import ByteRange, Ranges
from kilotar.plan.steps import Step

__all__ = [
    "Command",
    "Commit",
    "Committed",
    "Failed",
    "Happening",
    "Interrupted",
    "LandedRange",
    "Outlined",
    "ProofEnded",
    "Record",
    "Scheduler",
    "Seal",
    "Sealed",
    "Start",
    "StepsKnown",
    "Stop",
    "Want",
    "Written",
]

COMMIT_IMAGES = 2000  # about 220 MB; a sync of the file system for each small step took longer than the step
LEAD_BYTES = 1 << 30


@dataclass(frozen=True, slots=True)
class Want:
    """Let bytes of an archive land up to `stop`."""

    archive: str
    stop: int


@dataclass(frozen=True, slots=True)
class Start:
    """Give a step to a worker."""

    step: Step


@dataclass(frozen=True, slots=True)
class Commit:
    """Make everything written so far durable; answers for these steps."""

    keys: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Record:
    """Append these steps to the journal."""

    keys: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Seal:
    """Move the output into place, write its side files and its manifest."""


@dataclass(frozen=True, slots=True)
class Stop:
    """The run is over. BLOCKED: stopped on request, resumable. FAILED: something failed."""

    outcome: Outcome


@dataclass(frozen=True, slots=True)
class LandedRange:
    """The bytes `[start, stop)` of an archive are there."""

    archive: str
    start: int
    stop: int


@dataclass(frozen=True, slots=True)
class StepsKnown:
    """More steps are to be done than were known."""

    steps: tuple[Step, ...]


@dataclass(frozen=True, slots=True)
class Outlined:
    """All steps of an archive are known now."""

    archive: str


@dataclass(frozen=True, slots=True)
class ProofEnded:
    """An archive is what it should be."""

    archive: str


@dataclass(frozen=True, slots=True)
class Written:
    """A worker has written a step; it is not durable yet."""

    key: str


@dataclass(frozen=True, slots=True)
class Committed:
    """The commit that was asked for is over; `keys` is empty where it failed."""

    keys: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Sealed:
    """The output is complete."""


@dataclass(frozen=True, slots=True)
class Failed:
    """A step, a proof or a commit failed; the error is the caller's to keep. `key` "" when it was no step."""

    key: str = ""


@dataclass(frozen=True, slots=True)
class Interrupted:
    """A person or a signal asked to stop."""


Command = Want | Start | Commit | Record | Seal | Stop
Happening = LandedRange | StepsKnown | Outlined | ProofEnded | Written | Committed | Sealed | Failed | Interrupted


class Scheduler:
    """Decides what is next for one output.

    Args:
        steps:  what is to do, in the order in which it should be done.
        sizes:  total bytes of every archive that must be proved before sealing.
        landed: total bytes of the archives that were proved before.
        growing: archives of which steps will become known on the way.
        slots:  steps that may run at a time.
        lead_bytes: how far the source may run ahead of the first unfinished step.
    """

    def __init__(
        self,
        steps: Iterable[Step],
        sizes: Mapping[str, int],
        *,
        landed: Mapping[str, int] | None = None,
        growing: Iterable[str] = (),
        slots: int,
        lead_bytes: int = LEAD_BYTES,
    ) -> None:
        self._waiting = list(reversed(tuple(steps)))
        self._sizes = dict(sizes)
        self._unproved = set(sizes)
        self._landed = {name: _up_to(size) for name, size in {**(landed or {}), **dict.fromkeys(sizes, 0)}.items()}
        self._growing = set(growing)
        self._wanted = dict.fromkeys(sizes, 0)
        self._slots = slots
        self._lead_bytes = lead_bytes
        self._running: dict[str, Step] = {}
        self._written: list[str] = []
        self._written_images = 0
        self._committing = False
        self._sealing = False
        self._over: Outcome | None = None
        self._stopped = False

    def start(self) -> tuple[Command, ...]:
        """Give the first commands."""
        return self._next()

    def on(self, event: Happening) -> tuple[Command, ...]:
        """Take in what happened; give what is to be done now."""
        records: tuple[Command, ...] = ()
        match event:
            case LandedRange(archive, start, stop):
                self._landed[archive] = self._landed.get(archive, Ranges()) | Ranges.of([ByteRange(start, stop)])
            case StepsKnown(steps):
                self._waiting[:0] = reversed(steps)
            case Outlined(archive):
                self._growing.discard(archive)
            case ProofEnded(archive):
                self._unproved.discard(archive)
                self._landed[archive] = _up_to(self._sizes.get(archive, 0))
            case Written(key):
                members = self._running.pop(key).members
                self._written.append(key)
                self._written_images += members if members >= 0 else COMMIT_IMAGES
            case Committed(keys):
                self._committing = False
                records = (Record(keys),) if keys else ()
            case Failed(key):
                self._running.pop(key, None)
                self._sealing = False
                self._over = Outcome.FAILED
            case Interrupted():
                self._over = self._over or Outcome.BLOCKED
            case Sealed():
                self._over = Outcome.DONE
                self._sealing = False
        return records + self._next()

    def _next(self) -> tuple[Command, ...]:
        if self._stopped:
            return ()
        return (*self._starts(), *self._commits(), *self._wants(), *self._end())

    def _starts(self) -> list[Command]:
        starts: list[Command] = []
        while self._over is None and len(self._running) < self._slots and (step := self._startable()):
            self._running[step.key] = step
            starts.append(Start(step))
        return starts

    def _startable(self) -> Step | None:
        """Take the first waiting step whose bytes are all there."""
        at = next((at for at in reversed(range(len(self._waiting))) if self._has_landed(self._waiting[at])), -1)
        return self._waiting.pop(at) if at >= 0 else None

    def _has_landed(self, step: Step) -> bool:
        return step.start == step.stop or self._landed.get(step.archive, Ranges()).holds(step.start, step.stop)

    def _commits(self) -> list[Command]:
        is_due = self._written_images >= COMMIT_IMAGES or not self._running or self._over is not None
        if self._committing or not self._written or not is_due:
            return []
        keys, self._written, self._written_images, self._committing = tuple(self._written), [], 0, True
        return [Commit(keys)]

    def _wants(self) -> list[Command]:
        if self._over is not None:
            return []
        wants: list[Command] = []
        for archive, stop in self._horizon().items():
            if stop > self._wanted[archive]:
                self._wanted[archive] = stop
                wants.append(Want(archive, stop))
        return wants

    def _horizon(self) -> dict[str, int]:
        """How far each archive may land: a lead beyond its first unfinished step, to its end where no step waits."""
        horizon: dict[str, int] = {}
        for step in (*self._running.values(), *reversed(self._waiting)):
            if step.archive in self._unproved and step.archive not in horizon:
                horizon[step.archive] = min(max(step.stop, step.start + self._lead_bytes), self._sizes[step.archive])
                if len(horizon) == len(self._unproved):
                    break
        return {name: horizon.get(name, size) for name, size in self._sizes.items() if name in self._unproved}

    def _end(self) -> list[Command]:
        busy = self._running or self._committing or self._written or self._sealing
        if busy:
            return []
        if self._over is not None:
            self._stopped = True
            return [Stop(self._over)]
        if self._waiting or self._unproved or self._growing:
            return []
        self._sealing = True
        return [Seal()]


def _up_to(stop: int) -> Ranges:
    return Ranges.of([ByteRange(0, stop)] if stop else [])
