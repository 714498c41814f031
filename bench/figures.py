"""Medians and ratios of what was measured.

A ratio of two variants is taken in every round by itself, and the median of these is told with its range: the machine
changes from round to round, and both have felt it.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from statistics import median
from typing import Any

Line = dict[str, Any]


def wall_s(line: Line) -> float:
    return float(line["wall_s"])


def cpu_s(line: Line) -> float:
    return float(line["user_s"] + line["sys_s"])


@dataclass(frozen=True, slots=True)
class Ratio:
    """The median of per-round ratios and their range."""

    middle: float
    low: float
    high: float

    def __str__(self) -> str:
        return f"{self.middle:.2f} ({self.low:.2f}-{self.high:.2f})"


class Suite:
    """The lines of one suite.

    Args:
        lines: of all suites.
        name:  of this one.
    """

    def __init__(self, lines: Iterable[Line], name: str) -> None:
        self.lines = [line for line in lines if line["suite"] == name]

    def names(self) -> list[str]:
        return list(dict.fromkeys(line["name"] for line in self.lines if line.get("name")))

    def of(self, name: str) -> list[Line]:
        return [line for line in self.lines if line.get("name") == name]

    def rounds(self) -> int:
        return len({line.get("round") for line in self.lines})

    def middle(self, name: str, field: str) -> float:
        return float(median(line[field] for line in self.of(name)))

    def best(self, name: str, field: str) -> float:
        return float(min(line[field] for line in self.of(name)))

    def most(self, name: str, field: str) -> float:
        return float(max(line[field] for line in self.of(name)))

    def ratio(self, above: str, below: str, field: str) -> Ratio | None:
        """Give `above` / `below`, None where one of them was not measured."""
        over = {line["round"]: line[field] for line in self.of(above)}
        under = {line["round"]: line[field] for line in self.of(below)}
        ratios = [over[number] / under[number] for number in over if number in under]
        return Ratio(median(ratios), min(ratios), max(ratios)) if ratios else None

    def to_slowest(self, name: str, alone: tuple[str, ...], time_s: Callable[[Line], float] = wall_s) -> Ratio | None:
        """Give the time of `name`, by its wall time or else, to the wall time of the slowest of others, by rounds."""
        slowest: dict[int, float] = {}
        for line in self.lines:
            if line["name"] in alone:
                slowest[line["round"]] = max(slowest.get(line["round"], 0.0), line["wall_s"])
        ratios = [time_s(line) / slowest[line["round"]] for line in self.of(name)]
        return Ratio(median(ratios), min(ratios), max(ratios)) if ratios else None
