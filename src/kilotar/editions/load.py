"""Find an edition by name, or by the path of its TOML file.

Rules guarded: nothing is read before somebody asks; an edition is read once a process, and again only when its file has
changed; a file that is not there is the caller's error, a file that is wrong is the edition's.
"""

from __future__ import annotations

import difflib
import tomllib
from functools import lru_cache
from pathlib import Path

from kilotar.editions.document import parse_edition
from kilotar.errors import EditionRefused, UsageError, storage_error
from kilotar.model.edition import Edition

__all__ = ["DEFAULT_EDITION", "edition_names", "load_edition"]

DEFAULT_EDITION = "ilsvrc2012"
_HERE = Path(__file__).parent
_MAX_FILE_BYTES = 16 << 20


def edition_names() -> tuple[str, ...]:
    """Give the names of the built-in editions, sorted."""
    return tuple(sorted(path.parent.name for path in _HERE.glob("*/edition.toml")))


def load_edition(name_or_path: str) -> Edition:
    """Give an edition.

    Args:
        name_or_path: the name of a built-in edition, or the path of a TOML file (with "/" in it, or ending in ".toml").
    Raises:
        UsageError: there is no such edition or file; names the near misses.
        EditionRefused: the file is incomplete or contradicts itself; names field or line.
        MachineError: the disk failed.
    """
    if name_or_path in edition_names():
        return _load(_HERE / name_or_path / "edition.toml", 0, 0)
    if not name_or_path.endswith(".toml") and "/" not in name_or_path:
        raise _no_edition(name_or_path)
    path = Path(name_or_path).expanduser().absolute()
    try:
        stat = path.stat()
    except (FileNotFoundError, NotADirectoryError) as error:
        raise UsageError(
            f"there is no edition file {name_or_path}", fix="give the path of a TOML file or a name"
        ) from error
    except OSError as error:
        raise storage_error(error, f"read the edition {name_or_path}") from error
    return _load(path, stat.st_mtime_ns, stat.st_size)


def _no_edition(name: str) -> UsageError:
    near = difflib.get_close_matches(name, edition_names(), n=3, cutoff=0.4) or edition_names()
    return UsageError(
        f"there is no edition {name!r}",
        seen="editions: " + ", ".join(edition_names()),
        fix=f"did you mean {' or '.join(near)}? a TOML file is given by its path",
    )


@lru_cache(maxsize=16)
def _load(path: Path, mtime_ns: int, size_bytes: int) -> Edition:
    """Read an edition; the two numbers are part of the key, so that a changed file is read again."""
    try:
        document = tomllib.loads(_read(path).decode("utf-8"))
    except (ValueError, RecursionError) as error:
        raise EditionRefused(
            f"{path.name} is not TOML", seen=str(error)[:200], fix="correct the file; the built-in one shows the form"
        ) from error
    return parse_edition(document, path.name, lambda name: _read(path.parent / name))


def _read(path: Path) -> bytes:
    try:
        with path.open("rb") as file:
            data = file.read(_MAX_FILE_BYTES + 1)
    except (FileNotFoundError, NotADirectoryError, IsADirectoryError) as error:
        raise EditionRefused(
            f"the file {path.name} of the edition is not there", seen=str(path), fix="put it beside the edition file"
        ) from error
    except OSError as error:
        raise storage_error(error, f"read {path.name}") from error
    if len(data) > _MAX_FILE_BYTES:
        raise EditionRefused(f"{path.name} is too long", seen=f"more than {_MAX_FILE_BYTES} bytes")
    return data
