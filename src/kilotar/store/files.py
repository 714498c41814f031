"""Files that appear whole or not at all.

Rules guarded: every byte is written by an explicit write whose error is checked (Python swallows ENOSPC on an implicit
close); temporary file in the target's own folder, fsync, close, rename, fsync of the folder; an fsync that fails once
throws the temporary file away and starts anew, because the kernel marks the page clean and a second fsync "succeeds".
"""

from __future__ import annotations

import ctypes
import errno
import hashlib
import itertools
import os
import re
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path

from kilotar.errors import storage_error
from kilotar.model.seams import Written

__all__ = [
    "Folder",
    "file_sha256",
    "fsync_folder",
    "publish",
    "publish_built",
    "read_file",
    "sync_file_system",
    "write_all",
]

FILE_MODE = 0o644
PART_SUFFIX = ".part"
_TEMPORARY = re.compile(r"\.[0-9a-f]+\.[0-9]+\.part", re.ASCII)
_OF_LIBRARIES = re.compile(r"\.tmp[0-9A-Za-z]{6}", re.ASCII)  # of Rust's tempfile: Lance writes so, and renames
_READ_BYTES = 1 << 20
WRITE_BYTES = 512 << 10  # a write of 2 MiB cost ten times the system time of four smaller ones (measured, 6.18, ext4)
_EARLY_BYTES = 32 << 20  # of a file of 3 GB that are sent to the disk together, while the next are written
_JOINED_BYTES = 1 << 18  # stays in the cache of a core between its write and its hash
_TRY_AGAIN = (errno.EIO, errno.ENOENT)  # ENOENT: where locks are no-ops, another run may sweep our temporary file away
_run = os.urandom(4).hex()
_counter = itertools.count()


def write_all(fd: int, data: bytes | memoryview) -> int:
    """Write all of `data`, however short the single writes are; give its length. Raises OSError."""
    size = len(data)
    if size <= WRITE_BYTES:
        done = os.write(fd, data)
        if done == size:
            return done
    else:
        done = 0
    view = memoryview(data)
    while done < size:
        done += os.write(fd, view[done : done + WRITE_BYTES])
    return done


def fsync_folder(path: Path) -> None:
    """Make the names in a folder durable. File systems that cannot sync a folder are taken as they are."""
    fd = os.open(path, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        os.fsync(fd)
    except OSError as error:
        if error.errno not in (errno.EINVAL, errno.ENOTSUP):
            raise
    finally:
        os.close(fd)


def _find(name: str) -> ctypes._NamedFuncPointer | None:
    """Give a call of the C library that Python lacks, None where it is missing (macOS)."""
    return getattr(ctypes.CDLL(None, use_errno=True), name, None)


_syncfs = _find("syncfs")
_sync_file_range = _find("sync_file_range")
_BEGIN_ONLY = 2  # SYNC_FILE_RANGE_WRITE: to wait for it, and to be told of errors, is fsync's


def _send_early(fd: int, start: int, stop: int) -> None:
    """Let the disk begin with bytes `[start, stop)`, so that there is less to wait for in the end; a hint only.

    A file of 3.3 GB was durable after 5.6 s instead of 6.9 s (measured: recordio, ext4).
    """
    if _sync_file_range is not None:
        _sync_file_range(fd, ctypes.c_int64(start), ctypes.c_int64(stop - start), ctypes.c_uint(_BEGIN_ONLY))


def sync_file_system(path: Path) -> None:
    """Make everything written so far below `path`'s file system durable, in one call.

    One `syncfs` for some hundred files costs a fourth of an fsync each (measured).
    Raises: OSError. Where `syncfs` is missing (macOS), all file systems are synced.
    """
    if _syncfs is None:
        os.sync()
        return
    fd = os.open(path, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        if _syncfs(fd) != 0:
            number = ctypes.get_errno()
            raise OSError(number, os.strerror(number), str(path))
    finally:
        os.close(fd)


def publish(path: Path, chunks: Iterable[bytes | memoryview], *, durable: bool = True) -> Written:
    """Write a file durably under its name, replacing an older one.

    Args:
        path:   final name; its folder exists.
        chunks: the content; after an I/O error it is read a second time, unless it is an iterator.
        durable: False where the caller syncs the file system before it believes in the file.
    Returns: the path as given, length and SHA-256.
    Raises:
        MachineError: the disk did not take it; nothing is left under the final name that was not there before.
    """
    try:
        try:
            return _publish_once(path, chunks, durable)
        except OSError as error:
            if error.errno not in _TRY_AGAIN or iter(chunks) is chunks:
                raise
        return _publish_once(path, chunks, durable)
    except OSError as error:
        raise storage_error(error, f"write {path}") from error


def publish_built(path: Path, build: Callable[[Path], None], *, durable: bool = True) -> Written:
    """Write a file durably under its name, where something else writes it: `build` makes it at the path it is given.

    Its bytes are read once more for their digest. `durable` as in `publish`.
    Raises: MachineError; what `build` raises besides OSError.
    """
    temporary = _temporary(path)
    try:
        try:
            build(temporary)
            digest, size_bytes = _hash_built(temporary, durable)
            os.rename(temporary, path)
        except BaseException:
            _drop(temporary)
            raise
        if durable:
            fsync_folder(path.parent)
    except OSError as error:
        raise storage_error(error, f"write {path}") from error
    return Written(str(path), size_bytes, digest)


def _hash_built(path: Path, durable: bool) -> tuple[str, int]:
    fd = os.open(path, os.O_RDWR | os.O_CLOEXEC | os.O_NOFOLLOW)
    with open(fd, "rb") as file:
        os.fchmod(fd, FILE_MODE)
        size_bytes = os.fstat(fd).st_size
        _send_early(fd, 0, size_bytes)
        digest = hashlib.file_digest(file, "sha256").hexdigest()
        if durable:
            os.fsync(fd)
        return digest, size_bytes


def _temporary(path: Path) -> Path:
    return path.with_name(f".{os.getpid():x}{_run}.{next(_counter)}{PART_SUFFIX}")  # a fork has its parent's _run


def _publish_once(path: Path, chunks: Iterable[bytes | memoryview], durable: bool) -> Written:
    temporary = _temporary(path)
    flags = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC | os.O_NOFOLLOW
    fd = os.open(temporary, flags, FILE_MODE)
    try:
        try:
            digest, size_bytes = _write_hashed(fd, chunks)
            if durable:
                os.fsync(fd)
        finally:
            os.close(fd)
        os.rename(temporary, path)
    except BaseException:
        _drop(temporary)
        raise
    if durable:
        fsync_folder(path.parent)
    return Written(str(path), size_bytes, digest)


def _write_hashed(fd: int, chunks: Iterable[bytes | memoryview]) -> tuple[str, int]:
    """Write chunks; give their SHA-256 and length. Raises OSError."""
    digest, size_bytes, sent = hashlib.sha256(), 0, 0
    for run in _joined(chunks):
        size_bytes += write_all(fd, run)
        digest.update(run)
        if size_bytes - sent >= _EARLY_BYTES:
            _send_early(fd, sent, size_bytes)
            sent = size_bytes
    return digest.hexdigest(), size_bytes


def _joined(chunks: Iterable[bytes | memoryview]) -> Iterator[bytes | memoryview]:
    """Give many small chunks as fewer runs, each valid until the next is asked for; a large one is passed on.

    A shard has nine chunks an image; to write and hash them one by one took a third more time (measured: webdataset).
    """
    buffer, filled = memoryview(bytearray(_JOINED_BYTES)), 0
    for chunk in chunks:
        size = len(chunk)
        if filled + size > _JOINED_BYTES:
            yield buffer[:filled]
            filled = 0
        if size > _JOINED_BYTES:
            yield chunk
        else:
            buffer[filled : filled + size] = chunk
            filled += size
    yield buffer[:filled]


def _drop(path: Path) -> None:
    try:
        os.unlink(path)
    except FileNotFoundError:
        return


def sweep(folder: Path, *, ours: bool = False) -> int:
    """Remove temporary files that a dead run left; give their number.

    Args:
        ours: nobody else writes into the folder, so that what a library of a format left goes as well.
    """
    removed = 0
    with os.scandir(folder) as entries:
        for entry in entries:
            if _TEMPORARY.fullmatch(entry.name) or (ours and _OF_LIBRARIES.fullmatch(entry.name)):
                _drop(Path(entry.path))
                removed += 1
    return removed


def read_file(path: Path) -> bytes | None:
    """Give the content of a small file, None where there is none. Raises MachineError."""
    try:
        return path.read_bytes()
    except (FileNotFoundError, NotADirectoryError):
        return None
    except OSError as error:
        raise storage_error(error, f"read {path}") from error


def file_sha256(path: Path) -> tuple[int, str]:
    """Give length and SHA-256 (hex) of a regular file; links are not followed. Raises OSError."""
    fd = os.open(path, os.O_RDONLY | os.O_CLOEXEC | os.O_NOFOLLOW)
    try:
        digest, size_bytes = hashlib.sha256(), 0
        while chunk := os.read(fd, _READ_BYTES):
            digest.update(chunk)
            size_bytes += len(chunk)
        return size_bytes, digest.hexdigest()
    finally:
        os.close(fd)


class Folder:
    """A folder as sinks see it (`kilotar.model.seams.OutFolder`): whole files by relative path.

    Args:
        root:    the folder.
        durable: False where the caller syncs the file system before it believes in the files.
    """

    def __init__(self, root: Path, *, durable: bool = True) -> None:
        self.root = root
        self._durable = durable
        self._swept: set[Path] = set()

    def publish(self, path: str, chunks: Iterable[bytes | memoryview]) -> Written:
        """Write one file below the root; folders on the way are made, and freed of what a dead run left there.

        Raises: MachineError.
        """
        target = self.root / path
        try:
            target.parent.mkdir(parents=True, exist_ok=True)
            if target.parent not in self._swept:
                sweep(target.parent)
                self._swept.add(target.parent)
        except OSError as error:
            raise storage_error(error, f"make the folder of {path}") from error
        written = publish(target, chunks, durable=self._durable)
        return Written(path, written.size_bytes, written.sha256)

    def read(self, path: str, offset: int, size_bytes: int) -> bytes:
        """Give bytes of a file below the root; fewer where it ends before. Raises: MachineError."""
        try:
            with (self.root / path).open("rb") as file:
                file.seek(offset)
                return file.read(size_bytes)
        except OSError as error:
            raise storage_error(error, f"read {self.root / path}") from error
