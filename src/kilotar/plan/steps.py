"""The steps of an output, and which of them are still to do, with reasons.

Rules guarded: a step is one part of an archive (a class tar, or a run of members); steps partition the samples of the
output; what is to do is the plan minus the recorded facts, and every answer says why.
"""

from __future__ import annotations

import enum
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from typing import TypeVar

from kilotar.events import Finding

__all__ = ["Reason", "Step", "StepDone", "todo"]


class Reason(enum.StrEnum):
    """Why a step will be done, or is kept."""

    RECORDED = "recorded"
    NEW = "new"
    LOST = "lost"
    CHANGED = "changed-size"
    OTHER_SOURCE = "other-archive"
    SHARED = "shared-tree"


@dataclass(frozen=True, slots=True)
class Step:
    """One part of one archive, to be written to one output.

    Attributes:
        key:     "<split>/<part>", unique in the plan.
        archive: which archive its bytes are in.
        start, stop: the bytes it needs, half-open.
        members: images in it, -1 while the headers were not walked.
    """

    key: str
    archive: str
    start: int
    stop: int
    members: int = -1

    @property
    def size_bytes(self) -> int:
        return self.stop - self.start


@dataclass(frozen=True, slots=True)
class StepDone:
    """A step whose files are written: what the journal records once they are durable.

    Attributes:
        images, size_bytes: of what was written.
        listing_sha256: over the lines "<sha256> <size> <path>\\n" of its files.
        folder:    the deepest folder that holds them all, "" for a step without files.
        exclusive: whether that folder holds nothing else.
        written_bytes, linked: bytes written anew; files that are second names of another output's.
        findings:  what was found in the data on the way.
        source:    identity of the archive file that they are from, "" where they are not out of one.
    """

    key: str
    images: int
    size_bytes: int
    listing_sha256: str
    folder: str
    exclusive: bool
    written_bytes: int = 0
    linked: int = 0
    findings: tuple[Finding, ...] = ()
    source: str = ""


Fact = TypeVar("Fact")


def todo(
    steps: Iterable[Step], done: Mapping[str, Fact], probe: Callable[[Fact], Reason]
) -> tuple[tuple[Step, Reason], ...]:
    """Give every step with the reason why it will be done, or RECORDED where it is kept.

    Args:
        steps: the plan.
        done:  recorded steps by key.
        probe: looks at the disk: RECORDED when the step's files are there, LOST or CHANGED when not.
    """
    return tuple((step, probe(done[step.key]) if step.key in done else Reason.NEW) for step in steps)
