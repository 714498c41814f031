"""A tree that grows beside its final place and is moved there whole.

Rules guarded: an image is written under its final name inside a staging folder of the same file system, by calls
relative to open folders; names of the final place appear by one rename each (`train`, `val`), after everything below
them is durable; a second tree links its files where it can. Nothing of another run, or of a person, is overwritten.
"""

from __future__ import annotations

import errno
import os
import shutil
import stat
from collections.abc import Iterator
from pathlib import Path

from kilotar.errors import DecisionNeeded, storage_error
from kilotar.store.files import FILE_MODE, fsync_folder, sweep, sync_file_system, write_all

__all__ = ["Staging", "StagingWriter"]

_FLAGS = os.O_WRONLY | os.O_CREAT | os.O_CLOEXEC | os.O_NOFOLLOW
_NO_LINKS = frozenset((errno.EPERM, errno.EXDEV, errno.EMLINK, errno.ENOTSUP, errno.EOPNOTSUPP))
_COPY_BYTES = 1 << 20


class Staging:
    """The staging folder of one plan, in the folder where the output will stand.

    Args:
        out:     folder of the output.
        plan_id: makes the staging folder's name, so that plans never share one.
    """

    def __init__(self, out: Path, plan_id: str) -> None:
        self.out = out
        self.folder = out / f".kilotar-{plan_id[:12]}"

    def open(self, *, swept: bool = False) -> None:
        """Make the folders. Raises MachineError.

        Args:
            swept: remove temporary files of dead runs below it, where whole files are published there.
        """
        try:
            self.folder.mkdir(parents=True, exist_ok=True)
            for folder, _, _ in os.walk(self.folder) if swept else ():
                sweep(Path(folder), ours=True)
        except OSError as error:
            raise storage_error(error, f"make the folder {self.folder}") from error

    def sync(self) -> None:
        """Make all that was staged durable. Raises MachineError."""
        try:
            sync_file_system(self.folder)
        except OSError as error:
            raise storage_error(error, f"sync {self.folder}") from error

    def entries(self) -> tuple[str, ...]:
        """Give the names that wait to be moved, sorted; () when the staging folder is gone."""
        try:
            return tuple(sorted(os.listdir(self.folder)))
        except FileNotFoundError:
            return ()

    def refuse_taken(self, names: frozenset[str]) -> None:
        """Refuse to begin where the final names are taken by something that is not ours.

        Raises: DecisionNeeded.
        """
        taken = sorted(name for name in names if os.path.lexists(self.out / name))
        if taken:
            raise DecisionNeeded(
                f"{self.out / taken[0]} is there already and was not made by this run",
                seen=f"taken: {', '.join(taken)}; nothing of it was touched",
                fix="choose another root or --out, or move that folder away",
            )

    def move_into_place(self) -> None:
        """Rename every staged name to its final place and drop the staging folder. Safe to repeat after a kill.

        Raises: MachineError, DecisionNeeded.
        """
        self.refuse_taken(frozenset(self.entries()))
        try:
            for name in self.entries():
                os.rename(self.folder / name, self.out / name)
            fsync_folder(self.out)
            if self.folder.is_dir():
                self.folder.rmdir()
        except OSError as error:
            raise storage_error(error, f"move {self.folder} into place") from error

    def tidy(self) -> None:
        """Drop what is left when the output is complete; nothing is, of one that was moved."""

    def writer(self) -> StagingWriter:
        return StagingWriter(self.folder)


class StagingWriter:
    """Writes files below one folder, holding the last used folder open. For one thread; close it.

    Errors are `OSError`: the caller knows what it was doing.
    """

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._parent = ""
        self._fd = os.open(folder, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)

    def write(self, path: str, data: bytes | memoryview) -> None:
        """Write one file; a leftover of a killed run under this name is replaced."""
        parent, _, name = path.rpartition("/")
        if parent != self._parent:
            self._enter(parent)
        fd = self._create(name, len(data))
        try:
            write_all(fd, data)
        finally:
            os.close(fd)

    def _create(self, name: str, size_bytes: int) -> int:
        """Make a new file, or open a leftover to write the same bytes over it.

        A leftover is never cut: where locks are no-ops, it may be the whole file of another run of this plan. One that
        is no file, is too long, or has a second name in a finished tree is unlinked.
        """
        try:
            return os.open(name, _FLAGS | os.O_EXCL, FILE_MODE, dir_fd=self._fd)
        except FileExistsError:
            leftover = os.stat(name, dir_fd=self._fd, follow_symlinks=False)
        if stat.S_ISREG(leftover.st_mode) and leftover.st_nlink == 1 and leftover.st_size <= size_bytes:
            return os.open(name, _FLAGS, FILE_MODE, dir_fd=self._fd)
        os.unlink(name, dir_fd=self._fd)
        return os.open(name, _FLAGS | os.O_EXCL, FILE_MODE, dir_fd=self._fd)

    def link(self, path: str, source: Path) -> bool:
        """Give a file a second name, or copy it where links are not to be had; tell whether it is a link."""
        parent, _, name = path.rpartition("/")
        if parent != self._parent:
            self._enter(parent)
        try:
            os.link(source, name, dst_dir_fd=self._fd, follow_symlinks=False)
            return True
        except FileExistsError:
            os.unlink(name, dir_fd=self._fd)
            return self.link(path, source)
        except OSError as error:
            if error.errno not in _NO_LINKS:
                raise
        self._copy(name, source)
        return False

    def _copy(self, name: str, source: Path) -> None:
        """Copy, as a reflink where the file system has them: copy_file_range clones on btrfs and XFS."""
        read_fd = os.open(source, os.O_RDONLY | os.O_CLOEXEC | os.O_NOFOLLOW)
        try:
            fd = self._create(name, os.fstat(read_fd).st_size)
            try:
                _copy_bytes(read_fd, fd)
            finally:
                os.close(fd)
        finally:
            os.close(read_fd)

    def _enter(self, parent: str) -> None:
        folder = self._folder / parent
        try:
            fd = os.open(folder, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
        except FileNotFoundError:
            folder.mkdir(parents=True, exist_ok=True)
            fd = os.open(folder, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
        os.close(self._fd)
        self._fd, self._parent = fd, parent

    def close(self) -> None:
        os.close(self._fd)


def _copy_bytes(source: int, target: int) -> None:
    left = os.fstat(source).st_size
    try:
        while left > 0 and (moved := os.copy_file_range(source, target, left)) > 0:
            left -= moved
    except OSError as error:
        if error.errno not in (errno.EXDEV, errno.EINVAL, errno.ENOSYS, errno.EOPNOTSUPP):
            raise
    for chunk in _chunks(source) if left else ():
        write_all(target, chunk)


def _chunks(fd: int) -> Iterator[bytes]:
    while chunk := os.read(fd, _COPY_BYTES):
        yield chunk


def remove_tree(folder: Path) -> None:
    """Remove a staging folder of ours that no plan wants any more. Raises MachineError."""
    try:
        shutil.rmtree(folder)
    except FileNotFoundError:
        return
    except OSError as error:
        raise storage_error(error, f"remove {folder}") from error
