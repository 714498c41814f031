"""What a store of objects can do, and how a file is put there once.

Rules guarded: an object appears whole under its final name, by one conditional write; what stands there already is
taken when it is these very bytes, and refused when not, never overwritten; nothing is decided by a listing; a failure
of the network is tried again a few times, and the same bytes are sent.
Source: If-None-Match on S3: docs.aws.amazon.com, "conditional writes".
"""

from __future__ import annotations

import hashlib
import importlib.util
import time
from collections.abc import Iterator
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import Protocol

from kilotar.errors import DecisionNeeded, MissingExtra, StoreFailed
from kilotar.model.seams import Written
from kilotar.parse.remote import Remote

__all__ = ["AGAIN", "ObjectFact", "ObjectStore", "Unanswered", "Untold", "object_sha256", "open_store", "put_once"]

AGAIN = "run the same command again; it goes on where it stopped"
_WAITS_S = (0.2, 1.0, 3.0)  # between tries of a put whose outcome is not known; the client itself waits longer on 5xx


@dataclass(frozen=True, slots=True)
class ObjectFact:
    """What is known of an object without reading it: its length, and the SHA-256 that we gave it, "" for none."""

    size_bytes: int
    sha256: str = ""

    def differs_from(self, file: Written) -> bool:
        """Tell whether it cannot be these bytes."""
        return self.size_bytes != file.size_bytes or self.sha256 not in ("", file.sha256)


class Unanswered(Exception):
    """A file was sent and the answer did not come: whether the object is there now is not known."""

    def __init__(self, failure: StoreFailed) -> None:
        super().__init__(failure.what)
        self.failure = failure


class Untold(Exception):
    """Stands for an error of a client, whose text may hold a password: of it a traceback shows the class alone."""

    @classmethod
    def of(cls, error: Exception) -> Untold:
        return cls(type(error).__name__)


class ObjectStore(Protocol):
    """The objects below one address. Names are relative and "/"-separated; all raise StoreFailed."""

    def create(self, file: Path, about: Written) -> bool:
        """Send a file as a new object named `about.path`; give False, and leave it, where something has that name.

        Raises: Unanswered; StoreFailed; MachineError where the file cannot be read.
        """
        ...

    def look_first(self) -> None:
        """Look before every put from now on, because this store does not heed conditions."""
        ...

    def look(self, name: str) -> ObjectFact | None:
        """Ask for an object by its name; None where there is none."""
        ...

    def read(self, name: str, offset: int, size_bytes: int) -> bytes:
        """Give bytes of an object; fewer where it ends before."""
        ...

    def chunks(self, name: str) -> Iterator[bytes | memoryview]:
        """Give an object piece by piece."""
        ...


@lru_cache(maxsize=8)
def open_store(remote: Remote) -> ObjectStore:
    """Give the store that an address is in, the same one each time: it keeps its connections. Nothing is asked yet.

    Raises: MissingExtra; UsageError for an address that its client does not know.
    """
    if not remote.is_bucket:
        from kilotar.store.file_systems import FileSystemStore

        return FileSystemStore(remote)
    if importlib.util.find_spec("obstore") is None:
        raise MissingExtra(
            f"{remote.scheme}://... needs obstore", seen="it is not installed", fix="pip install 'kilotar[cloud]'"
        )
    from kilotar.store.buckets import Bucket

    return Bucket(remote)


def put_once(store: ObjectStore, file: Path, about: Written) -> None:
    """Make sure that an object holds a file: put it there, or find that it is there.

    Args:
        about: its name below the store's address, its length and digest.
    Raises: DecisionNeeded where the name is taken by other bytes; StoreFailed.
    """
    for wait_s in (*_WAITS_S, None):
        try:
            if store.create(file, about) or _is_there(store, about):
                return
            trouble = StoreFailed(f"{about.path} is taken, and gone when it is looked at", fix=AGAIN)
        except Unanswered as error:
            trouble = error.failure
        if wait_s is None:
            raise trouble
        time.sleep(wait_s)


def _is_there(store: ObjectStore, about: Written) -> bool:
    """Tell whether an object stands under a name that was taken. Raises DecisionNeeded where it is another one."""
    found = store.look(about.path)
    if found is None:
        return False
    if found.differs_from(about):
        _refuse(about, f"{found.size_bytes:,} bytes, sha256 {found.sha256 or 'unknown'}")
    if not found.sha256 and (digest := object_sha256(store, about.path)) != about.sha256:
        _refuse(about, f"sha256 {digest}")
    return True


def _refuse(about: Written, found: str) -> None:
    raise DecisionNeeded(
        f"{about.path} is there already and holds something else",
        seen=f"there: {found}; ours: {about.size_bytes:,} bytes, sha256 {about.sha256}; nothing was overwritten",
        fix="remove that object, or give --out another prefix; then run the same command again",
    )


def object_sha256(store: ObjectStore, name: str) -> str:
    """Read an object and give its SHA-256 in hex. Raises StoreFailed."""
    digest = hashlib.sha256()
    for chunk in store.chunks(name):
        digest.update(chunk)
    return digest.hexdigest()
