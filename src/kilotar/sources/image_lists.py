"""Read a list of images that a person has: see `kilotar.parse.image_names`.

Rules guarded: a file that is not there is the caller's error; at most `MAX_LIST_BYTES` are read.
"""

from __future__ import annotations

from pathlib import Path

from kilotar.errors import UsageError, storage_error
from kilotar.parse.image_names import MAX_LIST_BYTES, parse_image_names

__all__ = ["read_image_list"]


def read_image_list(path: Path) -> frozenset[str]:
    """Give the images that a file names. Raises: UsageError, naming the line; MachineError."""
    try:
        with path.expanduser().open("rb") as file:
            data = file.read(MAX_LIST_BYTES + 1)
    except (FileNotFoundError, NotADirectoryError, IsADirectoryError) as error:
        raise UsageError(f"there is no list of images {path}", fix="give a text file, one name a line") from error
    except OSError as error:
        raise storage_error(error, f"read {path}") from error
    if len(data) > MAX_LIST_BYTES:
        raise UsageError(f"{path} is too long for a list of images", seen=f"more than {MAX_LIST_BYTES:,} bytes")
    return parse_image_names(data, str(path))
