"""Pieces that the client calls finished, read back by us until the file agrees.

Rules guarded: the client's word is a hint: 10 to 23 % of its pieces were not readable yet when it gave it, one up to
194 ms late, and a journal written then held up to 14 pieces that a kill took away; so each is read and hashed by the
landing, again and again for two seconds, then once more after the client was told to flush, and only then called lost.
Source: measured with libtorrent 2.1.1.
"""

from __future__ import annotations

import heapq
import threading
import time
from collections.abc import Callable

from kilotar.errors import MachineError
from kilotar.events import Trouble
from kilotar.model.fetching import Landing, Tell

__all__ = ["Verifier"]

FIRST_WAIT_S = 0.02
LONGEST_WAIT_S = 0.25
PATIENCE_S = 2.0
DISK_WAIT_S = 2.0


class Verifier:
    """A thread that checks pieces in the order in which they were finished.

    Args:
        landing: reads, hashes and marks.
        source:  the name under which pieces land.
        flush:   asks the client to write out all that it holds; called once a piece that is late.
        lost:    hears of a piece that is not in the file after all.
        tell:    hears of a disk that cannot be read.
    """

    def __init__(
        self,
        landing: Landing,
        source: str,
        flush: Callable[[], None],
        lost: Callable[[int], None],
        tell: Tell,
    ) -> None:
        self._landing, self._source = landing, source
        self._flush, self._lost, self._tell = flush, lost, tell
        self._changed = threading.Condition()
        self._due: list[tuple[float, int]] = []
        self._since: dict[int, float] = {}
        self._flushed: dict[int, float] = {}
        self._is_closed = False
        self._thread = threading.Thread(target=self._run, name=f"verify {landing.table.name}", daemon=True)
        self._thread.start()

    def add(self, piece: int, wait_s: float = 0.0) -> None:
        """Have a piece checked, not before `wait_s`. Never blocks."""
        with self._changed:
            if piece not in self._since:
                self._since[piece] = time.monotonic()
                heapq.heappush(self._due, (self._since[piece] + wait_s, piece))
                self._changed.notify_all()

    def drain(self, timeout_s: float) -> bool:
        """Wait until nothing is left to check."""
        with self._changed:
            return self._changed.wait_for(lambda: not self._since, timeout_s)

    def close(self, timeout_s: float = 5.0) -> None:
        """Check nothing more, and wait for a check that runs."""
        with self._changed:
            self._is_closed = True
            self._changed.notify_all()
        if threading.current_thread() is not self._thread:
            self._thread.join(timeout_s)

    def _run(self) -> None:
        while (piece := self._next()) is not None:
            try:
                good = self._landing.has(piece) or self._landing.check(piece, self._source)
            except MachineError as error:
                self._tell(Trouble("disk", str(self._landing.path), str(error), error.fix))
                self._again(piece, DISK_WAIT_S)
            else:
                self._judge(piece, good)

    def _next(self) -> int | None:
        """Give the next piece when its time has come, None at the end."""
        with self._changed:
            while not self._is_closed:
                wait_s = self._due[0][0] - time.monotonic() if self._due else None
                if wait_s is not None and wait_s <= 0:
                    return heapq.heappop(self._due)[1]
                self._changed.wait(wait_s)
        return None

    def _judge(self, piece: int, good: bool) -> None:
        age_s = time.monotonic() - self._since[piece]
        if good:
            self._forget(piece)
        elif age_s < PATIENCE_S:
            self._again(piece, min(LONGEST_WAIT_S, max(FIRST_WAIT_S, age_s)))
        elif piece not in self._flushed:
            self._flushed[piece] = time.monotonic()
            self._flush()
            self._again(piece, LONGEST_WAIT_S)
        elif time.monotonic() - self._flushed[piece] < PATIENCE_S:
            self._again(piece, LONGEST_WAIT_S)
        else:
            self._forget(piece)
            self._lost(piece)

    def _again(self, piece: int, wait_s: float) -> None:
        with self._changed:
            heapq.heappush(self._due, (time.monotonic() + wait_s, piece))

    def _forget(self, piece: int) -> None:
        with self._changed:
            self._flushed.pop(piece, None)
            del self._since[piece]
            self._changed.notify_all()
