"""Files held against the list that was made when they were written.

Rules guarded: what differs is a finding, never an exception; links are not followed.
"""

from __future__ import annotations

import os
import stat
from collections.abc import Callable
from pathlib import Path

from kilotar.events import Finding
from kilotar.model.seams import Written
from kilotar.store.files import file_sha256

__all__ = ["CHUNK_FILES", "FileCheck", "digest", "measure"]

CHUNK_FILES = 512
Look = Callable[[Path, Written], Finding | None]


class FileCheck:
    """Some files of a list, to be looked at in a thread.

    Args:
        folder: below which they stand.
        look:   `measure` or `digest`.
    """

    def __init__(self, folder: Path, files: tuple[Written, ...], look: Look) -> None:
        self._folder = folder
        self.files = files
        self._look = look

    def __call__(self) -> tuple[Finding, ...]:
        looks = (self._look(self._folder / file.path, file) for file in self.files)
        return tuple(finding for finding in looks if finding is not None)


def measure(path: Path, file: Written) -> Finding | None:
    """Compare the length of a file with that in its list."""
    try:
        facts = os.lstat(path)
    except OSError as error:
        return _unreadable(error, file)
    if not stat.S_ISREG(facts.st_mode):
        return Finding("unreadable", file.path, "no regular file")
    found = facts.st_size
    if found == file.size_bytes:
        return None
    kind = "truncated" if found < file.size_bytes else "size"
    return Finding(kind, file.path, f"{found:,} bytes, expected {file.size_bytes:,}")


def digest(path: Path, file: Written) -> Finding | None:
    """Compare length and SHA-256 of a file with those in its list."""
    finding = measure(path, file)
    if finding is not None:
        return finding
    try:
        _, found = file_sha256(path)
    except OSError as error:
        return _unreadable(error, file)
    if found == file.sha256:
        return None
    return Finding("digest", file.path, f"sha256 {found[:16]}..., expected {file.sha256[:16]}...")


def _unreadable(error: OSError, file: Written) -> Finding:
    if isinstance(error, FileNotFoundError | NotADirectoryError):
        return Finding("missing", file.path, f"it is gone; {file.size_bytes:,} bytes")
    return Finding("unreadable", file.path, f"{error.strerror} (errno {error.errno})")
