"""The files of a packed archive sent where they belong: to the archive of their folder, or to the lists of images.

Rules guarded: a file is taken by its folder and its name, and keeps nothing of its folders; what fits nowhere is left
out and told, if it looks like an image or its boxes; an archive without a file is none.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path

from kilotar.errors import ArchiveRefused
from kilotar.events import Emit, Finding, Outcome, StepEnded
from kilotar.model.edition import Archive, ArchiveRole, Edition
from kilotar.model.sample import Split
from kilotar.model.seams import Written
from kilotar.sinks.tar_shards import END, header
from kilotar.sources.packed import PackedFile
from kilotar.store.appending import AppendedFile
from kilotar.work.image_sets import ImageSets
from kilotar.work.member_names import NameRule, SkipReport

__all__ = ["Parting"]

_TOLD_BYTES = 64 << 20
_LARGEST_LIST_BYTES = 64 << 20
_LONGEST_NAME = 100  # of a file in a tar
_OF_IMAGES = (".jpeg", ".jpg", ".xml")


@dataclass(slots=True)
class _Target:
    """An archive that is made."""

    about: Archive
    split: Split
    within: re.Pattern[str]
    rule: NameRule
    file: AppendedFile
    files: int = 0

    def takes(self, name: str, size_bytes: int) -> bool:
        """Tell whether a file of its folders belongs to it."""
        if self.about.role is ArchiveRole.BOXES:
            stem, dot, ending = name.rpartition(".")
            name = f"{stem}.JPEG" if dot and ending == "xml" else ""
        return len(name) <= _LONGEST_NAME and bool(self.rule.name_of(name.encode("ascii"), size_bytes))

    def add(self, name: str, data: bytes) -> None:
        self.file.add(header(name, len(data)))
        self.file.add(data)
        self.file.add(bytes(-len(data) % 512))
        self.files += 1


class Parting:
    """Sends each file of a packed archive where it belongs.

    Args:
        about:   the packed archive.
        edition: says what is within.
        folder:  gets the archives.
        most:    most images before it is refused.
        stack:   closes what is open in the end.
    Raises: MachineError.
    """

    def __init__(self, about: Archive, edition: Edition, folder: Path, most: int, stack: ExitStack) -> None:
        self._name = about.name
        self._lists = re.compile(about.lists, re.ASCII) if about.lists else None
        self._targets = tuple(_targets(edition, folder))
        for target in self._targets:
            stack.callback(target.file.drop)
        self._sets = ImageSets(most)
        self._found: list[Finding] = []
        self._report = SkipReport(self._name, self._found.append)
        self._others = 0

    def run(self, files: Iterator[PackedFile], emit: Emit) -> None:
        """Take every file. Raises ArchiveRefused, MachineError."""
        images = size_bytes = runs = 0
        for file in files:
            images += self._take(file)
            size_bytes += file.size_bytes
            if size_bytes >= _TOLD_BYTES:
                emit(StepEnded(f"unpack/{runs:05d}", Outcome.DONE, images, size_bytes))
                images, size_bytes, runs = 0, 0, runs + 1
        emit(StepEnded(f"unpack/{runs:05d}", Outcome.DONE, images, size_bytes))

    def _take(self, file: PackedFile) -> bool:
        """Put a file where it belongs; tell whether it is an image."""
        path = file.path.decode("ascii", "backslashreplace")
        folder, _, name = path.rpartition("/")
        target = next((one for one in self._targets if one.within.fullmatch(folder)), None)
        if target is not None and target.takes(name, file.size_bytes):
            target.add(name, file.read())
            is_image = target.about.role is ArchiveRole.IMAGES
            if is_image:
                self._sets.add_image(target.split, name.rpartition(".")[0])
            return is_image
        listed = self._lists.fullmatch(path) if self._lists else None
        if listed is not None and file.size_bytes <= _LARGEST_LIST_BYTES:
            self._sets.add_list(Split(listed["split"]), file.read(), path)
        elif target is not None:
            self._report.skip(target.rule.why_not(name.encode("ascii"), file.size_bytes), file.path, file.offset)
        elif path.lower().endswith(_OF_IMAGES):
            self._report.skip(Finding("name", "", "not in a folder that the edition knows"), file.path, file.offset)
        else:
            self._others += 1
        return False

    def close(self) -> tuple[Written, ...]:
        """End the archives and make them durable; one without a file is none.

        Raises: ArchiveRefused where there is no image at all; MachineError.
        """
        self._report.close()
        if not any(target.files for target in self._targets if target.about.role is ArchiveRole.IMAGES):
            first = self._found[0].why if self._found else f"{self._others:,} files, none of them an image"
            raise ArchiveRefused(
                f"{self._name} holds nothing of what it should hold", seen=first, fix="check which archive this file is"
            )
        made = []
        for target in self._targets:
            if target.files:
                target.file.add(END)
                made.append(target.file.close())
            else:
                target.file.remove()
        return tuple(made)

    @property
    def findings(self) -> tuple[Finding, ...]:
        """What was left out, and what the lists say."""
        others = Finding("other", self._name, f"{self._others:,} files of other kinds", is_problem=False)
        return (*self._found, *self._sets.findings(), *((others,) if self._others else ()))


def _targets(edition: Edition, folder: Path) -> Iterator[_Target]:
    images = {a.split: a for a in edition.archives if a.within and a.role is ArchiveRole.IMAGES}
    for about in edition.archives:
        if about.within and about.split in images and about.split is not None:
            within, rule = re.compile(about.within, re.ASCII), NameRule(images[about.split])
            yield _Target(about, about.split, within, rule, AppendedFile(folder / about.name))
