"""Single images written anew from their archive.

Rules guarded: bytes out of an archive are taken only when they have the digest that was taken of them at first sight.
"""

from __future__ import annotations

import hashlib
import os
from pathlib import Path

from kilotar.errors import DigestMismatch, storage_error
from kilotar.model.sample import Sample
from kilotar.model.seams import Written
from kilotar.store.files import Folder
from kilotar.store.reading import open_archive

__all__ = ["rewrite", "stands"]


def stands(path: Path | str, size_bytes: int) -> bool:
    """Tell whether a file of this length stands there. Raises MachineError."""
    try:
        return os.lstat(path).st_size == size_bytes
    except (FileNotFoundError, NotADirectoryError):
        return False
    except OSError as error:
        raise storage_error(error, f"look at {path}") from error


def rewrite(archive: Path, sample: Sample, folder: Folder, path: str) -> Written:
    """Write one image of an output anew.

    Raises: DigestMismatch when the archive does not hold these bytes any more; ArchiveRefused, MachineError.
    """
    with open_archive(archive) as file:
        data = file.read(sample.at.offset, sample.at.size_bytes)
    found = hashlib.sha256(data).digest()
    if found != sample.sha256:
        raise DigestMismatch(
            f"{archive} no longer holds {sample.name} as it was",
            seen=f"sha256 {found.hex()} at byte {sample.at.offset}, was {sample.sha256.hex()}",
            fix="get the archive again",
        )
    return folder.publish(path, [data])
