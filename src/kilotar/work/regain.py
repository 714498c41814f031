"""`export --from EXPORT`: archives made again out of an export, so that every format can be written from them.

::

    ROOT/.kilotar/from/<id>/journal.jsonl           which files of the export were read, and what was found in them
    ROOT/.kilotar/from/<id>/piles/<split>/<class>   images by class, while they come
    ROOT/.kilotar/from/<id>/<archive>               the archives, of the names and the layout that the edition gives
    ROOT/.kilotar/from/<id>/boxes/<archive>         archives of boxes, where the export holds some
    ROOT/.kilotar/from/<id>-files/                  of an export in a store: its files, the shards one after another

Rules guarded: the bytes of an archive follow from the images alone, whatever format and order they came in: sorted by
class and name; a file of the export that its list does not confirm is left out, and told; an image is taken only under
a name of the published form, of the class that its name has in the edition; the length of the archive is never the
published one, so that it is not taken for that. A kill costs the file that was being read.
"""

from __future__ import annotations

import hashlib
import os
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from kilotar.errors import (
    ArchiveRefused,
    DiskFull,
    KilotarError,
    LayoutRefused,
    MachineError,
    MissingExtra,
    StoreFailed,
    storage_error,
)
from kilotar.events import Emit, Finding, Found, Outcome, RunStarted, StepEnded
from kilotar.model.edition import Archive
from kilotar.model.sample import Split
from kilotar.model.seams import Row, Written
from kilotar.store.files import publish
from kilotar.store.journal import Journal
from kilotar.store.piles import Piles
from kilotar.store.staging import remove_tree
from kilotar.work.box_intake import BOXES, BoxIntake
from kilotar.work.exported import Export
from kilotar.work.file_check import digest
from kilotar.work.inputs import image_archives
from kilotar.work.remade import RemadeTar
from kilotar.work.taking import FileRead, Intake, Taking

__all__ = ["Regained", "regain"]


@dataclass(frozen=True, slots=True)
class Regained:
    """Archives made of an export.

    Attributes:
        folder:   where they are.
        splits:   that were found.
        classes:  the wnids of an export of some classes, () for all.
        findings: what was left out, where the images come from, and what is missing.
        boxes:    the archives of boxes.
    """

    folder: Path
    splits: tuple[str, ...]
    classes: tuple[str, ...]
    findings: tuple[Finding, ...]
    boxes: tuple[Path, ...] = ()


def regain(export: Export, state: Path, *, unverified: bool, emit: Emit) -> Regained:
    """Make archives of an export below the state of a root; the same again resumes.

    Args:
        unverified: read on where a file beside the shards is not what was written.
    Raises: LayoutRefused where the export holds no image that can be taken, or its own list does not fit; MissingExtra;
        MachineError, StoreFailed.
    """
    listed = {file.path: file for file in export.files()}
    folder = state / "from" / _identity(export)[:12]
    try:
        (folder / BOXES).mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise storage_error(error, f"make the folder {folder}") from error
    with Journal(folder / "journal.jsonl", FileRead) as journal:
        if not journal.records or journal.records[-1].file:
            _refuse_when_full(export, folder, sum(record.size_bytes for record in journal.records))
            _refuse_wrong_side_files(export, listed, unverified=unverified)
            made = export.manifest
            sizes = (made.files, made.images, made.size_bytes) if made else (0, 0, 0)
            emit(RunStarted("read", export.where, *sizes))
            _Reading(export, folder, journal, listed, emit).run()
        records = tuple(journal.records)
    remove_tree(folder / "piles")
    if export.bringing is not None:
        remove_tree(export.folder)
    return _regained(export, folder, records)


def _identity(export: Export) -> str:
    """Tell this export from any other, and from itself when it has changed."""
    facts = [export.where, export.sink.ABOUT.name, export.edition.name]
    if export.manifest is not None:
        facts.append(export.manifest_sha256())
    else:
        for path, folders, names in os.walk(export.folder):
            folders.sort()
            facts += [f"{path}/{name} {os.lstat(os.path.join(path, name)).st_mtime_ns}" for name in sorted(names)]
    return hashlib.sha256("\n".join(facts).encode("utf-8", "surrogateescape")).hexdigest()


def _refuse_wrong_side_files(export: Export, listed: dict[str, Written], *, unverified: bool) -> None:
    """Refuse where what says which image is which cannot be trusted; from a store it is brought first."""
    if export.bringing is not None:
        wrong = list(export.bringing.begin())
    else:
        read = {path for path, _ in export.rows()} if export.sink.ABOUT.shards else listed.keys()
        looks = (digest(export.folder / path, file) for path, file in listed.items() if path not in read)
        wrong = [finding for finding in looks if finding is not None]
    if wrong and not unverified:
        raise LayoutRefused(
            "files beside the shards are not what was written",
            seen=f"{len(wrong)}, the first is {wrong[0].where}: {wrong[0].why}",
            fix="put them back, or pass --unverified to read the export as it is",
        )


def _refuse_when_full(export: Export, folder: Path, read_bytes: int) -> None:
    """Refuse to begin where the archives have no room; while the largest is made, its images are there twice."""
    if export.manifest is None:
        return
    if export.bringing is not None:
        export.bringing.refuse_when_full(2 * export.manifest.size_bytes - read_bytes)
        return
    try:
        facts = os.statvfs(folder)
    except OSError as error:
        raise storage_error(error, f"look at {folder}") from error
    needed, free = 2 * export.manifest.size_bytes - read_bytes, facts.f_bavail * facts.f_frsize
    if needed > free:
        raise DiskFull(
            "there is no room to make archives of this export again",
            seen=f"{needed:,} bytes are needed while they are made, half of that afterwards; {free:,} are free",
            fix="make room, or choose a root on another disk",
        )


class _Reading:
    """Reads an export file by file, from where the journal ends, and makes the archives."""

    def __init__(
        self, export: Export, folder: Path, journal: Journal[FileRead], listed: dict[str, Written], emit: Emit
    ) -> None:
        self._export = export
        self._folder = folder
        self._journal = journal
        self._listed = listed
        self._emit = emit
        about = reversed(image_archives(export.edition, tuple(Split)))
        self._archives = {archive.split: archive for archive in about if archive.split is not None}
        self._piles = {split: Piles(folder / "piles" / split, len(journal.records)) for split in Split}
        self._boxes = BoxIntake(export, folder / "piles", listed, len(journal.records))
        self._intake = Intake(export, self._archives, self._piles, listed, self._boxes)

    def run(self) -> None:
        done = len(self._journal.records)
        findings: list[Finding] = []
        try:
            for number, (file, rows) in enumerate(self._export.rows()):
                if number >= done:
                    self._record(self._read(number, file or self._export.sink.ABOUT.name, rows))
        except (MissingExtra, MachineError, StoreFailed):
            raise
        except KilotarError as error:
            findings.append(Finding("unreadable", self._export.sink.ABOUT.name, str(error)))
        for split in Split:
            if self._piles[split].classes():
                self._archive(self._folder, self._archives[split], self._piles[split], findings)
            if (about := self._boxes.about(split)) is not None and self._boxes.piles[split].classes():
                self._archive(self._folder / BOXES, about, self._boxes.piles[split], [])
        if not any((self._folder / about.name).is_file() for about in self._archives.values()):
            raise LayoutRefused(
                f"no image of {self._export.where} could be taken",
                seen=next((f"{f.where}: {f.why}" for r in self._journal.records for f in r.findings), "it is empty"),
                fix="is it of another --edition, or in another --format?",
            )
        self._record(FileRead("", 0, 0, (), (), tuple(findings)))

    def _record(self, read: FileRead) -> None:
        for piles in (*self._piles.values(), *self._boxes.piles.values()):
            piles.flush()
        next(iter(self._piles.values())).sync()
        self._journal.append([read])
        for finding in read.findings:
            self._emit(Found(finding))
        self._emit(StepEnded(f"from/{read.file}", Outcome.DONE, read.images, read.size_bytes))

    def _read(self, number: int, file: str, rows: Iterator[Row]) -> FileRead:
        """Read a file of the export; one that is not what was written is left out."""
        taking = Taking(number, file, self._intake)
        with self._export.held(file) as wrong:
            if wrong is None and self._export.bringing is None and file in self._listed:
                wrong = digest(self._export.folder / file, self._listed[file])
            if wrong is not None:
                return FileRead(file, 0, 0, (), (), (wrong,))
            try:
                for row in rows:
                    taking.take(row)
            except (MissingExtra, MachineError):
                raise
            except KilotarError as error:
                taking.found(Finding("unreadable", file, str(error)))
        return taking.done()

    def _archive(self, folder: Path, about: Archive, piles: Piles, findings: list[Finding]) -> None:
        """Make an archive out of its piles, and give their room back."""
        try:
            publish(folder / about.name, RemadeTar(about, piles, findings))
        except ValueError as error:
            raise ArchiveRefused(f"{about.name} cannot be made of this export", seen=str(error)) from error
        piles.remove()


def _regained(export: Export, folder: Path, records: tuple[FileRead, ...]) -> Regained:
    """Give what the journal tells of archives that are there."""
    labels = {wnid: label for record in records for wnid, label in record.labels}
    splits = tuple(str(split) for split in Split if any(split in record.splits for record in records))
    manifest, images = export.manifest, sum(record.images for record in records)
    classes = manifest.classes if manifest else ()
    if manifest is None and any(export.edition.label_of(wnid) != label for wnid, label in labels.items()):
        classes = tuple(sorted(labels))  # labels are ranks among some classes
    findings = [finding for record in records for finding in record.findings]
    if manifest is not None and images != manifest.images:
        why = f"{images:,} images were taken, {manifest.images:,} were written"
        findings.append(Finding("count", export.sink.ABOUT.name, why))
    source = f"{export.sink.ABOUT.name}, plan {manifest.plan_id}" if manifest else f"{export.sink.ABOUT.name}, unlisted"
    made_of = ", ".join(f"{name} {found}" for name, found in manifest.sources) if manifest else "archives not known"
    if manifest is not None and manifest.pixels is not None and manifest.pixels.recoded:
        why = f"{manifest.pixels.recoded:,} images are not as published: {manifest.pixels.done}"
        findings.append(Finding("recoded", source, why, is_problem=False))
    boxes = tuple(sorted((folder / BOXES).glob("*.tar")))
    if boxes:
        why = f"boxes of {sum(record.boxed for record in records):,} images come from there, with class and four sides"
        findings.append(Finding("boxes", source, why, is_problem=False))
    findings.append(Finding("from-export", source, f"{images:,} images; made of {made_of}", is_problem=False))
    return Regained(folder, splits, classes, tuple(findings), boxes)
