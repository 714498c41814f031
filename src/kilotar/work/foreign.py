"""Archives that other programs fetched, whole or in part: which file is which archive.

Rules guarded: an archive is known by its name, with the ending that its client gives to what is not complete, else by
its published length; what fits several, or none, is refused with the way to say it; nothing is changed.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from kilotar.errors import LayoutRefused, UsageError, storage_error
from kilotar.model.edition import Archive, Edition
from kilotar.sources.metadata import infohash_of
from kilotar.store.pieces import INCOMPLETE
from kilotar.store.workspace import Workspace

__all__ = ["Foreign", "archive_path", "find_foreign", "torrents_archive"]

# endings of what is not complete: Transmission and kilotar, qBittorrent, others
_ENDINGS = (".part", ".!qB", ".!ut", ".bc!", ".crdownload", ".download")
_ARIA2 = ".aria2"


@dataclass(frozen=True, slots=True)
class Foreign:
    """A file that holds an archive or a part of it.

    Attributes:
        about: the archive.
        path:  the file.
        size_bytes: its length.
        client: who left it there, as far as the name tells; "".
    """

    about: Archive
    path: Path
    size_bytes: int
    client: str = ""


def find_foreign(path: Path, edition: Edition, name: str = "") -> tuple[Foreign, ...]:
    """Give what a file, or the files of a folder and of its folders, hold of the edition.

    Args:
        name: of the archive that the file is, where a person says it.
    Raises: LayoutRefused where there is nothing; UsageError where nobody knows which archive a file is; MachineError.
    """
    if name and name not in {archive.name for archive in edition.archives}:
        raise UsageError(f"the edition has no archive {name}", fix="kilotar archives lists them")
    if path.is_dir():
        return _of_folder(path, edition)
    if path.name.endswith(_ARIA2) and path.with_name(path.name.removesuffix(_ARIA2)).is_file():
        path = path.with_name(path.name.removesuffix(_ARIA2))
    if not path.is_file():
        raise LayoutRefused(f"there is no file {path}", fix="give an archive, or the folder that it is in")
    found = _by_name(path, edition, name)
    return (found if found is not None else _by_size(path, edition),)


def torrents_archive(torrents: tuple[Path, ...], edition: Edition) -> str:
    """Give the archive that a single .torrent is of, "" where that is not clear. Raises: UsageError, TorrentRefused."""
    infohashes = {infohash_of(path) for path in torrents}
    names = [archive.name for archive in edition.archives if archive.infohash in infohashes]
    return names[0] if len(names) == 1 else ""


def archive_path(workspace: Workspace, about: Archive) -> Path | None:
    """Give where an archive of a root stands: in `ROOT/archives`, whole or in part, or where the root found it."""
    own = workspace.archives / about.name
    remembered = [Path(r.path) for r in workspace.input_records() if r.name == about.name]
    places = (own, own.with_name(own.name + INCOMPLETE), *reversed(remembered))
    return next((place for place in places if place.is_file()), None)


def _of_folder(folder: Path, edition: Edition) -> tuple[Foreign, ...]:
    found: dict[str, Foreign] = {}
    try:
        for one in (*sorted(folder.iterdir()), *sorted(folder.glob("*/*"))):
            foreign = _by_name(one, edition) if one.is_file() else None
            if foreign is not None:
                found.setdefault(foreign.about.name, foreign)
    except OSError as error:
        raise storage_error(error, f"look into {folder}") from error
    if not found:
        raise LayoutRefused(
            f"{folder} holds no archive of {edition.name}",
            seen="looked for its names, also with the endings of clients (.part, .!qB)",
            fix="give the file itself; kilotar archives lists the names",
        )
    return tuple(found.values())


def _by_name(path: Path, edition: Edition, name: str = "") -> Foreign | None:
    stem, client = path.name, ""
    for ending in _ENDINGS:
        stem = stem.removesuffix(ending)
    if path.with_name(path.name + _ARIA2).is_file():
        client = "aria2"
    elif stem != path.name:
        client = {".part": "Transmission", ".!qB": "qBittorrent"}.get(path.name.removeprefix(stem), "")
    about = next((archive for archive in edition.archives if archive.name == (name or stem)), None)
    return Foreign(about, path, _size(path), client) if about is not None else None


def _by_size(path: Path, edition: Edition) -> Foreign:
    size_bytes = _size(path)
    fits = [archive for archive in edition.archives if archive.size_bytes == size_bytes]
    if len(fits) != 1:
        near = ", ".join(f"{a.name} {a.size_bytes:,}" for a in _sized(edition))
        raise UsageError(
            f"{path} is not known by its name, and {'several archives have' if fits else 'no archive has'} its length",
            seen=f"{size_bytes:,} bytes; {near}",
            fix="say which it is: --archive NAME",
        )
    return Foreign(fits[0], path, size_bytes)


def _sized(edition: Edition) -> Iterator[Archive]:
    return (archive for archive in edition.archives if archive.size_bytes)


def _size(path: Path) -> int:
    try:
        return path.stat().st_size
    except OSError as error:
        raise storage_error(error, f"look at {path}") from error
