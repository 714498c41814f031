"""Read a development kit: a .tar.gz, a .tar or a folder, of 2012 or of 2013 to 2017.

Rules guarded: nothing is unpacked; a kit is at most 64 MB; what a file is called and what it is must agree; a file that
stands twice is refused, never the last one taken; the published truth is compared elsewhere.
"""

from __future__ import annotations

import io
import re
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import NamedTuple

from mat4py import loadmat
from mat4py.loadmat import ParseError

from kilotar.errors import ArchiveRefused, LabelsRefused, storage_error
from kilotar.model.edition import Strictness
from kilotar.parse.devkit import Kit, KitClass, check_same_classes, parse_meta
from kilotar.parse.matfile import expand_mat
from kilotar.parse.tar import walk_members
from kilotar.parse.truth import parse_blacklist, parse_ground_truth, parse_map_clsloc
from kilotar.sources.gunzip import GZIP_MAGIC, read_gunzipped

__all__ = ["MAX_KIT_BYTES", "read_kit"]

MAX_KIT_BYTES = 64 << 20
_MAX_MEMBERS = 100_000
_META, _MAP, _TRUTH, _BLACKLIST = "table", "map", "ground truth", "blacklist"
_FILES = {
    _META: re.compile(r"meta(_clsloc)?\.mat"),
    _MAP: re.compile(r"map_clsloc\.txt"),
    _TRUTH: re.compile(r"ILSVRC20[0-9]{2}_(clsloc_)?validation_ground_truth\.txt"),
    _BLACKLIST: re.compile(r"ILSVRC20[0-9]{2}_(clsloc_)?validation_blacklist\.txt"),
}
# A kit is read in memory and by these four names alone, so dialects of tar can do no harm here.
_RULES = Strictness(directories=True, ustar_prefix=True, long_names=True, pax_headers=True)
_FIX = "get the development kit again; the built-in labels need no such file"


class KitFile(NamedTuple):
    """One file of a kit."""

    data: bytes
    name: str


Files = Mapping[str, KitFile]


def read_kit(path: Path) -> Kit:
    """Give what a kit says, checked in itself.

    Args:
        path: of a .tar.gz, .tgz or .tar, or of a folder with the kit's files in it, in `data/` or in `*/data/`.
    Raises: LabelsRefused, naming file and line; ArchiveRefused, naming the offset; MachineError.
    """
    files = _choose(_walk_folder(path) if path.is_dir() else _walk_tar(path), path.name)
    if _TRUTH not in files or not {_META, _MAP} & set(files):
        there = ", ".join(file.name for file in files.values()) or "neither"
        raise LabelsRefused(
            f"{path.name} is no development kit",
            seen=f"needs a validation ground truth and meta.mat or map_clsloc.txt, has {there}",
            fix=_FIX,
        )
    classes, internal = _read_classes(files)
    numbers = parse_ground_truth(*files[_TRUTH], classes=len(classes))
    blacklist = parse_blacklist(*files[_BLACKLIST], images=len(numbers)) if _BLACKLIST in files else ()
    table_file = files[_META if _META in files else _MAP].name
    return Kit(classes, internal, numbers, blacklist, table_file, files[_TRUTH].name)


def _read_classes(files: Files) -> tuple[tuple[KitClass, ...], tuple[KitClass, ...]]:
    rows = parse_map_clsloc(*files[_MAP]) if _MAP in files else ()
    if _META not in files:
        return tuple(KitClass(row.ilsvrc_id, row.wnid, row.word) for row in rows), ()
    classes, internal = parse_meta(_load_table(*files[_META]), files[_META].name)
    if _MAP in files:
        check_same_classes(classes, rows, files[_MAP].name)
    return classes, internal


def _load_table(data: bytes, where: str) -> Mapping[str, object]:
    expanded = expand_mat(data, where)
    try:
        table = loadmat(io.BytesIO(expanded)).get("synsets")
    except (ParseError, ValueError, LookupError, TypeError, ArithmeticError) as error:
        raise LabelsRefused(f"{where} cannot be read", seen=f"{type(error).__name__}: {error}", fix=_FIX) from error
    if not isinstance(table, dict):
        raise LabelsRefused(f"{where} has no struct named synsets", fix=_FIX)
    return table


def _choose(found: Iterable[KitFile], where: str) -> Files:
    files: dict[str, KitFile] = {}
    for file in found:
        kind = _kind(file.name)
        if kind in files:
            seen = f"{files[kind].name}, {file.name}"
            raise LabelsRefused(f"{where} holds two files for its {kind}", seen=seen, fix=_FIX)
        files[kind] = file
    return files


def _kind(name: str) -> str:
    return next((kind for kind, pattern in _FILES.items() if pattern.fullmatch(name)), "")


def _walk_folder(folder: Path) -> Iterator[KitFile]:
    try:
        for pattern in ("*", "data/*", "*/data/*"):
            for path in sorted(folder.glob(pattern)):
                if _kind(path.name) and path.is_file():
                    yield KitFile(_read_file(path), path.name)
    except OSError as error:
        raise storage_error(error, f"read {folder}") from error


def _walk_tar(path: Path) -> Iterator[KitFile]:
    data = _read_file(path)
    if path.name.endswith((".gz", ".tgz")) is not data.startswith(GZIP_MAGIC):
        raise ArchiveRefused(f"{path.name} is not what its name says", seen=f"begins {data[:4].hex(' ')}", fix=_FIX)
    if data.startswith(GZIP_MAGIC):
        data = read_gunzipped(path, MAX_KIT_BYTES)

    def read(offset: int, size_bytes: int) -> bytes:
        return data[offset : offset + size_bytes]

    for name, offset, size_bytes in walk_members(read, 0, len(data), _RULES, max_members=_MAX_MEMBERS):
        last = name.rpartition(b"/")[2].decode("ascii", "replace")
        if _kind(last):
            yield KitFile(read(offset, size_bytes), last)


def _read_file(path: Path) -> bytes:
    try:
        with path.open("rb") as file:
            data = file.read(MAX_KIT_BYTES + 1)
    except OSError as error:
        raise storage_error(error, f"read {path.name}") from error
    if len(data) > MAX_KIT_BYTES:
        raise LabelsRefused(f"{path.name} is too long for a development kit", seen=f"more than {MAX_KIT_BYTES} bytes")
    return data
