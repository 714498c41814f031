"""Pieces on a disk read against their hashes, in threads, and told on the way.

Rules guarded: only what may hold something is read; what is wrong counts as absent from then on; nothing is written.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterable

from kilotar.errors import KilotarError
from kilotar.events import Emit, Progress
from kilotar.exec.threads import map_in_order
from kilotar.model.pieces import PieceTable
from kilotar.store.pieces import PieceFile

__all__ = ["CHECK_THREADS", "Recheck", "check_each", "rehash"]

CHECK_THREADS = 2  # more are no faster: 2 GB/s of hashes are above what disks give
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
    for piece, _ in zip(waiting, map_in_order(check, waiting, CHECK_THREADS), strict=True):
        done += table.length(piece)
        if time.monotonic() - told_s >= TELL_S or piece == waiting[-1]:
            told_s = time.monotonic()
            emit(Progress(table.name, done, total, table.size_bytes, stage=stage))


class Recheck:
    """Reads the suspects of a file in a thread of its own, while sources bring the rest.

    Args:
        is_over: tells that nobody wants to know any more.
        on_end:  is called once, in that thread, with the error that ended it.
    """

    def __init__(
        self, pieces: PieceFile, is_over: Callable[[], bool], on_end: Callable[[KilotarError | None], None]
    ) -> None:
        self._pieces, self._is_over, self._on_end = pieces, is_over, on_end
        self._thread = threading.Thread(target=self._run, name="kilotar recheck", daemon=True)

    @property
    def is_running(self) -> bool:
        return self._thread.is_alive()

    def start(self) -> None:
        """Begin with what is suspect now. Call once."""
        self._thread.start()

    def join(self) -> None:
        """Wait for its end."""
        self._thread.join()

    def _run(self) -> None:
        failed: KilotarError | None = None
        try:
            for _ in map_in_order(self._check, self._pieces.suspects, CHECK_THREADS):
                if self._is_over():
                    return
        except KilotarError as error:
            failed = error
        finally:
            self._on_end(failed)

    def _check(self, piece: int) -> None:
        if not self._is_over():
            self._pieces.recheck(piece)
