"""Archives on this disk: found by name, looked at before they are believed, proved while they are read.

Rules guarded: a file is taken for an archive by its name and its published length, never by its presence alone; a
saved log-in page is said to be one; the digest of the whole file is taken in one sequential pass that reports what it
has read, and waits while it is further ahead than wanted.
"""

from __future__ import annotations

import errno
import hashlib
import os
import threading
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from kilotar.errors import ArchiveRefused, DigestMismatch, LayoutRefused, storage_error
from kilotar.model.edition import Archive

__all__ = [
    "FileIdentity",
    "LocalArchive",
    "Proof",
    "find_archives",
    "find_loose",
    "identify",
    "is_still",
    "refuse_unpublished",
]

_READ_BYTES = 4 << 20
_PROGRESS_BYTES = 64 << 20


@dataclass(frozen=True, slots=True)
class FileIdentity:
    """What tells this very file from any other: a copy, or a file changed since, has another identity."""

    size_bytes: int
    mtime_ns: int
    ctime_ns: int
    inode: int

    def __str__(self) -> str:
        return f"{self.size_bytes}:{self.mtime_ns}:{self.ctime_ns}:{self.inode}"


@dataclass(frozen=True, slots=True)
class LocalArchive:
    """An archive of the edition, and the file that stands for it."""

    about: Archive
    path: Path
    identity: FileIdentity

    @property
    def name(self) -> str:
        return self.about.name

    @property
    def size_bytes(self) -> int:
        return self.identity.size_bytes


def identify(path: Path) -> FileIdentity:
    """Give the identity of a regular file that can be read. Raises LayoutRefused, AccessDenied."""
    identity = _identity_of(path)
    if not path.is_file():
        raise LayoutRefused(f"{path} is not a regular file")
    if not os.access(path, os.R_OK):
        raise storage_error(PermissionError(errno.EACCES, os.strerror(errno.EACCES), str(path)), f"open {path}")
    return identity


def is_still(path: Path, identity: str) -> bool:
    """Tell whether the file at `path` is the one of an identity, as `str` gives it. Raises as `identify`.

    An archive that came piece by piece has no modification time in its identity: it is told by inode and length, and
    its bytes by the hashes of its pieces.
    """
    now = identify(path)
    size_bytes, mtime_ns, _, inode = identity.split(":")
    grew_here = mtime_ns == "0" and (size_bytes, inode) == (str(now.size_bytes), str(now.inode))
    return grew_here or str(now) == identity


def find_archives(folder: Path, wanted: tuple[Archive, ...]) -> tuple[LocalArchive, ...]:
    """Give those of the wanted archives that lie in a folder, in the order asked.

    Raises: LayoutRefused when the folder is none; MachineError when a file there cannot be opened.
    """
    if not folder.is_dir():
        seen = "it is a file; give the folder that it is in" if folder.is_file() else "there is no such folder"
        raise LayoutRefused(f"{folder} is not a folder with archives", seen=seen)
    found = ((about, folder / about.name) for about in wanted)
    return tuple(LocalArchive(about, path, identify(path)) for about, path in found if _is_there(path))


def find_loose(folder: Path, wanted: tuple[Archive, ...]) -> tuple[LocalArchive, ...]:
    """Give those of the wanted small archives that lie in a folder, also gunzipped (as browsers do) or unpacked.

    Raises: MachineError when something there cannot be looked at.
    """
    found = []
    for about in wanted:
        stem = about.name.removesuffix(".gz").removesuffix(".tgz").removesuffix(".tar")
        paths = (folder / name for name in (about.name, f"{stem}.tar", stem))
        path = next((path for path in paths if _is_there(path)), None)
        if path is not None:
            found.append(LocalArchive(about, path, _identity_of(path)))
    return tuple(found)


def _is_there(path: Path) -> bool:
    try:
        path.stat()
    except (FileNotFoundError, NotADirectoryError):
        return False
    except OSError as error:
        raise storage_error(error, f"look at {path}") from error
    return True


def _identity_of(path: Path) -> FileIdentity:
    try:
        facts = path.stat()
    except OSError as error:
        raise storage_error(error, f"look at {path}") from error
    return FileIdentity(facts.st_size, facts.st_mtime_ns, facts.st_ctime_ns, facts.st_ino)


def refuse_unpublished(archive: LocalArchive) -> None:
    """Refuse a file whose length is not the published one, before anything is done with it.

    Raises: DigestMismatch.
    """
    expected = archive.about.size_bytes
    if expected is None or archive.size_bytes == expected:
        return
    missing = expected - archive.size_bytes
    difference = f"{missing:,} bytes are missing" if missing > 0 else f"{-missing:,} bytes too many"
    raise DigestMismatch(
        f"{archive.path} is not the published {archive.name}",
        seen=f"{archive.size_bytes:,} bytes, published {expected:,}: {difference}",
        fix="get the whole archive, or pass --unverified to use this file as it is",
    )


class Proof:
    """Takes the digest of one archive in one pass, no further ahead than it is allowed to be.

    Args:
        archive:   the file.
        algorithm: "sha256", "sha1" or "md5".
    """

    def __init__(self, archive: LocalArchive, algorithm: str) -> None:
        self._archive = archive
        self._algorithm = algorithm
        self._turn = threading.Condition()
        self._allowed = 0
        self._cancelled = False

    def allow(self, stop: int) -> None:
        """Let the pass read up to `stop`."""
        with self._turn:
            self._allowed = max(self._allowed, stop)
            self._turn.notify()

    def cancel(self) -> None:
        """Make `run` return "" soon."""
        with self._turn:
            self._cancelled = True
            self._turn.notify()

    def run(self, on_landed: Callable[[int], None]) -> str:
        """Read the whole file; give its digest in hex, "" when cancelled.

        Args:
            on_landed: called with the number of bytes read so far, at least every 64 MiB and before each wait, from the
                calling thread.
        Raises: MachineError when the disk fails; ArchiveRefused when the file ends early or grows meanwhile.
        """
        path, total = self._archive.path, self._archive.size_bytes
        try:
            fd = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
        except OSError as error:
            raise storage_error(error, f"open {path}") from error
        try:
            return self._pass(fd, total, on_landed)
        except OSError as error:
            raise storage_error(error, f"read {path}") from error
        finally:
            os.close(fd)

    def _pass(self, fd: int, total: int, on_landed: Callable[[int], None]) -> str:
        digest = hashlib.new(self._algorithm)
        buffer = memoryview(bytearray(_READ_BYTES))
        at = told = 0
        while at < total:
            if told < at and self._must_wait(at):  # who wanted it only this far may wait for the last of it
                on_landed(at)
                told = at
            if not self._may_read(at):
                return ""
            count = os.preadv(fd, [buffer], at)
            if count == 0:
                raise ArchiveRefused(
                    f"{self._archive.path} became shorter while it was read", seen=f"ends at byte {at}"
                )
            digest.update(buffer[:count])
            at += count
            if at - told >= _PROGRESS_BYTES or at >= total:
                on_landed(at)
                told = at
        if not is_still(self._archive.path, str(self._archive.identity)):
            raise ArchiveRefused(
                f"{self._archive.path} changed while it was read", fix="let its writer end, then run again"
            )
        return digest.hexdigest()

    def _must_wait(self, at: int) -> bool:
        with self._turn:
            return self._allowed <= at

    def _may_read(self, at: int) -> bool:
        with self._turn:
            self._turn.wait_for(lambda: self._cancelled or self._allowed > at)
            return not self._cancelled
