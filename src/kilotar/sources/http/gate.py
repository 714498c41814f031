"""How many connections one host gets from this process.

Rules guarded: two archives that come from one host share its connections; nobody waits for a place without being able
to stop waiting.
"""

from __future__ import annotations

import threading
from collections import Counter
from collections.abc import Callable

__all__ = ["HostGate"]


class HostGate:
    """Places by host."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._taken: Counter[str] = Counter()
        self._waiting: dict[str, list[Callable[[], None]]] = {}

    def enter(self, host: str, places: int, call: Callable[[], None]) -> bool:
        """Take a place where fewer than `places` are taken; else False, and `call` is called when one is free again."""
        with self._lock:
            if self._taken[host] < places:
                self._taken[host] += 1
                return True
            waiting = self._waiting.setdefault(host, [])
            if call not in waiting:
                waiting.append(call)
            return False

    def leave(self, host: str) -> bool:
        """Give a place back; True where somebody waited for it. Not to be called with a lock that `call` takes."""
        with self._lock:
            self._taken[host] -= 1
            calls = self._waiting.pop(host, [])
        for call in calls:
            call()
        return bool(calls)
