"""What happens, as values; what is found in data, as values; and a report as a fold over both.

Rules guarded: everything a person, a log or another program sees of a run is one of these; they are frozen, few, and
carry units in their names; a reporter is any callable that takes one. Throttling is the reporter's duty, not the
emitter's.
The JSON form (`as_json`) is a promise, versioned by `SCHEMA`.
"""

from __future__ import annotations

import dataclasses
import enum
from collections.abc import Callable
from dataclasses import dataclass

__all__ = [
    "SCHEMA",
    "Emit",
    "Event",
    "Finding",
    "Found",
    "Landed",
    "Note",
    "Outcome",
    "Progress",
    "Proved",
    "RunEnded",
    "RunStarted",
    "StepEnded",
    "StepStarted",
    "Trouble",
    "as_json",
    "ignore",
]

SCHEMA = 1


class Outcome(enum.StrEnum):
    """How a step or a run ended: the four words of resumable work, after datalad's result records."""

    DONE = "done"
    KEPT = "kept"
    BLOCKED = "blocked"
    FAILED = "failed"


@dataclass(frozen=True, slots=True)
class Finding:
    """Something about the data that a person should know.

    Attributes:
        kind:   stable word of the problem ("truncated", "name", "digest", "missing", "known-odd", ...).
        where:  archive or file, as a person would name it.
        why:    one line: expected, found.
        offset: byte in the archive, -1 where it means nothing.
        is_problem: False for facts that are in order (the 22 CMYK files of the published set).
    """

    kind: str
    where: str
    why: str
    offset: int = -1
    is_problem: bool = True


@dataclass(frozen=True, slots=True)
class RunStarted:
    """A run begins: what it is, and how much it will do."""

    verb: str
    root: str
    steps: int
    images: int
    write_bytes: int


@dataclass(frozen=True, slots=True)
class Landed:
    """Bytes `[start, stop)` of an archive are there and have passed through the proof."""

    archive: str
    start: int
    stop: int
    total_bytes: int


@dataclass(frozen=True, slots=True)
class Progress:
    """How the download of an archive goes; at most two a second.

    Attributes:
        verified_bytes, wanted_bytes: of what is wanted of the archive; what was there before is counted in both.
        rate_bytes_s: verified, over the last 10 seconds.
        eta_s:   seconds left at that rate, -1 where nobody knows.
        peers, seeds, peers_known: connected, of them seeds; addresses known.
        sources: bytes of this run by who brought them.
        stage:   what goes on, in words: "finding peers: 2 of 3 trackers answered", "downloading", "checking".
    """

    archive: str
    verified_bytes: int
    wanted_bytes: int
    total_bytes: int
    rate_bytes_s: float = 0.0
    eta_s: float = -1.0
    peers: int = 0
    seeds: int = 0
    peers_known: int = 0
    sources: tuple[tuple[str, int], ...] = ()
    stage: str = ""


@dataclass(frozen=True, slots=True)
class Trouble:
    """Something on the way that a person should know while it lasts: nothing is damaged, and the run goes on.

    Attributes:
        kind:   stable word ("no-peers", "stalled", "tracker", "disk-full", "bad-peer", "web-seed", ...).
        where:  archive, address or device.
        seen:   the evidence.
        advice: what helps, or what is done about it now.
    """

    kind: str
    where: str
    seen: str
    advice: str = ""


@dataclass(frozen=True, slots=True)
class Proved:
    """An archive's digest is known and was compared with the published one."""

    archive: str
    algorithm: str
    digest: str
    published: bool


@dataclass(frozen=True, slots=True)
class StepStarted:
    """A step began."""

    key: str


@dataclass(frozen=True, slots=True)
class StepEnded:
    """A step ended, with the images and bytes it dealt with and the reason where it did nothing or failed."""

    key: str
    outcome: Outcome
    images: int = 0
    size_bytes: int = 0
    reason: str = ""


@dataclass(frozen=True, slots=True)
class Found:
    """A finding was made."""

    finding: Finding


@dataclass(frozen=True, slots=True)
class Note:
    """A sentence to the person; `level` is "info" or "warning"."""

    level: str
    text: str


@dataclass(frozen=True, slots=True)
class RunEnded:
    """The run is over."""

    verb: str
    outcome: Outcome
    reason: str = ""


Event = RunStarted | Landed | Progress | Trouble | Proved | StepStarted | StepEnded | Found | Note | RunEnded
Emit = Callable[[Event], None]


def ignore(event: Event) -> None:
    """Be the reporter that reports nothing."""


def as_json(event: Event) -> dict[str, object]:
    """Give an event as a flat JSON object: its name under "event", its fields beside it."""
    return {"event": type(event).__name__, **dataclasses.asdict(event)}
