"""Ctrl-C and the signals that mean the same: the first stops cleanly, the second leaves at once.

Rules guarded: the first signal is a KeyboardInterrupt in the main thread, which the engine turns into a clean stop;
signals within half a second of it are the same wish (timeout(1) and schedulers signal the process and then its group);
nothing that was acknowledged needs a clean end, so the second may leave without one; a hang-up that was ignored
(nohup) stays ignored; handlers are put back where no signal came.
"""

from __future__ import annotations

import os
import signal
import sys
import threading
import time
from types import FrameType
from typing import Any, Self

__all__ = ["Stop"]

BURST_S = 0.5
SHOW_CURSOR = "\x1b[?25h"


class Stop:
    """A context in which signals stop the work.

    Attributes:
        signal: the first signal that came, 0 for none.
    """

    def __init__(self) -> None:
        self.signal = 0
        self._first_s = 0.0
        self._old: dict[int, Any] = {}

    def __enter__(self) -> Self:
        if threading.current_thread() is threading.main_thread():
            for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
                if signal.getsignal(number) is not signal.SIG_IGN:
                    self._old[number] = signal.signal(number, self._on_signal)
        return self

    def __exit__(self, *_: object) -> None:
        if self.signal:
            # This process is on its way out; a late repeat must neither kill it half-way nor draw a traceback. Ignored,
            # not handled: the interpreter takes its own handlers away some moments before its end.
            for number in self._old:
                signal.signal(number, signal.SIG_IGN)
            return
        for number, handler in self._old.items():
            signal.signal(number, handler)

    @property
    def exit_code(self) -> int:
        """128 and the signal; 130 where the interrupt came from elsewhere."""
        return 128 + (self.signal or signal.SIGINT)

    def _on_signal(self, number: int, _: FrameType | None) -> None:
        now_s = time.monotonic()
        if self.signal and now_s - self._first_s < BURST_S:
            return
        if self.signal:
            if sys.stderr is not None and sys.stderr.isatty():
                os.write(sys.stderr.fileno(), SHOW_CURSOR.encode())
            os._exit(128 + number)
        self.signal, self._first_s = number, now_s
        raise KeyboardInterrupt
