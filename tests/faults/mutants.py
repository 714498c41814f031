"""Versions of the program that break a promise, to see that the tests of this folder would notice.

Each changes a line or two of the real program, in one process only.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable
from pathlib import Path

from kilotar.model.seams import Written
from kilotar.plan.steps import Reason
from kilotar.store import files, staging, workspace
from kilotar.work import making, output, tasks

__all__ = ["ERRNO_MUTANTS", "KILL_MUTANTS", "apply"]


def records_before_it_writes() -> None:
    """Journal first, files later, and belief in the journal."""
    honest = making.Making._write

    def write(self: making.Making, key: str) -> Callable[[], tasks.PartDone]:
        work = honest(self, key)
        archive, span = self._part(key) if not key.startswith("boxes/") else (None, None)
        if archive is not None and span is not None:
            task = archive.task(span, self._setting.survey.chosen)
            self._record((tasks.write_part(task, self._output.sink.place, None),))
        return work

    making.Making._write = write  # type: ignore[method-assign]
    making.stands = lambda path, size_bytes: True  # type: ignore[attr-defined]
    output.Output._probe = lambda self, record: Reason.RECORDED  # type: ignore[method-assign,assignment]


def writes_its_manifest_first() -> None:
    """A manifest stands before the files that it names."""
    honest = making.write_files  # type: ignore[attr-defined]

    def seal(self: making.Making) -> None:
        kept = making.Folder.publish  # type: ignore[attr-defined]
        written: list[tuple[Path, list[bytes]]] = []

        def later(self: files.Folder, path: str, chunks: Iterable[bytes | memoryview]) -> Written:
            content = [bytes(chunk) for chunk in chunks]
            written.append((self.root / path, content))
            facts = files.hashlib.sha256(b"".join(content)).hexdigest()
            return Written(path, sum(map(len, content)), facts)

        files.Folder.publish = later  # type: ignore[method-assign]
        honest_seal(self)
        files.Folder.publish = kept  # type: ignore[method-assign]
        for path, content in written:
            path.parent.mkdir(parents=True, exist_ok=True)
            files.publish(path, content)

    honest_seal = making.Making._seal
    making.Making._seal = seal  # type: ignore[method-assign]
    assert honest


def writes_in_place() -> None:
    """Side files grow under their final name."""

    def publish_once(path: Path, chunks: Iterable[bytes | memoryview]) -> Written:
        digest, size_bytes = files.hashlib.sha256(), 0
        fd = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o644)
        for chunk in chunks:
            size_bytes += files.write_all(fd, chunk)
            digest.update(chunk)
        os.close(fd)
        return Written(str(path), size_bytes, digest.hexdigest())

    files._publish_once = publish_once


def unpacks_where_readers_look() -> None:
    """Images grow in their final place instead of a staging folder."""
    honest = staging.Staging.__init__

    def init(self: staging.Staging, out: Path, plan_id: str) -> None:
        honest(self, out, plan_id)
        self.folder = out

    staging.Staging.__init__ = init  # type: ignore[method-assign]
    staging.Staging.move_into_place = lambda self: None  # type: ignore[method-assign]
    staging.Staging.refuse_taken = lambda self, names: None  # type: ignore[method-assign]


def leaves_its_litter() -> None:
    """Temporary files of a dead run stay."""
    workspace.Workspace.sweep = lambda self: None  # type: ignore[method-assign]


def forgets_its_errors() -> None:
    """A failed write is taken for a good one."""

    def write_all(fd: int, data: bytes | memoryview) -> int:
        try:
            return os.write(fd, data)
        except OSError:
            return len(data)

    files.write_all = write_all
    staging.write_all = write_all  # type: ignore[attr-defined]


def forgets_short_writes() -> None:
    """What a single write took is taken for all."""

    def write_all(fd: int, data: bytes | memoryview) -> int:
        os.write(fd, data)
        return len(data)

    files.write_all = write_all
    staging.write_all = write_all  # type: ignore[attr-defined]
    making.stands = lambda path, size_bytes: True  # type: ignore[attr-defined]


KILL_MUTANTS = (
    records_before_it_writes,
    writes_its_manifest_first,
    writes_in_place,
    unpacks_where_readers_look,
    leaves_its_litter,
)
ERRNO_MUTANTS = (forgets_its_errors,)


def apply(name: str) -> None:
    """Become the mutant of this name; "" stays honest."""
    if name:
        globals()[name]()
