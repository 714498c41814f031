"""`verify`: proves that what stands under a root is what was written, and what was published.

Rules guarded: three levels, each holding the one before: quick looks at manifests, lengths and counts; normal takes
every digest, of outputs and of archives; deep decodes every image as well. Problems are findings in a report, never
exceptions; only `repair` writes, and only bytes whose digest is the recorded one; nothing is ever deleted.
"""

from __future__ import annotations

import difflib
import enum
import os
import time
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from itertools import islice
from pathlib import Path

from kilotar.errors import LayoutRefused, UsageError
from kilotar.events import Emit, Finding, Found, Outcome, RunStarted, ignore
from kilotar.exec.batch import Batch
from kilotar.model.edition import Edition
from kilotar.model.report import ArchiveFact, OutputFact, Report
from kilotar.model.seams import Written
from kilotar.pixels import OddNames
from kilotar.store.lock import hold_lock
from kilotar.store.manifest import Manifest, manifest_sha256, walk_files
from kilotar.store.objects import open_store
from kilotar.store.workspace import Workspace
from kilotar.work.archive_check import archive_batches, check_archives
from kilotar.work.deep import deep_check, file_batches
from kilotar.work.ending import telling_end
from kilotar.work.file_check import CHUNK_FILES, FileCheck, digest, measure
from kilotar.work.labels import prove_labels
from kilotar.work.mending import mend_output
from kilotar.work.object_check import CHUNK_OBJECTS, ObjectCheck, digest_object, measure_object
from kilotar.work.output import Output
from kilotar.work.outputs import begun_outputs
from kilotar.work.reopen import edition_of
from kilotar.work.reporting import store_report
from kilotar.work.spread import spread

__all__ = ["Level", "parse_level", "verify"]

_IMAGE_ENDINGS = (".JPEG", ".jpeg", ".jpg", ".JPG", ".png")


class Level(enum.StrEnum):
    """How much is looked at."""

    QUICK = "quick"
    NORMAL = "normal"
    DEEP = "deep"


def verify(
    root: Path,
    *,
    level: Level = Level.NORMAL,
    repair: bool = False,
    names: Sequence[str] = (),
    jobs: int = 0,
    emit: Emit = ignore,
) -> Report:
    """Check what was prepared under a root; give the report, which is also stored beside `report.json`.

    Args:
        names:  of outputs; of these alone, and not of the archives. () for all of it.
        repair: write missing and bad files anew from the archives.
        jobs:   threads or processes, 0 for one a core.
    Raises: LayoutRefused where nothing was prepared; UsageError for a name that no output has; Busy; MachineError.
    """
    started = time.monotonic()
    workspace = Workspace(root)
    facts = workspace.prepared()
    edition = edition_of(facts)
    with telling_end("verify", emit), hold_lock(workspace.lock):
        outputs = _named(begun_outputs(workspace), names)
        images = sum(output.manifest.images for output in outputs if output.manifest)
        emit(RunStarted("verify", str(workspace.root), len(outputs), images, 0))
        check = _Check(workspace, edition, level, jobs or os.cpu_count() or 1, emit)
        for output in outputs:
            check.output(output, repair=repair)
        archives: tuple[ArchiveFact, ...] = ()
        if not names:
            archives = check_archives(workspace, edition, digests=level is not Level.QUICK, found=check.found)
            check.archives_in_place()
        return check.report(archives, time.monotonic() - started)


def _named(outputs: tuple[Output, ...], names: Sequence[str]) -> tuple[Output, ...]:
    """Give the outputs of these names, all where none is named. Raises UsageError."""
    known = [output.name for output in outputs]
    unknown = [name for name in names if name not in known]
    if unknown:
        near = difflib.get_close_matches(unknown[0], known, n=1)
        raise UsageError(
            f"there is no output {unknown[0]!r}",
            seen=f"outputs: {', '.join(known) or 'none'}",
            fix=f"did you mean {near[0]}?" if near else "kilotar status tells their names",
        )
    return tuple(output for output in outputs if not names or output.name in names)


def parse_level(word: str) -> Level:
    """Give a level by its name. Raises UsageError."""
    if word not in tuple(Level):
        raise UsageError(f"there is no level {word!r}", seen=f"levels: {', '.join(Level)}")
    return Level(word)


class _Check:
    """Gathers what is found, output by output."""

    def __init__(self, workspace: Workspace, edition: Edition, level: Level, jobs: int, emit: Emit) -> None:
        self._workspace = workspace
        self._edition = edition
        self._level = level
        self._jobs = jobs
        self._emit = emit
        self._findings: list[Finding] = []
        self._facts: list[OutputFact] = []
        self._checked = 0
        self._decoded: list[Output] = []

    def found(self, finding: Finding) -> None:
        self._findings.append(finding)
        self._emit(Found(finding))

    def output(self, output: Output, *, repair: bool) -> None:
        """Check one output."""
        if output.manifest is None:
            why = f"{len(output.recorded(self._workspace))} of {output.planned_steps} steps are done"
            self.found(Finding("incomplete", output.name, f"{why}; run the same prepare again"))
            return
        try:
            findings = tuple(self._look(output, output.manifest))
        except LayoutRefused as error:
            self.found(Finding("manifest", output.name, str(error)))
            return
        if repair and findings:
            findings = mend_output(output, findings, self._workspace, self._edition)
        for finding in findings:
            self.found(finding)
        if self._level is Level.DEEP and output.sink.ABOUT.images:
            self._decode(output, output.manifest)
        self._checked += output.manifest.images
        self._facts.append(_fact(output, output.manifest))

    def _look(self, output: Output, manifest: Manifest) -> Iterator[Finding]:
        if manifest.label_table_sha256 != prove_labels(self._edition).table_sha256:
            yield Finding("labels", output.name, f"made with other labels than edition {self._edition.name} has now")
        folders: Counter[str] = Counter()
        files = _counting(walk_files(output.facts, manifest), folders)
        work = _checks(output, files, self._level)
        for found in spread(work, self._jobs, f"verify {output.name}", self._emit):
            yield from found
        if output.remote is None:  # a listing of a store is late, and slow
            yield from _strangers(output, manifest, folders)
        yield from manifest.findings

    def _decode(self, output: Output, manifest: Manifest) -> None:
        """Decode every image, unless another output has the very same ones: their digests were just compared."""
        if any(other.holds_images_of(output) for other in self._decoded):
            return
        if output.sink.ABOUT.shards:
            return  # its bytes are as they were written; the images themselves are decoded in the archives
        self._decoded.append(output)
        paths = (f.path for f in walk_files(output.facts, manifest) if f.path.endswith(_IMAGE_ENDINGS))
        odd = OddNames(self._edition.cmyk, self._edition.png)
        self._findings += deep_check(file_batches(output.folder, paths, odd), self._jobs, self._emit)

    def archives_in_place(self) -> None:
        """Decode the images of the archives themselves where a root was only indexed."""
        if self._level is not Level.DEEP or self._decoded:
            return
        odd = OddNames(self._edition.cmyk, self._edition.png)
        batches = archive_batches(self._workspace, self._edition, odd)
        counted = (self._count(batch) for batch in batches)
        self._findings += deep_check(counted, self._jobs, self._emit)

    def _count(self, batch: Batch) -> Batch:
        self._checked += len(batch.items)
        return batch

    def report(self, archives: tuple[ArchiveFact, ...], seconds: float) -> Report:
        findings = tuple(sorted(set(self._findings), key=lambda f: (f.where, f.offset, f.kind, f.why)))
        report = Report(
            verb="verify",
            root=str(self._workspace.root),
            edition=self._edition.name,
            outcome=Outcome.DONE,
            archives=archives,
            outputs=tuple(self._facts),
            labels=prove_labels(self._edition),
            findings=findings,
            checked=self._checked,
            seconds=seconds,
            verified=all(archive.published for archive in archives),
            path=str(self._workspace.root / "verify.json"),
        )
        store_report(report, Path(report.path))
        return report


def _checks(output: Output, files: Iterator[Written], level: Level) -> Iterator[FileCheck | ObjectCheck]:
    """Give the work of looking at the files of an output. Raises as `kilotar.store.objects.open_store`."""
    is_quick, size = level is Level.QUICK, CHUNK_FILES if output.remote is None else CHUNK_OBJECTS
    chunks = iter(lambda: tuple(islice(files, size)), ())
    if output.remote is None:
        return (FileCheck(output.folder, chunk, measure if is_quick else digest) for chunk in chunks)
    store, look = open_store(output.remote), measure_object if is_quick else digest_object
    return (ObjectCheck(store, chunk, look) for chunk in chunks)


def _counting(files: Iterable[Written], folders: Counter[str]) -> Iterator[Written]:
    for file in files:
        folders[file.path.rpartition("/")[0]] += 1
        yield file


def _strangers(output: Output, manifest: Manifest, folders: Counter[str]) -> Iterator[Finding]:
    """Find what stands in the output's folders and is not of it; names are compared only where a count is off."""
    tops = {folder.partition("/")[0] for folder in folders if folder}
    for top in sorted(tops):
        for path, inner, names in os.walk(output.folder / top):
            folder = str(Path(path).relative_to(output.folder))
            names += [name for name in inner if os.path.islink(os.path.join(path, name))]  # readers follow it, walk not
            if not inner and not names and folder not in folders:
                yield Finding("extra", folder, "an empty folder, not of this output; readers may take it for a class")
            if len(names) == folders[folder]:
                continue
            ours = {f.path for f in walk_files(output.facts, manifest) if f.path.rpartition("/")[0] == folder}
            for name in sorted(names):
                if f"{folder}/{name}" not in ours:
                    yield Finding("extra", f"{folder}/{name}", "not of this output; readers may take it for an image")


def _fact(output: Output, manifest: Manifest) -> OutputFact:
    digest = manifest_sha256(output.facts)
    sizes = manifest.files, manifest.images, manifest.size_bytes
    return OutputFact(output.name, output.where, Outcome.DONE, *sizes, 0, 0, digest)
