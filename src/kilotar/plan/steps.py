"""The steps of an output, and which of them are still to do, with reasons.

Rules guarded: a step is one part of an archive (a class tar, or a run of members); steps partition the samples of the
output; what is to do is the plan minus the recorded facts, and every answer says why.
"""

from __future__ import annotations

import enum
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from typing import TypeVar

__all__ = ["Reason", "Step", "todo"]


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
