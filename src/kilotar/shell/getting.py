"""How a download goes, in words: a row beside a bar, a part of the line of state, and when its stage is worth telling.

Rules guarded: while nothing comes, what is waited for stands in the place of the rate; who brought how much is told at
the end; a name of a source comes from outside and is escaped.
"""

from __future__ import annotations

from kilotar.events import Progress
from kilotar.shell.text import one_line
from kilotar.shell.units import counted, duration, percent, share_of, size

__all__ = ["get_line", "get_text", "is_here", "is_seeding", "share", "stage_head"]


def share(got: Progress) -> float:
    """Give how much of what is wanted is there, 0 to 100."""
    return percent(got.verified_bytes, got.wanted_bytes)


def is_here(got: Progress) -> bool:
    """Whether all that is wanted is there."""
    return got.wanted_bytes > 0 and got.verified_bytes >= got.wanted_bytes


def is_seeding(got: Progress) -> bool:
    """Whether it tells of what is given to others."""
    return got.stage.startswith("seeding")


def get_text(got: Progress) -> str:
    """Give the words beside a bar."""
    if is_seeding(got):
        return f"{one_line(got.stage)}  {size(got.rate_bytes_s)}/s to {counted(got.peers, 'peer')}"
    if is_here(got):
        brought = ", ".join(f"{one_line(name)} {size(count)}" for name, count in got.sources if count)
        return f"{size(got.wanted_bytes)}  every piece hashed" + (f"  from {brought}" if brought else "")
    if got.wanted_bytes <= 0:
        return one_line(got.stage)
    amount = share_of(got.verified_bytes, got.wanted_bytes)
    amount += f" (of {size(got.total_bytes)})" if 0 < got.wanted_bytes < got.total_bytes else ""
    if got.rate_bytes_s <= 0:
        return f"{amount}  {one_line(got.stage)}".rstrip()
    seeds = f" ({counted(got.seeds, 'seed')})" if got.seeds else ""
    peers = f"  {counted(got.peers, 'peer')}{seeds}" if got.peers else ""
    left = f"  {duration(got.eta_s)} left" if got.eta_s >= 0 else ""
    return f"{amount}  {size(got.rate_bytes_s)}/s{peers}{left}"


def get_line(got: Progress) -> str:
    """Give the same for the line of state: `get NAME 71.0% 105.0/147.9 GB 42.1 MB/s peers 23 eta 17m02`."""
    if is_seeding(got):
        return f"{one_line(got.archive)} {get_text(got)}"
    head = f"get {one_line(got.archive)}"
    if got.wanted_bytes > 0:
        head += f" {share(got):.1f}% {share_of(got.verified_bytes, got.wanted_bytes)}"
    if got.rate_bytes_s <= 0:
        return f"{head} {one_line(got.stage)}".rstrip()
    eta = f" eta {duration(got.eta_s).replace(' ', '')}" if got.eta_s >= 0 else ""
    return f"{head} {size(got.rate_bytes_s)}/s peers {got.peers}{eta}"


def stage_head(got: Progress) -> str:
    """Give what goes on without its numbers: "finding peers" of "finding peers: 2 of 3 trackers answered"."""
    return got.stage.partition(":")[0].strip()
