"""XML files of boxes out of an archive or folder, each matched with its image; nothing is unpacked to disk.

Rules guarded: a file belongs to an image by its stem, whatever folder it lies in; a file of no image, or one too long,
is reported and the others go on; an archive that is itself damaged is refused.
"""

from __future__ import annotations

import os
import re
from collections.abc import Callable, Iterator
from pathlib import Path

from kilotar.errors import ArchiveRefused, storage_error
from kilotar.events import Finding
from kilotar.model.edition import ArchiveRole, Edition, Strictness
from kilotar.model.sample import Split
from kilotar.model.seams import Annotation
from kilotar.parse.boxes import BoxLimits
from kilotar.parse.tar import walk_tar
from kilotar.sources.stream import open_stream

__all__ = ["Report", "walk_annotations"]

# XML is read in memory and named by its stem alone, so dialects of tar can do no harm here.
_RULES = Strictness(directories=True, ustar_prefix=True, long_names=True, pax_headers=True)
_STEM = re.compile(r"[A-Za-z0-9][A-Za-z0-9_.-]{0,199}", re.ASCII)  # whatever an edition's own pattern would take
Report = Callable[[Finding], None]
Files = Iterator[tuple[str, bytes | None]]


def walk_annotations(
    path: Path,
    split: Split | None,
    edition: Edition,
    limits: BoxLimits | None = None,
    report: Report = lambda finding: None,
) -> Iterator[Annotation]:
    """Yield the XML files of one split, in the order of the archive, or folder by folder.

    Args:
        path:   of a .tar.gz, .tgz or .tar, or of a folder.
        report: takes a finding for each file that belongs to no image or is too long.
    Raises: ArchiveRefused, MachineError.
    """
    within = limits or BoxLimits()
    names = _Names(edition, split or Split.TRAIN)
    for name, xml in _walk_folder(path, within) if path.is_dir() else _walk_tar(path, within):
        wnid = names.wnid_of(name)
        if wnid is None:
            report(Finding("name", name, f"expected the XML of a {names.split} image of {edition.name}"))
        elif xml is None:
            report(Finding("box", name, f"refused: longer than {within.file_bytes} bytes"))
        else:
            yield Annotation(names.split, wnid, _stem(name), xml)


class _Names:
    """Which images a split has, by the stem of their names."""

    def __init__(self, edition: Edition, split: Split) -> None:
        self.split = split
        self._edition = edition
        self._patterns: list[re.Pattern[str]] = []
        for archive in edition.archives:
            if archive.role is ArchiveRole.IMAGES and archive.split is split:
                self._patterns.append(archive.member_pattern())

    def wnid_of(self, name: str) -> str | None:
        """Give the class of the image, "" where the split has none; None for a name that is no image of the split."""
        if not name.endswith(".xml") or not _STEM.fullmatch(_stem(name)):
            return None
        matches = (pattern.fullmatch(f"{_stem(name)}.JPEG") for pattern in self._patterns)
        match = next((match for match in matches if match), None)
        if match is None:
            return None
        if self._edition.is_detection:
            return ""
        groups = match.groupdict()
        if "wnid" in groups:
            return groups["wnid"] if groups["wnid"] in self._edition.by_wnid else None
        try:
            return self._edition.val_wnid(int(groups["number"])) if self.split is Split.VAL else ""
        except (KeyError, ValueError):
            return None


def _stem(name: str) -> str:
    return name.rpartition("/")[2].removesuffix(".xml")


def _walk_folder(folder: Path, limits: BoxLimits) -> Files:
    """Yield path below the folder and bytes of each file, folder by folder; None for one that is too long."""
    number = 0
    try:
        for below, folders, names in os.walk(folder, onerror=_raise):
            folders.sort()
            for name in sorted(names):
                path = Path(below, name)
                if not name.endswith(".xml") or not path.is_file():
                    continue
                number += 1
                if number > limits.files:
                    raise ArchiveRefused(f"{folder.name} holds more than {limits.files} files")
                with path.open("rb") as file:
                    xml = file.read(limits.file_bytes + 1)
                yield _shown(path.relative_to(folder).as_posix()), xml if len(xml) <= limits.file_bytes else None
    except OSError as error:
        raise storage_error(error, f"read {folder}") from error


def _raise(error: OSError) -> None:
    raise error


def _walk_tar(path: Path, limits: BoxLimits) -> Files:
    """Yield name and bytes of each member; None for one that is too long."""
    stream = open_stream(path, limits.expanded_bytes)
    walk = walk_tar(0, stream.stop, _RULES, max_members=limits.files)
    try:
        offset, size_bytes, member = next(walk)
        while True:
            if member:
                name = _shown(member[0].decode("utf-8", "backslashreplace"))
                yield name, stream.read(member[1], member[2]) if member[2] <= limits.file_bytes else None
            offset, size_bytes, member = walk.send(stream.read(offset, size_bytes))
    except StopIteration:
        stream.end()


def _shown(name: str) -> str:
    return name.encode("utf-8", "backslashreplace").decode("utf-8")
