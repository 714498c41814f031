"""Read a list of wnids that a person wrote: one a line.

Rules guarded: a file that is not there is the caller's error; at most 1 MB is read.
"""

from __future__ import annotations

from pathlib import Path

from kilotar.errors import UsageError, storage_error
from kilotar.parse.truth import parse_wnids

__all__ = ["read_wnids"]

_MAX_BYTES = 1 << 20


def read_wnids(path: str) -> tuple[str, ...]:
    """Give the wnids of a file, in its order. Raises: UsageError, LabelsRefused naming the line, MachineError."""
    try:
        with Path(path).expanduser().open("rb") as file:
            data = file.read(_MAX_BYTES + 1)
    except (FileNotFoundError, NotADirectoryError, IsADirectoryError) as error:
        raise UsageError(
            f"there is no file of classes {path}", fix="give the path of a text file, one wnid a line"
        ) from error
    except OSError as error:
        raise storage_error(error, f"read {path}") from error
    if len(data) > _MAX_BYTES:
        raise UsageError(f"{path} is too long for a list of classes", seen=f"more than {_MAX_BYTES} bytes")
    return parse_wnids(data, path)
