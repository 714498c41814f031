"""How fast bytes come, and when that is too slow.

Rules guarded: only the time spent waiting for the peer counts, so a slow disk is never held against a server; a drip
that keeps every single read alive is noticed after two windows at most; no answer may be longer than it was announced
by more than the slack that framing needs.
"""

from __future__ import annotations

import io
import socket
import time
from collections import deque
from collections.abc import Callable
from typing import TYPE_CHECKING

from kilotar.sources.http.failing import Cause, Failure

if TYPE_CHECKING:
    from _typeshed import WriteableBuffer

__all__ = ["MeteredStream", "RecentRate"]

_WINDOW_S = 60.0
_SLACK_BYTES = 256 << 10  # headers, and what was read ahead


class RecentRate:
    """Bytes a second over the last ten seconds."""

    def __init__(self, span_s: float = 10.0) -> None:
        self._span_s = span_s
        self._seen: deque[tuple[float, int]] = deque()
        self._sum = 0

    def add(self, now_s: float, count: int) -> None:
        self._seen.append((now_s, count))
        self._sum += count
        self._drop(now_s)

    def _drop(self, now_s: float) -> None:
        while self._seen and self._seen[0][0] <= now_s - self._span_s:
            self._sum -= self._seen.popleft()[1]

    def at(self, now_s: float) -> float:
        self._drop(now_s)
        if not self._seen:
            return 0.0
        return self._sum / max(1.0, min(self._span_s, now_s - self._seen[0][0]))


class MeteredStream(io.RawIOBase):
    """What arrives on a socket, measured.

    Args:
        min_rate_bytes_s: 0 for any.
        now: the clock, in seconds.

    Attributes:
        arrived:  bytes so far.
        is_muted: nothing is given, and nobody is waited for.
    """

    def __init__(self, sock: socket.socket, min_rate_bytes_s: int, now: Callable[[], float] = time.monotonic) -> None:
        super().__init__()
        self._sock, self._now = sock, now
        self._least = min_rate_bytes_s * _WINDOW_S
        self._left = _SLACK_BYTES
        self._waited_s = 0.0
        self._window_bytes = 0
        self.arrived = 0
        self.is_muted = False

    def begin(self) -> None:
        """Begin an answer: let no more than its head through, and measure anew."""
        self._left = _SLACK_BYTES
        self._waited_s, self._window_bytes = 0.0, 0

    def allow(self, count: int) -> None:
        """Let `count` bytes more through, and what it takes to chunk them."""
        self._left += count + count // 8

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: WriteableBuffer, /) -> int | None:
        if self.is_muted:
            return None
        begun_s = self._now()
        count = self._sock.recv_into(buffer)
        self._waited_s += self._now() - begun_s
        self._window_bytes += count
        self.arrived += count
        self._left -= count
        if self._left < 0:
            raise Failure(Cause.ANSWER, "the answer is longer than it may be")
        if self._waited_s >= _WINDOW_S:
            self._end_window()
        return count

    def _end_window(self) -> None:
        if self._window_bytes < self._least:
            rate = self._window_bytes / self._waited_s
            raise Failure(Cause.STALLED, f"only {rate:.0f} bytes a second arrived over {self._waited_s:.0f} s")
        self._waited_s, self._window_bytes = 0.0, 0
