"""The files of an export in a store, brought to a folder of this disk: its shards one after another.

Rules guarded: every shard has its name and length in the folder all the time, as a hole that takes no room, so that a
reader finds them as in a folder that is whole; its bytes come before its rows are read and go afterwards, and while one
is read some of the next come. No more is taken of an object than its list says that it has. What comes is held against
that list at once; what differs is a finding, but a store that does not answer ends it.
"""

from __future__ import annotations

import os
from collections.abc import Collection, Iterator
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from queue import SimpleQueue

from kilotar.errors import DiskFull, OurError, storage_error
from kilotar.events import Emit, Finding
from kilotar.exec.base import TaskFailed, TaskResult
from kilotar.exec.threads import ThreadExecutor
from kilotar.model.seams import Written
from kilotar.store.files import publish
from kilotar.store.objects import ObjectStore
from kilotar.work.file_check import digest
from kilotar.work.object_check import compare_sha256, digest_object, measure_object
from kilotar.work.spread import spread

__all__ = ["Bringing"]

_AHEAD_BYTES = 1 << 30  # of the shard that is read and those that come meanwhile, unless it is longer itself


class Bringing:
    """Brings files. It is entered before anything is brought, and closed in the end.

    Args:
        store:   has them.
        folder:  where they come to; made by `begin`.
        files:   all that the export's list names.
        shards:  paths of those that come one after another; all others stay.
        threads: how many come at once.
    """

    def __init__(
        self,
        store: ObjectStore,
        folder: Path,
        files: tuple[Written, ...],
        shards: Collection[str],
        threads: int,
        emit: Emit,
    ) -> None:
        self.folder = folder
        self._store = store
        self._shards = {file.path: file for file in files if file.path in shards}
        self._beside = tuple(file for file in files if file.path not in shards)
        self._order = tuple(self._shards)
        self._places = {path: place for place, path in enumerate(self._order)}
        self._threads = threads
        self._emit = emit
        self._inbox: SimpleQueue[TaskResult] = SimpleQueue()
        self._executor = ThreadExecutor(threads, self._inbox.put, name="bring")
        self._under_way: dict[str, TaskResult | None] = {}  # asked for, and still here
        self._asked: set[str] = set()
        self._held: set[str] = set()

    @property
    def room_bytes(self) -> int:
        """How much room it takes at most."""
        sizes = [file.size_bytes for file in self._shards.values()]
        return sum(file.size_bytes for file in self._beside) + max(min(sum(sizes), _AHEAD_BYTES), *sizes, 0)

    def refuse_when_full(self, more_bytes: int = 0) -> None:
        """Refuse to begin where there is no room.

        Args:
            more_bytes: that are needed there beside.
        Raises: DiskFull, MachineError.
        """
        place = next(place for place in (self.folder, *self.folder.parents) if place.is_dir())
        try:
            facts = os.statvfs(place)
        except OSError as error:
            raise storage_error(error, f"look at {place}") from error
        needed, free = self.room_bytes + more_bytes, facts.f_bavail * facts.f_frsize
        if needed > free:
            raise DiskFull(
                f"there is no room in {place} for what must be brought there",
                seen=f"{needed:,} bytes are needed, {self.room_bytes:,} for files of the store; {free:,} are free",
                fix="make room, or choose another disk: TMPDIR for verify, ROOT for export",
            )

    def begin(self) -> tuple[Finding, ...]:
        """Bring what stands beside the shards, and make the holes; give what is wrong with the former.

        Raises: StoreFailed, MachineError.
        """
        try:
            self._clear()
            for file in (*self._beside, *self._shards.values()):
                (self.folder / file.path).parent.mkdir(parents=True, exist_ok=True)
        except OSError as error:
            raise storage_error(error, f"make the folder {self.folder}") from error
        for path in self._shards:
            self._empty(path)
        work = (partial(self._keep, file) for file in self._beside)
        return tuple(filter(None, spread(work, self._threads, "bring", self._emit)))

    @contextmanager
    def held(self, path: str) -> Iterator[Finding | None]:
        """Have a shard here; give what is wrong with it. Of other paths nothing is known.

        Raises: StoreFailed, MachineError.
        """
        if path not in self._shards:
            yield None
            return
        self._held.add(path)
        self._ask(path)
        self._ask_ahead(path)
        finding = self._answer(path)
        try:
            yield finding
        finally:
            del self._under_way[path]
            self._empty(path)

    def check_unread(self) -> Iterator[Finding]:
        """Read the shards that were not held, and give what is wrong with them. Raises StoreFailed."""
        unread = (file for path, file in self._shards.items() if path not in self._held)
        work = (partial(digest_object, self._store, file) for file in unread)
        yield from filter(None, spread(work, self._threads, "verify objects", self._emit))

    def close(self) -> None:
        """Bring nothing more."""
        self._executor.close()

    def _ask(self, path: str) -> None:
        if path not in self._under_way:
            self._under_way[path] = None
            self._asked.add(path)
            self._executor.submit(path, partial(self._bring, self._shards[path]))

    def _ask_ahead(self, path: str) -> None:
        """Ask for the shards that follow in the list, as many as may lie here."""
        for following in self._order[self._places[path] + 1 :]:
            held = sum(self._shards[other].size_bytes for other in self._under_way)
            is_much = held + self._shards[following].size_bytes > _AHEAD_BYTES
            if is_much or len(self._under_way) > self._threads:
                return
            if following not in self._asked:
                self._ask(following)

    def _answer(self, path: str) -> Finding | None:
        """Wait for a shard. Raises what bringing it raised."""
        while (result := self._under_way[path]) is None:
            other = self._inbox.get()
            self._under_way[other.key] = other
        if isinstance(result, TaskFailed):
            error = result.error
            raise storage_error(error, f"bring {path}") if isinstance(error, OSError) else error
        found: Finding | None = result.value
        return found

    def _clear(self) -> None:
        """Remove what an earlier run left and is not listed: readers take what they find. Raises OSError."""
        self.folder.mkdir(parents=True, exist_ok=True)
        listed = {str(self.folder / file.path) for file in (*self._beside, *self._shards.values())}
        for folder, _, names in os.walk(self.folder):
            for path in (os.path.join(folder, name) for name in names):
                if path not in listed:
                    os.unlink(path)

    def _keep(self, file: Written) -> Finding | None:
        """Bring a file that stays, unless it is here from a run before."""
        return self._bring(file) if digest(self.folder / file.path, file) is not None else None

    def _bring(self, file: Written) -> Finding | None:
        """Bring a file; give what is wrong with it. Raises StoreFailed, MachineError."""
        finding = measure_object(self._store, file)
        if finding is not None and finding.kind == "missing":
            (self.folder / file.path).unlink(missing_ok=True)
            return finding
        written = publish(self.folder / file.path, self._chunks(file), durable=False)
        return finding or compare_sha256(written.sha256, file)

    def _chunks(self, file: Written) -> Iterator[bytes | memoryview]:
        """Give an object as far as its list says that it goes. Raises StoreFailed."""
        left = file.size_bytes
        for chunk in self._store.chunks(file.path):
            if self._executor.stop.is_set():
                raise OurError(f"{file.path} is not brought any more")
            yield chunk[:left]
            left -= min(left, len(chunk))
            if not left:
                return

    def _empty(self, path: str) -> None:
        """Put a hole in the place of a shard; whoever has it open still may read it. Raises MachineError."""
        try:
            (self.folder / path).unlink(missing_ok=True)
            with open(self.folder / path, "xb") as file:
                file.truncate(self._shards[path].size_bytes)
        except OSError as error:
            raise storage_error(error, f"make room for {self.folder / path}") from error

    def __enter__(self) -> Bringing:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()
