"""Versions of the program that break a promise, to see that the tests of this folder would notice.

Each changes a line or two of the real program, in one process only. Undisturbed, each works as it should.
"""

from __future__ import annotations

import hashlib
import os
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any

from kilotar.model.seams import Written
from kilotar.plan.steps import Reason
from kilotar.store import files, staging, workspace
from kilotar.work import completing, making, output, shard_writers

__all__ = ["ERRNO_MUTANTS", "KILL_MUTANTS", "apply"]


def swap(owner: Any, name: str, replacement: Callable[..., object]) -> Any:
    """Put something in the place of a function, which must be there; give the honest one."""
    honest = getattr(owner, name)
    setattr(owner, name, replacement)
    return honest


def leaves_shards_to_processes() -> None:
    """Breaks nothing: processes write shards however few there are, as they do where there are many."""
    shard_writers._WORTH_IMAGES = 0


def believes_its_journal() -> None:
    """Nothing is looked at again before it is called complete."""
    swap(completing, "stands", lambda path, size_bytes: True)
    swap(output.Output, "_probe", lambda *_: Reason.RECORDED)


def records_before_it_writes() -> None:
    """Journal first, files later, and belief in the journal."""
    waiting: list[tuple[Path, bytes]] = []

    def write_later(self: staging.StagingWriter, path: str, data: bytes | memoryview) -> None:
        waiting.append((self._folder / path, bytes(data)))

    def write_now(self: staging.Staging) -> None:
        for path, data in waiting:
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_bytes(data)
        waiting.clear()
        honest(self)

    believes_its_journal()
    swap(staging.StagingWriter, "write", write_later)
    honest = swap(staging.Staging, "move_into_place", write_now)


def writes_its_manifest_first() -> None:
    """A manifest stands before the side files that it names."""
    waiting: list[tuple[Path, bytes]] = []

    def publish_later(self: files.Folder, path: str, chunks: Iterable[bytes | memoryview]) -> Written:
        content = b"".join(bytes(chunk) for chunk in chunks)
        waiting.append((self.root / path, content))
        return Written(path, len(content), hashlib.sha256(content).hexdigest())

    def complete(*facts: object, resumed: bool, sync: bool) -> None:
        honest(*facts, resumed=resumed, sync=sync)
        for path, content in waiting:
            path.parent.mkdir(parents=True, exist_ok=True)
            files.publish(path, [content])
        waiting.clear()

    swap(files.Folder, "publish", publish_later)
    honest = swap(making, "complete", complete)


def writes_in_place() -> None:
    """Side files grow under their final name."""

    def publish_once(path: Path, chunks: Iterable[bytes | memoryview], durable: bool) -> Written:
        digest, size_bytes = hashlib.sha256(), 0
        fd = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o644)
        for chunk in chunks:
            size_bytes += files.write_all(fd, chunk)
            digest.update(chunk)
        os.close(fd)
        return Written(str(path), size_bytes, digest.hexdigest())

    swap(files, "_publish_once", publish_once)


def unpacks_where_readers_look() -> None:
    """Images grow in their final place instead of a staging folder."""

    def init(self: staging.Staging, out: Path, plan_id: str) -> None:
        self.out = self.folder = out

    swap(staging.Staging, "__init__", init)
    swap(staging.Staging, "move_into_place", lambda self: None)
    swap(staging.Staging, "refuse_taken", lambda self, names: None)


def leaves_its_litter() -> None:
    """Temporary files of a dead run stay."""
    swap(workspace.Workspace, "sweep", lambda self: None)


def forgets_its_errors() -> None:
    """A failed write is taken for a good one."""

    def write_all(fd: int, data: bytes | memoryview) -> int:
        try:
            return os.write(fd, data)
        except OSError:
            return len(data)

    swap(files, "write_all", write_all)
    swap(staging, "write_all", write_all)


def forgets_short_writes() -> None:
    """What a single write took is taken for all."""

    def write_all(fd: int, data: bytes | memoryview) -> int:
        os.write(fd, data)
        return len(data)

    swap(files, "write_all", write_all)
    swap(staging, "write_all", write_all)


KILL_MUTANTS = (
    records_before_it_writes,
    writes_its_manifest_first,
    writes_in_place,
    unpacks_where_readers_look,
    leaves_its_litter,
)
ERRNO_MUTANTS = (forgets_its_errors, forgets_short_writes)


def apply(name: str) -> None:
    """Become the mutant of this name; "" stays honest."""
    if name:
        globals()[name]()
