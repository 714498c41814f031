"""What the ladder may ask for. Every move carries words for a person: what was seen, what is tried, why."""

from __future__ import annotations

from dataclasses import dataclass

from kilotar.model.profile import Profile

__all__ = ["Diagnose", "FinishTail", "GiveUp", "Move", "UseHttp", "UseProfile"]


@dataclass(frozen=True, slots=True)
class UseProfile:
    """Close the client and start it anew with this profile."""

    profile: Profile
    why: str


@dataclass(frozen=True, slots=True)
class UseHttp:
    """Let web seeds and HTTP addresses bring what is missing, beside the swarm."""

    why: str


@dataclass(frozen=True, slots=True)
class Diagnose:
    """Tell the person what the doctor makes of it; the run goes on."""

    why: str


@dataclass(frozen=True, slots=True)
class FinishTail:
    """Ask web seeds and HTTP for exactly the pieces that are left, and drop the peers that hold them up."""

    why: str


@dataclass(frozen=True, slots=True)
class GiveUp:
    """Nothing is left to try, or the person's time is over: end with exit 4; what has arrived is kept."""

    why: str


Move = UseProfile | UseHttp | Diagnose | FinishTail | GiveUp
