"""Numbers as a person reads them: decimal bytes as sites print them, thousands with commas, times in two parts."""

from __future__ import annotations

__all__ = ["both_units", "count", "counted", "duration", "percent", "share_of", "size"]

_STEPS = ((10**12, "TB"), (10**9, "GB"), (10**6, "MB"), (10**3, "kB"))
_BINARY = ((2**40, "TiB"), (2**30, "GiB"), (2**20, "MiB"), (2**10, "KiB"))


def count(number: int) -> str:
    """Give 1281167 as "1,281,167"."""
    return f"{number:,}"


def counted(number: int, noun: str) -> str:
    """Give a count with its noun: "1 problem", "2 problems"."""
    return f"{count(number)} {noun}{'' if number == 1 else 's'}"


def size(size_bytes: float) -> str:
    """Give bytes in decimal units: 147897477120 as "147.90 GB"."""
    return _scaled(size_bytes, _STEPS)


def both_units(size_bytes: float) -> str:
    """Give bytes in decimal units, and in binary ones in brackets."""
    return f"{size(size_bytes)} ({_scaled(size_bytes, _BINARY)})"


def share_of(done_bytes: float, total_bytes: float) -> str:
    """Give a part and its whole in the unit of the whole: "105.0/147.9 GB"."""
    for step, unit in _STEPS:
        if total_bytes >= step:
            return f"{done_bytes / step:.1f}/{total_bytes / step:.1f} {unit}"
    return f"{done_bytes:.0f}/{total_bytes:.0f} B"


def _scaled(number: float, steps: tuple[tuple[int, str], ...]) -> str:
    for step, unit in steps:
        if number >= step:
            return f"{number / step:.2f} {unit}"
    return f"{number:.0f} B"


def percent(done: float, total: float) -> float:
    """Give how much is done, 0 to 100; 0 where the whole is not known."""
    return min(100.0, 100.0 * done / total) if total > 0 else 0.0


def duration(seconds: float) -> str:
    """Give a time as "0.4 s", "12 s", "3 m 05", "1 h 05" or "2 d 03 h"; "-" below zero, which means not known."""
    if seconds < 0:
        return "-"
    if seconds < 9.95:
        return f"{seconds:.1f} s"
    whole = round(seconds)
    if whole < 60:
        return f"{whole} s"
    if whole < 3600:
        return f"{whole // 60} m {whole % 60:02}"
    if whole < 86400:
        return f"{whole // 3600} h {whole % 3600 // 60:02}"
    return f"{whole // 86400} d {whole % 86400 // 3600:02} h"
