"""Which places outputs hold, so that no two share one.

Rules guarded: an output in shards, or of lists, has its folder to itself, because its side files have fixed names; a
tree has the folders of its images; an output may lie beside another, never in it or around it. Two trees of one place
are told apart, or shared, when they are begun.
"""

from __future__ import annotations

import os
from collections.abc import Iterable

from kilotar.errors import UsageError
from kilotar.work.output import Output

__all__ = ["refuse_overlap"]


def refuse_overlap(output: Output, others: Iterable[Output]) -> None:
    """Refuse an output that would stand in the place of another, or in or around it. Raises UsageError."""
    for other in others:
        taken = next((place for place in _places(output) for held in _places(other) if _meet(place, held)), "")
        may_share = _is_tree(output) and _is_tree(other) and output.where == other.where
        if taken and other.name != output.name and not may_share:
            raise UsageError(
                f"output {output.name} would stand where output {other.name} stands",
                seen=f"{taken}; {other.name}: {other.where}",
                fix="give it another --name, or another folder with --out",
            )


def _is_tree(output: Output) -> bool:
    return output.sink.ABOUT.images and not output.sink.ABOUT.shards


def _places(output: Output) -> tuple[str, ...]:
    where = output.where.rstrip("/") if output.remote else os.path.normpath(output.folder)
    return tuple(f"{where}/{top}" for top in sorted(output.top_names())) if _is_tree(output) else (where,)


def _meet(one: str, other: str) -> bool:
    return f"{one}/".startswith(f"{other}/") or f"{other}/".startswith(f"{one}/")
