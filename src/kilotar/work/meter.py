"""How fast bytes come, and what is due: a look, a word to the person, a save.

Rules guarded: a rate is of the last seconds, so that a stall shows at once; saves are spaced by time and by bytes.
"""

from __future__ import annotations

from collections import deque

__all__ = ["Meter", "Pace"]

RATE_S = 10.0
LOOK_S = 0.5
SAVE_S = 5.0
SAVE_BYTES = 256 << 20


class Pace:
    """The rise of a counter over the last seconds, and nothing older: a client's own rate fades for half a minute.

    Args:
        window_s: how many.
    """

    def __init__(self, window_s: float) -> None:
        self._window_s = window_s
        self._seen: deque[tuple[float, int]] = deque()

    def see(self, now_s: float, total: int) -> bool:
        """Note the counter now; tell whether it rose."""
        rose = bool(self._seen) and total > self._seen[-1][1]
        self._seen.append((now_s, total))
        while len(self._seen) > 2 and now_s - self._seen[0][0] > self._window_s:
            self._seen.popleft()
        return rose

    @property
    def bytes_s(self) -> float:
        """Bytes a second."""
        if len(self._seen) < 2:
            return 0.0
        (began_s, first), (now_s, last) = self._seen[0], self._seen[-1]
        return max(0.0, (last - first) / (now_s - began_s)) if now_s > began_s else 0.0


class Meter:
    """The measures of one transfer.

    Args:
        now_s: of the clock that is used throughout.
    """

    def __init__(self, now_s: float) -> None:
        self._pace = Pace(RATE_S)
        self._looked_s = now_s - LOOK_S
        self._saved = (now_s, 0)
        self.last_rise_s = now_s

    def see(self, now_s: float, total: int) -> None:
        """Note how many bytes are there now."""
        if self._pace.see(now_s, total):
            self.last_rise_s = now_s

    @property
    def rate_bytes_s(self) -> float:
        """Bytes a second over the last `RATE_S` seconds."""
        return self._pace.bytes_s

    def is_look_due(self, now_s: float) -> bool:
        """Tell, twice a second at most, that it is time to look and to tell; noted as done."""
        due = now_s - self._looked_s >= LOOK_S
        self._looked_s = now_s if due else self._looked_s
        return due

    def is_save_due(self, now_s: float, total: int) -> bool:
        """Tell that it is time to save; noted as done."""
        saved_s, saved = self._saved
        due = total > saved and (now_s - saved_s >= SAVE_S or total - saved >= SAVE_BYTES)
        self._saved = (now_s, total) if due else self._saved
        return due
