"""What `kilotar.plan.locate.Locator` asks for, and what it tells."""

from __future__ import annotations

from dataclasses import dataclass

from kilotar.events import Finding
from kilotar.model.positions import Position, Positions

__all__ = ["Done", "Located", "Probe", "Refused", "Step"]


@dataclass(frozen=True, slots=True)
class Probe:
    """Pieces to be handed to `Locator.on`, in any order; `next` may be called before all are there."""

    pieces: tuple[int, ...]


@dataclass(frozen=True, slots=True)
class Located:
    """Where the tar of a wanted class lies; told once, after both ends were read."""

    position: Position


@dataclass(frozen=True, slots=True)
class Done:
    """Every wanted class was located, or told to be missing. `positions` is all that is known now."""

    positions: Positions


@dataclass(frozen=True, slots=True)
class Refused:
    """The archive cannot be searched, and must be fetched whole; `seen` is the evidence."""

    why: str
    seen: str = ""


Step = Probe | Located | Finding | Done | Refused
