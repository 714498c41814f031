"""Decode every image, in processes that may die of it: `verify --deep`.

Rules guarded: a finding for each bad image, never an exception; an image that kills or hangs its worker twice is a
finding too ("crash", "hang") and the rest goes on; what is no regular file, or larger than any photograph, is not read;
names and numbers cross to the workers, bytes never do. Findings come sorted, so that two runs can be compared.
"""

from __future__ import annotations

import dataclasses
import os
import stat
from collections.abc import Iterable, Iterator, Sequence
from itertools import islice
from pathlib import Path
from queue import SimpleQueue
from typing import Any

from kilotar.errors import storage_error
from kilotar.events import Emit, Finding, Found, Note, Outcome, StepEnded, StepStarted, ignore
from kilotar.exec.base import TaskFailed, TaskResult
from kilotar.exec.batch import Batch, Sifted
from kilotar.exec.child import WorkerLimits
from kilotar.exec.processes import ProcessExecutor
from kilotar.model.table import Rows
from kilotar.pixels import NO_ODD_NAMES, OddNames, check_image, has_fast

__all__ = ["BATCH_IMAGES", "check_extents", "check_files", "deep_check", "extent_batches", "file_batches"]

BATCH_IMAGES = 256  # 0.2 s of work, beside which the 0.2 ms for its 15 kB of names is nothing
MAX_IMAGE_BYTES = 64 * 2**20  # the largest known is 15 MB
_LIMITS = WorkerLimits()

Item = Sequence[Any]  # (where, offset, size): what a finding names, and the bytes; -1 is a whole file


def file_batches(root: Path, paths: Iterable[str], odd: OddNames = NO_ODD_NAMES) -> Iterator[Batch]:
    """Cut files below a folder into batches. `paths` are relative to it, and what findings name."""
    return _batches("check_files", root, ((path, -1, -1) for path in paths), odd)


def extent_batches(archive: Path, rows: Rows, odd: OddNames = NO_ODD_NAMES) -> Iterator[Batch]:
    """Cut members of an archive into batches; findings name "archive: member" and the offset in the archive."""
    numbered = zip(range(len(rows)), rows.offsets, rows.sizes, strict=True)
    return _batches("check_extents", archive, ((rows.name(row), at, size) for row, at, size in numbered), odd)


def _batches(function: str, path: Path, items: Iterator[Item], odd: OddNames) -> Iterator[Batch]:
    common = (str(path.absolute()), sorted(odd.cmyk), sorted(odd.png))
    while some := tuple(islice(items, BATCH_IMAGES)):
        yield Batch(f"{__name__}:{function}", common, some)


def deep_check(
    batches: Iterable[Batch], jobs: int, emit: Emit = ignore, limits: WorkerLimits = _LIMITS
) -> tuple[Finding, ...]:
    """Check batches in `jobs` worker processes; each finding is emitted as it is made, each batch as a step.

    Returns: all findings, sorted by place. Facts that are in order are among them with `is_problem` False.
    Raises: WorkerLost where no worker can be had; OurError.
    """
    if not has_fast():
        emit(Note("info", "decoding with Pillow, which overlooks much damage; for more: pip install 'kilotar[fast]'"))
    inbox: SimpleQueue[TaskResult] = SimpleQueue()
    found: list[Finding] = []
    with ProcessExecutor(jobs, inbox.put, limits=limits, emit=emit) as executor:
        under_way: dict[str, Batch] = {}
        ahead = 2 * executor.free_slots  # one more for each worker, so that none waits for this thread
        numbered = enumerate(batches)
        while True:
            for number, batch in islice(numbered, ahead - len(under_way)):
                key = f"deep/{number:05}"
                under_way[key] = batch
                emit(StepStarted(key))
                executor.submit(key, batch)
            if not under_way:
                return tuple(sorted(found, key=lambda one: (one.where, one.offset, one.kind)))
            found += _take(inbox.get(), under_way, emit)


def _take(result: TaskResult, under_way: dict[str, Batch], emit: Emit) -> list[Finding]:
    """Turn the end of a batch into findings."""
    batch = under_way.pop(result.key)
    if isinstance(result, TaskFailed):
        error = result.error
        raise error if not isinstance(error, OSError) else storage_error(error, "decode images") from error
    sifted: Sifted = result.value
    found = [Finding(*fields) for fields in sifted.values]
    found += [Finding(lost.kind, _named(batch, lost.item), lost.why, lost.item[1]) for lost in sifted.lost]
    for finding in found:
        emit(Found(finding))
    size_bytes = sum(max(item[2], 0) for item in batch.items)
    emit(StepEnded(result.key, Outcome.DONE, len(batch.items), size_bytes))
    return found


def _named(batch: Batch, item: Item) -> str:
    in_archive = item[1] >= 0
    return _member(batch.common[0], item[0]) if in_archive else str(item[0])


def _member(archive: str, name: str) -> str:
    return f"{Path(archive).name}: {name}"


def check_files(root: str, cmyk: Sequence[str], png: Sequence[str], items: Iterable[Item]) -> Iterator[list[Any]]:
    """Check files below `root`; runs in a worker. Yields for each item its findings as lists of their fields.

    A file that is not there is passed over: to miss it is the business of whoever has the list (the normal level).
    """
    odd = OddNames(frozenset(cmyk), frozenset(png))
    for path, _, _ in items:
        yield _fields(_check_file(root, path, odd))


def _check_file(root: str, path: str, odd: OddNames) -> tuple[Finding, ...]:
    try:
        data = _read_file(root, path)
    except FileNotFoundError:
        return ()
    except (OSError, MemoryError) as error:
        return (_unread(path, error, -1),)
    if isinstance(data, Finding):
        return (data,)
    found = check_image(data, path.rpartition("/")[2], odd)
    return tuple(dataclasses.replace(one, where=path) for one in found)


def _read_file(root: str, path: str) -> bytes | Finding:
    """Read a regular file of bounded size; a FIFO or a device in its place is not waited for, a link not followed."""
    fd = os.open(os.path.join(root, path), os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK)
    try:
        status = os.fstat(fd)
        if not stat.S_ISREG(status.st_mode):
            return Finding("not-jpeg", path, "no regular file")
        if status.st_size > MAX_IMAGE_BYTES:
            return _too_large(path, status.st_size, -1)
        return _read(fd, 0, status.st_size)
    finally:
        os.close(fd)


def check_extents(archive: str, cmyk: Sequence[str], png: Sequence[str], items: Iterable[Item]) -> Iterator[list[Any]]:
    """Check members of an archive; runs in a worker. Yields for each item its findings as lists of their fields."""
    odd = OddNames(frozenset(cmyk), frozenset(png))
    try:
        fd = os.open(archive, os.O_RDONLY)
    except OSError as error:
        yield from (_fields([_unread(_member(archive, name), error, offset)]) for name, offset, _ in items)
        return
    try:
        for name, offset, size_bytes in items:
            found = _check_extent(fd, name, offset, size_bytes, odd)
            yield _fields(dataclasses.replace(one, where=_member(archive, name)) for one in found)
    finally:
        os.close(fd)


def _check_extent(fd: int, name: str, offset: int, size_bytes: int, odd: OddNames) -> tuple[Finding, ...]:
    if size_bytes > MAX_IMAGE_BYTES:
        return (_too_large(name, size_bytes, offset),)
    try:
        data = _read(fd, offset, size_bytes)
    except (OSError, MemoryError) as error:
        return (_unread(name, error, offset),)
    if len(data) < size_bytes:
        return (Finding("truncated", name, f"the archive ends after {len(data)} of {size_bytes} bytes", offset),)
    return tuple(dataclasses.replace(one, offset=offset + max(one.offset, 0)) for one in check_image(data, name, odd))


def _read(fd: int, offset: int, size_bytes: int) -> bytes:
    """Read `[offset, offset + size_bytes)`, or to the end where that comes first."""
    data = os.pread(fd, size_bytes, offset)
    while len(data) < size_bytes and (more := os.pread(fd, size_bytes - len(data), offset + len(data))):
        data += more
    return data


def _too_large(where: str, size_bytes: int, offset: int) -> Finding:
    return Finding("bomb", where, f"{size_bytes} bytes, at most {MAX_IMAGE_BYTES} are read", offset)


def _unread(where: str, error: OSError | MemoryError, offset: int) -> Finding:
    if isinstance(error, MemoryError):
        return Finding("memory", where, "reading needs more memory than a worker may use", offset)
    return Finding("unreadable", where, f"{error.strerror} (errno {error.errno})", offset)


def _fields(found: Iterable[Finding]) -> list[Any]:
    """A finding as what may cross from a worker: the list of its fields."""
    return [[one.kind, one.where, one.why, one.offset, one.is_problem] for one in found]
