"""A packed archive as a stream of files: a .tar.gz, the .tar that was in it, or the folder that somebody unpacked.

Rules guarded: a .tar.gz is read twice from front to back: once to prove it and to learn its length, which its last four
bytes tell modulo 4 GiB only, and once to walk it, strictly; what it may expand to is bounded by what it takes itself;
one file is held in memory at a time, none that is longer than asked for.
"""

from __future__ import annotations

import hashlib
import os
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

from kilotar.errors import ArchiveRefused, storage_error
from kilotar.model.edition import Strictness
from kilotar.parse.tar import RawMember, walk_tar
from kilotar.sources.gunzip import GZIP_MAGIC, walk_gunzipped
from kilotar.sources.stream import TarStream, open_stream

__all__ = ["PackedFile", "is_gzip", "prove_packed", "walk_packed"]

_SLACK_BYTES = 64 << 20
_MOST_RATIO = 4  # JPEG shrinks by a hundredth, XML and lists to a tenth; they are a fiftieth of the whole
_TOLD_BYTES = 64 << 20
_MOST_FILES = 4_000_000


@dataclass(frozen=True, slots=True)
class PackedFile:
    """A file of a packed archive.

    Attributes:
        path:   as it stands there, from the top, without a leading "./"; raw bytes.
        offset: of its data in the expanded archive, -1 in a folder.
        read:   gives its data; only until the next file is asked for.
    """

    path: bytes
    offset: int
    size_bytes: int
    read: Callable[[], bytes]


def is_gzip(path: Path) -> bool:
    """Tell whether a path is a gzip file, and not a tar or a folder. Raises MachineError."""
    try:
        if path.is_dir():
            return False
        with path.open("rb") as file:
            return file.read(2) == GZIP_MAGIC
    except OSError as error:
        raise storage_error(error, f"read {path.name}") from error


def prove_packed(path: Path, algorithm: str, landed: Callable[[int], None]) -> tuple[int, str]:
    """Read a .tar.gz from front to back; give its length when expanded, and its digest in hex.

    Args:
        algorithm: of the digest, which is of the packed bytes.
        landed:    is told how many of them were read, at least each 64 MiB.
    Raises: ArchiveRefused where it is damaged, cut short, followed by other bytes, or expands to more than four times
        its length and 64 MiB; MachineError.
    """
    digest = hashlib.new(algorithm, usedforsecurity=False)
    seen = told = expanded = 0

    def see(packed: bytes) -> None:
        nonlocal seen, told
        digest.update(packed)
        seen += len(packed)
        if seen - told >= _TOLD_BYTES:
            told = seen
            landed(seen)

    for piece in walk_gunzipped(path, _most_bytes(path), see):
        expanded += len(piece)
    landed(seen)
    return expanded, digest.hexdigest()


def _most_bytes(path: Path) -> int:
    try:
        return _MOST_RATIO * path.stat().st_size + _SLACK_BYTES
    except OSError as error:
        raise storage_error(error, f"look at {path.name}") from error


def walk_packed(path: Path, expanded_bytes: int, rules: Strictness) -> Iterator[PackedFile]:
    """Yield the files in the order in which they lie; those of a folder sorted by path.

    Args:
        expanded_bytes: length of the tar.
        rules:          what is tolerated in it.
    Raises: ArchiveRefused, MachineError.
    """
    if path.is_dir():
        yield from _walk_folder(path)
        return
    if is_gzip(path):
        stream = TarStream(path.name, walk_gunzipped(path, expanded_bytes), expanded_bytes)
    else:
        stream = open_stream(path, expanded_bytes)
    walk = walk_tar(0, stream.stop, rules, max_members=_MOST_FILES)
    try:
        offset, size_bytes, member = next(walk)
        while True:
            if member:
                yield _packed_file(stream, member)
            offset, size_bytes, member = walk.send(stream.read(offset, size_bytes))
    except StopIteration:
        stream.end()
    except ArchiveRefused as refused:
        named = refused.what if refused.what.startswith(path.name) else f"{path.name}: {refused.what}"
        raise ArchiveRefused(named, seen=refused.seen, fix=refused.fix) from refused


def _packed_file(stream: TarStream, member: RawMember) -> PackedFile:
    name, offset, size_bytes = member
    return PackedFile(name.removeprefix(b"./"), offset, size_bytes, lambda: stream.read(offset, size_bytes))


def _walk_folder(folder: Path) -> Iterator[PackedFile]:
    """Yield what a folder holds below it; links, pipes and devices are nothing."""
    try:
        for below, folders, names in os.walk(folder, onerror=_raise):
            folders.sort()
            for name in sorted(names):
                path = Path(below, name)
                if path.is_symlink() or not path.is_file():
                    continue
                inside = os.fsencode(path.relative_to(folder))
                yield PackedFile(inside, -1, path.stat().st_size, path.read_bytes)
    except OSError as error:
        raise storage_error(error, f"read {folder}") from error


def _raise(error: OSError) -> None:
    raise error
