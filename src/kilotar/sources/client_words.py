"""What another program said before it ended, and the cause of ours that its words name.

Rules guarded: a program that talks much is read to the end, so that it never waits for us, and only its last words are
kept; a full disk or a missing right is told as such whoever met it.
"""

from __future__ import annotations

import errno
import os
import threading
from collections import deque
from typing import IO

from kilotar.errors import MachineError, storage_error

__all__ = ["LastWords", "machine_error"]

_LINES = 6
_LINE_BYTES = 4096
_SHOWN_CHARS = 400
_CAUSES = (errno.ENOSPC, errno.EDQUOT, errno.EACCES, errno.EPERM, errno.EROFS, errno.EFBIG, errno.EMFILE, errno.EIO)


def machine_error(words: str, doing: str) -> MachineError | None:
    """Give the error of this machine that a program's words name, None where they name none.

    Args:
        words: as it said them; the texts of the C library are looked for.
        doing: for the first line ("write archives/NAME.part with aria2").
    """
    for number in _CAUSES:
        if os.strerror(number).lower() in words.lower():
            return storage_error(OSError(number, os.strerror(number)), doing)
    return None


class LastWords:
    """Reads a program's output in a thread of its own.

    Args:
        output: the reading end of a pipe; it is closed at its end.
    """

    def __init__(self, output: IO[bytes]) -> None:
        self._output = output
        self._lines: deque[str] = deque(maxlen=_LINES)
        self._thread = threading.Thread(target=self._read, name="kilotar last words", daemon=True)
        self._thread.start()

    def _read(self) -> None:
        with self._output as output:
            while line := output.readline(_LINE_BYTES):
                if text := line.decode("utf-8", "replace").strip():
                    self._lines.append(text)

    def text(self, wait_s: float = 1.0) -> str:
        """Give them in one line, "" where it said nothing.

        Args:
            wait_s: for the end of the output.
        """
        self._thread.join(wait_s)
        return " / ".join(self._lines)[-_SHOWN_CHARS:]
