"""Images of an export that were written anew, proved one by one: those of the archive are recoded once more.

Rules guarded: where the same releases do it, the bytes must be the same; else the pictures must be alike
(`kilotar.work.likeness`), and it is said which of the two was found. Images are decoded in processes that may die of
them; what is on its way to these is bounded; what an export gives through a library passes by a file that goes away.
"""

from __future__ import annotations

import math
import tempfile
from collections.abc import Callable
from contextlib import ExitStack
from dataclasses import asdict, dataclass, field
from itertools import count
from pathlib import Path
from queue import SimpleQueue
from typing import Any

from kilotar import __version__
from kilotar.errors import storage_error
from kilotar.events import Emit, Finding, Outcome, StepEnded, StepStarted
from kilotar.exec.base import TaskFailed, TaskResult
from kilotar.exec.batch import Batch, Sifted
from kilotar.exec.processes import ProcessExecutor
from kilotar.model.pixels import Pixels
from kilotar.model.sample import Extent
from kilotar.model.seams import Row
from kilotar.pixels.decoders import find_library
from kilotar.store.manifest import Manifest
from kilotar.work.likeness import LEAST_PSNR_DB
from kilotar.work.retracing import KEPT, NEAR, SAME, UNREAD

__all__ = ["RecodedProof"]

_BATCH_IMAGES = 64
_BATCH_BYTES = 32 << 20  # that pass by a file


@dataclass(slots=True)
class _Bunch:
    """Images that go to a process together.

    Attributes:
        items:   as `kilotar.work.retracing` takes them; "" is the path of those that pass by a file.
        wheres:  where each stands, for findings.
        passing: bytes of those that stand in no file as they are.
    """

    items: list[list[Any]] = field(default_factory=list)
    wheres: list[str] = field(default_factory=list)
    passing: bytearray = field(default_factory=bytearray)

    def add(self, row: Row, where: str, expected: list[Any]) -> None:
        """Raises: as `row.read`."""
        if row.at is not None:
            export = [row.at.archive, row.at.offset, row.at.size_bytes]
        else:
            data = row.read() if row.read is not None else b""
            export = ["", len(self.passing), len(data)]
            self.passing += data
        self.items.append([len(self.items), *expected, export])
        self.wheres.append(where)

    @property
    def is_full(self) -> bool:
        return len(self.items) >= _BATCH_IMAGES or len(self.passing) >= _BATCH_BYTES

    def batch(self, pixels: Pixels, path: Path) -> Batch:
        """Give the work, with its file written. Raises MachineError."""
        try:
            path.write_bytes(self.passing)
        except OSError as error:
            raise storage_error(error, f"write {path}") from error
        self.passing.clear()
        items = ((*item[:-1], [item[-1][0] or str(path), *item[-1][1:]]) for item in self.items)
        return Batch("kilotar.work.retracing:retrace_images", (asdict(pixels),), tuple(items))


class RecodedProof:
    """Holds images against those of the archives, recoded.


    Args:
        pixels:   what was done to the images.
        manifest: of the export.
        stack:    ends the processes.
        jobs:     how many.
        found:    gets what is wrong.
    Attributes:
        made:  images that were written anew.
        near:  those of them that are the same picture in other bytes.
        wrong: images that are not what they should be.
    """

    def __init__(
        self,
        pixels: Pixels,
        manifest: Manifest,
        stack: ExitStack,
        jobs: int,
        found: Callable[[Finding], None],
        emit: Emit,
    ) -> None:
        self.pixels = pixels
        self.made = self.near = self.wrong = 0
        self._then = manifest.pixels.recoder if manifest.pixels else ""
        self._now = find_library().stamps
        self._must_be_same = (self._then, manifest.made_by) == (self._now, f"kilotar {__version__}")
        self._least_db = math.inf
        self._found = found
        self._emit = emit
        self._inbox: SimpleQueue[TaskResult] = SimpleQueue()
        self._folder = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="kilotar-verify-")))
        self._executor = stack.enter_context(ProcessExecutor(jobs, self._inbox.put, emit=emit))
        self._ahead = 2 * self._executor.free_slots
        self._under_way: dict[str, _Bunch] = {}
        self._numbers = count()
        self._bunch = _Bunch()

    def add(self, row: Row, where: str, at: Extent, sha256: bytes, *, is_odd: bool) -> None:
        """Take an image; what is found of it may be told later.

        Args:
            where: it stands, for findings.
            at:    where it is in the archive, whose path is `at.archive`.
            sha256: of it there.
            is_odd: whether the edition lists it as odd.
        Raises: as `row.read`; MachineError, OurError.
        """
        self._bunch.add(row, where, [row.name, sha256.hex(), is_odd, [at.archive, at.offset, at.size_bytes]])
        if self._bunch.is_full:
            self._submit()

    def end(self) -> None:
        """Wait for all that was taken; tell how it was compared. Raises MachineError, OurError."""
        if self._bunch.items:
            self._submit()
        while self._under_way:
            self._take(self._inbox.get())
        if self.near:
            why = (
                f"{self.near:,} images are other bytes of the pictures that recoding gives now: PSNR at least "
                f"{self._least_db:.1f} dB, {LEAST_PSNR_DB:.0f} is asked for; made by {self._then}, now {self._now}"
            )
            self._found(Finding("recoded", "images", why, is_problem=False))

    def _submit(self) -> None:
        while len(self._under_way) >= self._ahead:
            self._take(self._inbox.get())
        key = f"images/{next(self._numbers):05}"
        self._under_way[key] = self._bunch
        self._emit(StepStarted(key))
        self._executor.submit(key, self._bunch.batch(self.pixels, self._path(key)))
        self._bunch = _Bunch()

    def _path(self, key: str) -> Path:
        return self._folder / key.rpartition("/")[2]

    def _take(self, result: TaskResult) -> None:
        bunch = self._under_way.pop(result.key)
        if isinstance(result, TaskFailed):
            error = result.error
            raise error if not isinstance(error, OSError) else storage_error(error, "recode images") from error
        sifted: Sifted = result.value
        for number, *answer in sifted.values:
            self._judge(bunch.wheres[number], *answer)
        for lost in sifted.lost:
            self._tell(Finding(lost.kind, bunch.wheres[lost.item[0]], lost.why))
        self._path(result.key).unlink()
        self._emit(StepEnded(result.key, Outcome.DONE, len(bunch.items)))

    def _judge(self, where: str, word: str, psnr_db: float, why: str) -> None:
        self.made += word in (SAME, NEAR)
        if word == NEAR and not self._must_be_same:
            self.near += 1
            self._least_db = min(self._least_db, psnr_db)
        elif word == NEAR:
            self._tell(
                Finding("bytes", where, f"not the bytes that the same releases make of the archive's image: {why}")
            )
        elif word == UNREAD:
            self._tell(Finding("unreadable", where, why))
        elif word not in (KEPT, SAME):
            self._tell(Finding("pixels", where, f"not the image of the archive, recoded: {why}"))

    def _tell(self, finding: Finding) -> None:
        self.wrong += 1
        self._found(finding)
