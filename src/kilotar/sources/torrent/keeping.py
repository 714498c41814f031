"""What a session remembers from run to run: its port, the nodes of the DHT, the peers of each torrent.

Rules guarded: all of it is advice. A file that is missing, torn, foreign or lying costs a slower start and nothing
else; pieces are never believed from here. Failing to write is no trouble of the person's.
"""

from __future__ import annotations

import contextlib
import os
from pathlib import Path

__all__ = ["keep", "kept"]


def keep(path: Path, content: bytes) -> None:
    """Replace a small file as a whole; do nothing where that fails."""
    temporary = path.with_name(f"{path.name}.{os.getpid()}")
    with contextlib.suppress(OSError):
        path.parent.mkdir(parents=True, exist_ok=True)
        try:
            temporary.write_bytes(content)
            os.replace(temporary, path)
        finally:
            temporary.unlink(missing_ok=True)


def kept(path: Path, most_bytes: int) -> bytes:
    """Give the content of a small file; b"" where it cannot be read or is longer than it may be."""
    try:
        with path.open("rb") as file:
            content = file.read(most_bytes + 1)
    except OSError:
        return b""
    return content if len(content) <= most_bytes else b""
