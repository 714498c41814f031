"""`verify EXPORT`: proves an export against the list of its files, and image by image against the archives.

Rules guarded: what was proved and what was not is said, never implied; whatever is wrong with the export is a finding,
the rest goes on with the next file; nothing is written, but that a root remembers digests of its archives' images
(shards need none, so the first proof reads the archives too). Without a root that knows the archives, names, classes
and counts are held against the edition, and the bytes of images only against the digests of their files.
"""

from __future__ import annotations

import os
import time
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from itertools import islice
from pathlib import Path

from kilotar.errors import (
    KilotarError,
    LayoutRefused,
    MachineError,
    MissingExtra,
    StoreFailed,
    TheirError,
    UsageError,
)
from kilotar.events import Emit, Finding, Found, Outcome, RunStarted, StepEnded, ignore
from kilotar.model.pixels import parse_pixels
from kilotar.model.report import OutputFact, ProofFact, Report
from kilotar.model.seams import Row
from kilotar.sinks.base import keep_boxes_of
from kilotar.store.manifest import OWN_FILES, OWN_IMAGES, OWN_MANIFEST, Manifest
from kilotar.work.box_proof import BoxProof
from kilotar.work.bringing import Bringing
from kilotar.work.ending import telling_end
from kilotar.work.exported import Export, find_export
from kilotar.work.file_check import CHUNK_FILES, FileCheck, digest, measure
from kilotar.work.labels import prove_labels
from kilotar.work.recoded_proof import RecodedProof
from kilotar.work.resized_boxes import ResizedBoxes
from kilotar.work.row_check import RowCheck
from kilotar.work.spread import spread
from kilotar.work.truth import EditionTruth, SourceTruth, Truth
from kilotar.work.verify import Level

__all__ = ["ExportCheck", "verify_export"]

_MOST_TOLD = 1000  # findings of one kind; the rest is counted
_CARRIED = {OWN_FILES, OWN_IMAGES, OWN_MANIFEST}


def verify_export(
    folder: Path,
    *,
    level: Level = Level.NORMAL,
    repair: bool = False,
    against: Path | None = None,
    format_name: str = "",
    edition: str = "",
    jobs: int = 0,
    emit: Emit = ignore,
) -> Report:
    """Check an export, inside a root or anywhere else; nothing is written.

    Args:
        level:   "quick" looks at lengths only, "normal" takes the digest of every file and of every image.
        against: a root whose archives it is held against; by default the one above the folder.
        format_name, edition: of an export that does not say it itself.
    Raises: LayoutRefused where the folder is no export; UsageError for what is for roots alone; MissingExtra;
        MachineError.
    """
    if level is Level.DEEP or repair:
        raise UsageError(
            "--deep and --repair are for roots",
            seen=f"{folder} is none",
            fix="verify the root; the images of an export are compared with those of its archives",
        )
    started = time.monotonic()
    export = find_export(folder, format_name=format_name, edition=edition, against=against)
    with telling_end("verify", emit):
        images = export.manifest.images if export.manifest else 0
        emit(RunStarted("verify", str(export.folder), 1, images, 0))
        check = ExportCheck(export, emit)
        check.files(level, jobs or os.cpu_count() or 1)
        if level is not Level.QUICK:
            check.images(jobs or os.cpu_count() or 1)
        return check.report(time.monotonic() - started)


class ExportCheck:
    """Gathers what is found and what is proved.

    Args:
        emit: gets every finding at once.
    """

    def __init__(self, export: Export, emit: Emit) -> None:
        self._export = export
        self._emit = emit
        self._findings: list[Finding] = []
        self._told: Counter[str] = Counter()
        self._proofs: list[ProofFact] = []
        self._images = self._wrong_files = 0

    def found(self, finding: Finding) -> None:
        self._told[finding.kind] += 1
        if self._told[finding.kind] <= _MOST_TOLD:
            self._findings.append(finding)
            self._emit(Found(finding))

    def files(self, level: Level, jobs: int) -> None:
        """Hold the files against their list, and the folder against it."""
        export = self._export
        if export.manifest is None:
            self._proofs.append(ProofFact("files", 0, 0, "no-list"))
            return
        look = measure if level is Level.QUICK else digest
        wrong, ours = 0, set()
        try:
            files = export.files()
            chunks = iter(lambda: tuple(islice(files, CHUNK_FILES)), ())
            for chunk in chunks:
                ours |= {file.path for file in chunk} if export.sink.ABOUT.shards else set()
                pieces = [FileCheck(export.folder, chunk[at::jobs], look) for at in range(jobs)]
                for findings in spread(pieces, jobs, "verify", self._emit):
                    wrong += len(findings)
                    for finding in findings:
                        self.found(finding)
        except LayoutRefused as error:
            self.found(Finding("manifest", export.sink.ABOUT.name, str(error)))
            wrong += 1
        if export.sink.ABOUT.shards:
            for path in _strangers(export.folder, ours | _CARRIED):
                self.found(Finding("extra", path, "not of this export; readers may take it for a shard"))
        self._files_proved(export.manifest, wrong, "sizes" if level is Level.QUICK else "sha256")

    def _files_proved(self, manifest: Manifest, wrong: int, by: str) -> None:
        self._proofs.insert(0, ProofFact("files", manifest.files, wrong, by))
        if manifest.label_table_sha256 != prove_labels(self._export.edition).table_sha256:
            self.found(
                Finding("labels", self._export.sink.ABOUT.name, f"not those of edition {self._export.edition.name}")
            )

    def brought(self, bringing: Bringing, manifest: Manifest, jobs: int) -> None:
        """Hold the files of a store against their list, each brought once, and every image meanwhile.

        Raises: StoreFailed, MachineError.
        """
        for finding in bringing.begin():
            self._wrong_file(finding)
        self.images(jobs)
        for finding in bringing.check_unread():
            self._wrong_file(finding)
        self._files_proved(manifest, self._wrong_files, "sha256")

    def _wrong_file(self, finding: Finding) -> None:
        self._wrong_files += 1
        self.found(finding)

    def images(self, jobs: int) -> None:
        """Hold every image against the archives, or against what is known without them."""
        export = self._export
        with ExitStack() as stack:
            truth = self._truth(stack)
            recoded = self._recoded(stack, jobs) if truth.has_bytes else None
            boxes = self._boxes(truth)
            rows = RowCheck(export, truth, recoded, boxes, self.found)
            self._walk(rows.take)
            rows.end()
        self._images = rows.images
        by = rows.proved_by if truth.has_bytes else "edition"
        self._proofs.append(ProofFact("images", rows.images, rows.wrong, by, truth.name))
        if boxes is not None and not boxes.has_met:
            self._without_boxes("its files hold none that can be read back")
        elif boxes is not None:
            by = "boxes" if keep_boxes_of(self._export.sink) is None else "boxes-kept"
            self._proofs.append(ProofFact("boxes", boxes.checked, boxes.wrong, by, truth.name))

    def _walk(self, take: Callable[[Row, str], None]) -> None:
        """Give every row to `take`, with its file; what cannot be read is a finding, and the rest goes on.

        Raises: MissingExtra, MachineError, StoreFailed.
        """
        export = self._export
        try:
            for file, rows in export.rows():
                with export.held(file) as wrong:
                    if wrong is not None:
                        self._wrong_file(wrong)
                    images = self._take_all(rows, file, take)
                if export.bringing is not None:
                    self._emit(StepEnded(f"verify/{file}", Outcome.DONE, images))
        except (MissingExtra, MachineError, StoreFailed):
            raise
        except KilotarError as error:
            self.found(Finding("unreadable", export.sink.ABOUT.name, str(error)))

    def _take_all(self, rows: Iterator[Row], file: str, take: Callable[[Row, str], None]) -> int:
        """Give the rows of a file to `take`, and how many there were."""
        images = 0
        try:
            for row in rows:
                take(row, file)
                images += 1
        except (MissingExtra, MachineError):
            raise
        except KilotarError as error:
            self.found(Finding("unreadable", file or self._export.sink.ABOUT.name, str(error)))
        return images

    def _boxes(self, truth: Truth) -> BoxProof | None:
        """Give what proves the boxes of shards; None where there are none, or their archives are not at hand."""
        manifest, sink = self._export.manifest, self._export.sink
        if manifest is None or not manifest.boxes or not sink.ABOUT.shards:
            return None
        source = truth.boxes(manifest.boxes)
        if source is None:
            names = ", ".join(name for name, _ in manifest.boxes)
            self._without_boxes(f"the archives that they are of are not at hand: {names}")
            return None
        pixels = parse_pixels(manifest.pixels.done) if manifest.pixels else None
        resized = ResizedBoxes(source, pixels.resize) if pixels and pixels.resize else source
        classes = manifest.classes or tuple(synset.wnid for synset in self._export.edition.classes)
        return BoxProof(resized, keep_boxes_of(sink), frozenset(classes))

    def _without_boxes(self, why: str) -> None:
        """Say that boxes were not compared."""
        self.found(Finding("no-boxes", self._export.sink.ABOUT.name, f"boxes NOT compared: {why}", is_problem=False))

    def _recoded(self, stack: ExitStack, jobs: int) -> RecodedProof | None:
        """Give what proves images that were written anew; None where there are none, or nobody knows how."""
        manifest = self._export.manifest
        pixels = parse_pixels(manifest.pixels.done) if manifest and manifest.pixels else None
        if manifest is None or pixels is None or not (pixels.every or (manifest.pixels and manifest.pixels.odd_images)):
            return None
        return RecodedProof(pixels, manifest, stack, jobs, self.found, self._emit)

    def _truth(self, stack: ExitStack) -> Truth:
        export = self._export
        if export.root is not None:
            splits = export.manifest.splits if export.manifest else ()
            try:
                return SourceTruth.open(export.root, export.edition, splits, stack)
            except TheirError as error:
                self.found(Finding("no-archives", str(export.root.root), str(error), is_problem=False))
            if tree := SourceTruth.of_tree(export.root, export.edition, splits):
                return tree
        return EditionTruth(export.edition)

    def report(self, seconds: float) -> Report:
        export, manifest = self._export, self._export.manifest
        for kind, number in self._told.items():
            if number > _MOST_TOLD:
                self._findings.append(Finding(kind, export.sink.ABOUT.name, f"{number - _MOST_TOLD:,} more of them"))
        name = manifest.output if manifest and export.remote else export.sink.ABOUT.name
        sizes = (manifest.files, manifest.images, manifest.size_bytes) if manifest else (0, self._images, 0)
        carried = export.manifest_sha256() if manifest else ""
        return Report(
            verb="verify",
            root=export.where,
            edition=export.edition.name,
            outcome=Outcome.DONE,
            outputs=(OutputFact(name, export.where, Outcome.DONE, *sizes, 0, 0, carried),),
            labels=prove_labels(export.edition),
            findings=tuple(sorted(set(self._findings), key=lambda f: (f.where, f.offset, f.kind, f.why))),
            checked=self._images,
            seconds=seconds,
            verified=manifest.verified if manifest else True,
            proofs=tuple(self._proofs),
        )


def _strangers(folder: Path, ours: set[str]) -> Iterator[str]:
    for path, _, names in os.walk(folder):
        for name in sorted(names):
            relative = os.path.relpath(os.path.join(path, name), folder)
            if relative not in ours:
                yield relative
