"""Pieces on a disk read against their hashes, in threads, and told on the way.

Rules guarded: only what may hold something is read; what is wrong counts as absent from then on; nothing is written.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable

from kilotar.events import Emit, Progress
from kilotar.exec.threads import map_in_order
from kilotar.model.pieces import PieceTable
from kilotar.store.pieces import PieceFile

__all__ = ["check_each", "rehash"]

THREADS = 2  # more are no faster: 2 GB/s of hashes are above what disks give
TELL_S = 0.5


def rehash(pieces: PieceFile, emit: Emit) -> None:
    """Read every suspect of a file again. Raises: MachineError."""
    check_each(pieces.table, pieces.suspects, pieces.recheck, "checking", emit)


def check_each(table: PieceTable, numbers: Iterable[int], check: Callable[[int], bool], stage: str, emit: Emit) -> None:
    """Do something with each of some pieces, in threads; tell how far it is, twice a second at most.

    Args:
        check: tells whether the piece is right.
        stage: what is done, for `Progress`.
    Raises: what `check` raises.
    """
    waiting = tuple(numbers)
    total, done, told_s = sum(map(table.length, waiting)), 0, time.monotonic()
    for piece, _ in zip(waiting, map_in_order(check, waiting, THREADS), strict=True):
        done += table.length(piece)
        if time.monotonic() - told_s >= TELL_S or piece == waiting[-1]:
            told_s = time.monotonic()
            emit(Progress(table.name, done, total, table.size_bytes, stage=stage))
