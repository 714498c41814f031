"""A number with its noun, as a person says it."""

from __future__ import annotations

__all__ = ["plural"]


def plural(number: int, noun: str) -> str:
    """Give "1 peer", "2 peers"."""
    return f"{number:,} {noun}{'' if number == 1 else 's'}"
