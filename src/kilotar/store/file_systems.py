"""Whatever else fsspec can write to: sftp, smb, hdfs, webdav, memory.

Rules guarded: these have no conditional write, so the name is looked at first, the file goes under a temporary name
beside it and is renamed: nobody sees half of it. The window between look and rename is closed by the claim
(`kilotar.store.remote_folder`) against our own runs, and open to strangers.
Source: fsspec's `AbstractFileSystem` (filesystem-spec.readthedocs.io, "API Reference").
"""

from __future__ import annotations

from collections.abc import Generator, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import fsspec

from kilotar.errors import MissingExtra, StoreFailed, UsageError
from kilotar.model.seams import Written
from kilotar.parse.remote import Remote
from kilotar.store.objects import AGAIN, ObjectFact, Untold

__all__ = ["FileSystemStore"]

_READ_BYTES = 4 << 20
_PART_SUFFIX = ".part"


class FileSystemStore:
    """The files below an address of fsspec (`kilotar.store.objects.ObjectStore`).

    Raises: MissingExtra for a protocol whose package is missing, UsageError for one that is not known, StoreFailed.
    """

    def __init__(self, remote: Remote) -> None:
        self._remote = remote
        try:
            found: tuple[Any, str] = fsspec.core.url_to_fs(remote.url)
        except ImportError as error:
            raise MissingExtra(
                f"{remote.scheme}://... needs a package of fsspec", seen=str(error), fix="pip install what it names"
            ) from error
        except ValueError as error:
            raise UsageError(
                f"there is no way to write to {remote.scheme}://...",
                seen="neither obstore nor fsspec knows it",
                fix="a folder, s3://, gs://, az://, sftp:// ...",
            ) from error
        except Exception as error:  # noqa: BLE001 - as in `_asking`
            raise self._failure(error, "open it") from Untold.of(error)
        self._fs, self._base = found[0], found[1].rstrip("/")

    def create(self, file: Path, about: Written) -> bool:
        """Send a file as a new one, by a temporary name."""
        path = self._path(about.path)
        with self._asking(f"put {about.path}"):
            self._fs.invalidate_cache()
            if self._fs.exists(path):
                return False
            folder, _, last = path.rpartition("/")
            if folder:
                self._fs.makedirs(folder, exist_ok=True)
            part = f"{folder}/.{last}.{about.sha256[:8]}{_PART_SUFFIX}"
            self._fs.put_file(str(file), part)
            self._fs.mv(part, path)
        return True

    def look_first(self) -> None:
        """It always does."""

    def look(self, name: str) -> ObjectFact | None:
        """Ask for a file."""
        with self._asking(f"ask for {name}"):
            self._fs.invalidate_cache()
            try:
                return ObjectFact(int(self._fs.info(self._path(name))["size"]))
            except FileNotFoundError:
                return None

    def read(self, name: str, offset: int, size_bytes: int) -> bytes:
        """Give bytes of a file."""
        with self._asking(f"read {name}"), self._fs.open(self._path(name), "rb") as file:
            file.seek(offset)
            return bytes(file.read(size_bytes))

    def chunks(self, name: str) -> Iterator[bytes]:
        """Give a file piece by piece."""
        with self._asking(f"read {name}"), self._fs.open(self._path(name), "rb") as file:
            while chunk := file.read(_READ_BYTES):
                yield chunk

    def _path(self, name: str) -> str:
        return f"{self._base}/{name}"

    @contextmanager
    def _asking(self, doing: str) -> Generator[None]:
        """Turn whatever goes wrong into our error: each protocol raises what its own package has."""
        try:
            yield
        except Exception as error:  # noqa: BLE001 - paramiko, smbprotocol and others have trees of their own
            raise self._failure(error, doing) from Untold.of(error)

    def _failure(self, error: Exception, doing: str) -> StoreFailed:
        told = f" {error.strerror}" if isinstance(error, OSError) and error.strerror else ""
        return StoreFailed(
            f"could not {doing} in {self._remote.url}",
            seen=type(error).__name__ + told,
            fix=f"check address and rights, then {AGAIN}",
        )
