"""How long nothing has come, and whether the end of a download drags. Pure: the time is an argument.

Rules guarded: only a number above every one before is progress, so that a piece which is fetched, found wrong and
fetched again for ever is silence; an average is taken of the time before the tail, which the tail cannot spoil.
"""

from __future__ import annotations

from collections import deque

__all__ = ["Silence", "Tail"]

TAIL_SHARE = 0.01
TAIL_PIECES = 2
SLOW_SHARE = 0.1
SLOW_FOR_S = 300.0
SILENT_FOR_S = 60.0


class Silence:
    """The time since a counter last rose above all that it had been."""

    def __init__(self) -> None:
        self.since_s = 0.0
        self._best: int | None = None

    def see(self, now_s: float, total: int) -> bool:
        """Note the counter; True where it rose. The first look is no rise."""
        rose = self._best is not None and total > self._best
        if rose:
            self.since_s = now_s
        self._best = total if self._best is None else max(self._best, total)
        return rose

    def count_from(self, total: int) -> None:
        """Take another counter, of which this much is nothing new."""
        self._best = total

    def lasts_s(self, now_s: float) -> float:
        return now_s - self.since_s


class Tail:
    """Watches the last percent: slower than a tenth of the average for five minutes, or silent for one, is slow.

    Args:
        piece_bytes: the last two pieces are a tail too, however small the wish.
    """

    def __init__(self, piece_bytes: int) -> None:
        self._least_bytes = TAIL_PIECES * piece_bytes
        self._began: tuple[float, int] | None = None
        self._tail_s = -1.0
        self._average = 0.0
        self._seen: deque[tuple[float, int]] = deque()

    def forget(self) -> None:
        """Begin anew: something else is wanted, or the clock jumped."""
        self._began = None
        self._leave()

    def _leave(self) -> None:
        self._tail_s = -1.0
        self._seen.clear()

    def slow(self, now_s: float, verified_bytes: int, wanted_bytes: int) -> str:
        """Note the counter; give in words how the tail drags, "" while it does not. Said once in five minutes."""
        self._began = self._began or (now_s, verified_bytes)
        left = wanted_bytes - verified_bytes
        if not 0 < left <= max(wanted_bytes * TAIL_SHARE, self._least_bytes):
            self._leave()
            self._average = (verified_bytes - self._began[1]) / max(now_s - self._began[0], 1.0)
            return ""
        self._tail_s = self._tail_s if self._tail_s >= 0 else now_s
        self._seen.append((now_s, verified_bytes))
        while now_s - self._seen[0][0] > SLOW_FOR_S:
            self._seen.popleft()
        return self._judge(now_s, verified_bytes, left)

    def _judge(self, now_s: float, verified_bytes: int, left: int) -> str:
        then_s, then_bytes = self._seen[0]
        rate = (verified_bytes - then_bytes) / max(now_s - then_s, 1.0)
        last_rise_s = next((at_s for at_s, total in self._seen if total == verified_bytes), now_s)
        drags = now_s - self._tail_s >= SLOW_FOR_S and rate < SLOW_SHARE * self._average
        if not drags and now_s - last_rise_s < SILENT_FOR_S:
            return ""
        self._leave()
        return f"the last {left / 1e6:.1f} MB come at {rate / 1e3:.0f} kB/s, {self._average / 1e3:.0f} kB/s was usual"
