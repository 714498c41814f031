"""Makes one output: its steps through the engine, then its side files, its list of files, its manifest.

Rules guarded: nothing stands under a final name before the archives are proved; an image that stands in a finished tree
of this root is linked instead of written again; before the manifest every file is looked at once more, so that what a
person or another program took away meanwhile is noticed; the manifest is the last thing written.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

from kilotar import __version__
from kilotar.events import Emit, Finding
from kilotar.model.sample import Sample
from kilotar.model.seams import Collection, Written
from kilotar.plan.schedule import Scheduler
from kilotar.plan.steps import Reason, Step
from kilotar.store.files import Folder
from kilotar.store.index import PartSpan
from kilotar.store.manifest import SCHEMA, Manifest, write_files, write_manifest
from kilotar.store.workspace import Workspace
from kilotar.work.annotations import AnnotationTask, read_listing, write_annotations
from kilotar.work.engine import Engine, Job, ProofTask
from kilotar.work.gathering import Gatherer
from kilotar.work.inputs import Inputs
from kilotar.work.labels import ORDER, prove_labels
from kilotar.work.output import BOXES, Output, StepRecord
from kilotar.work.repair import rewrite, stands
from kilotar.work.survey import Survey, SurveyedArchive
from kilotar.work.tables import join_part
from kilotar.work.tasks import PartDone, link_part, write_part

__all__ = ["Making", "Setting"]


@dataclass(frozen=True, slots=True)
class Setting:
    """What all outputs of a run share.

    Attributes:
        survey, inputs: what is there.
        workspace: of the root.
        gatherer: gives the samples.
        slots:   writer threads.
        sync:    whether writes are made durable.
        emit:    gets the events.
    """

    survey: Survey
    inputs: Inputs
    workspace: Workspace
    gatherer: Gatherer
    slots: int
    sync: bool
    emit: Emit


class Making:
    """One output in the making.

    Args:
        setting: of the run.
        output:  as planned.
        source:  a finished tree of this root whose files may be linked, None where they must be written.
    """

    def __init__(self, setting: Setting, output: Output, source: Output | None) -> None:
        self._setting = setting
        self._output = output
        self._source = source
        self._staging = output.staging
        self._journal = output.journal(setting.workspace)

    @property
    def records(self) -> tuple[StepRecord, ...]:
        """The latest record of every step of this output."""
        return tuple({record.key: record for record in self._journal.records}.values())

    def run(self) -> None:
        """Make it, or go on making it.

        Raises: KilotarError; KeyboardInterrupt after a clean stop.
        """
        try:
            shares = self._source is not None and self._output.shares_tree_with(self._source)
            if self._output.is_new() and not shares:
                self._staging.refuse_taken(self._output.top_names())
            self._output.begin()
            self._staging.open()
            waiting = [] if shares else self._waiting()
            proofs = self._proofs()
            scheduler = Scheduler(
                map(self._as_scheduled, waiting),
                {name: proof.total_bytes for name, proof in proofs.items()},
                landed={a.local.name: a.local.size_bytes for a in self._setting.survey.archives},
                slots=self._setting.slots,
            )
            job = Job(scheduler, self._write, proofs, self._commit, self._record, self._seal)
            Engine(job, self._setting.slots, self._setting.emit).run()
        finally:
            self._journal.close()

    def _waiting(self) -> list[Step]:
        return [step for step, reason in self._output.todo(self.records) if reason is not Reason.RECORDED]

    def _proofs(self) -> dict[str, ProofTask]:
        inputs = self._setting.inputs
        archives = [archive.local for archive in self._setting.survey.archives]
        return {local.name: inputs.proof(local) for local in archives if not inputs.is_proved(local)}

    def _as_scheduled(self, step: Step) -> Step:
        """A step that links waits for no bytes of an archive."""
        return Step(step.key, "", 0, 0, step.members) if self._source is not None else step

    def _write(self, key: str) -> Callable[[], PartDone]:
        """Give the work of a step."""
        if key.startswith(BOXES):
            return self._annotation_work(key)
        archive, span = self._part(key)
        place, staging = self._output.sink.place, self._staging
        rows = archive.index.read_part(span) if self._source is not None else None
        if self._source is None or rows is None or not rows.has_digests:
            task = archive.task(span, self._setting.survey.chosen)
            return lambda: write_part(task, place, staging)
        part, source = join_part(archive, span, rows, self._setting.survey.chosen), self._source
        return lambda: link_part(key, archive.split, part, place, staging, source.path_of)

    def _part(self, key: str) -> tuple[SurveyedArchive, PartSpan]:
        split, _, part = key.partition("/")
        archive = next(a for a in self._setting.survey.archives if a.split == split)
        return archive, next(span for span in archive.outline.parts if span.key == part)

    def _annotation_work(self, key: str) -> Callable[[], PartDone]:
        survey = self._setting.survey
        local = next(box for box in survey.boxes if f"{BOXES}{box.about.split}" == key)
        task = AnnotationTask(key, local, survey.edition, survey.chosen, self._listing(key))
        return lambda: write_annotations(task, self._output.sink.place_annotation, self._staging)

    def _listing(self, key: str) -> Path:
        return self._output.facts / f"{key.replace('/', '-')}.tsv"

    def _commit(self) -> None:
        if self._setting.sync:
            self._staging.sync()

    def _record(self, parts: tuple[PartDone, ...]) -> None:
        self._journal.append(map(_as_record, parts))

    def _seal(self) -> None:
        output = self._output
        self._staging.move_into_place()
        collection = self._setting.gatherer.gather(output.sink.ABOUT.images, boxes=True)
        side = output.sink.finish(collection, Folder(output.folder), output.options)
        paths = {archive.local.name: archive.local.path for archive in self._setting.survey.archives}
        listings = tuple(self._listing(step.key) for step in output.steps if step.key.startswith(BOXES))
        files = _Files(output, collection, paths, listings, side)
        files_sha256 = write_files(output.facts, files)
        write_manifest(output.facts, self._manifest(files, files_sha256))

    def _manifest(self, files: _Files, files_sha256: str) -> Manifest:
        output, recipe = self._output, self._output.recipe
        facts = [self._setting.inputs.fact(archive.local.name) for archive in self._setting.survey.archives]
        findings = (*self._setting.survey.findings, *findings_of(self.records))
        return Manifest(
            schema=SCHEMA,
            plan_id=recipe.plan_id,
            output=output.name,
            sink_version=recipe.sink_version,
            edition=recipe.edition,
            splits=recipe.splits,
            classes=recipe.classes,
            options=recipe.options,
            sources=tuple((fact.name, f"{fact.algorithm}:{fact.digest}") for fact in facts),
            images=files.images,
            files=files.count,
            size_bytes=files.size_bytes,
            files_sha256=files_sha256,
            label_order=ORDER,
            label_table_sha256=prove_labels(self._setting.survey.edition).table_sha256,
            findings=tuple(sorted((f.kind, f.where, f.why) for f in findings)),
            verified=all(fact.published for fact in facts),
            made_by=f"kilotar {__version__}",
        )


class _Files:
    """The files of a finished output; an image that is gone or cut is written anew. Counts are right after one pass."""

    def __init__(
        self,
        output: Output,
        collection: Collection,
        archives: Mapping[str, Path],
        listings: tuple[Path, ...],
        side: tuple[Written, ...],
    ) -> None:
        self._output = output
        self._collection = collection
        self._archives = archives
        self._listings = listings
        self._side = side
        self.images = self.count = self.size_bytes = 0

    def __iter__(self) -> Iterator[Written]:
        self.images = self.count = self.size_bytes = 0
        for file in self._all():
            self.count += 1
            self.size_bytes += file.size_bytes
            yield file

    def _all(self) -> Iterator[Written]:
        if self._output.sink.ABOUT.images:
            yield from map(self._image, (sample for table in self._collection.tables for sample in table))
        for listing in self._listings:
            yield from read_listing(listing)
        yield from self._side

    def _image(self, sample: Sample) -> Written:
        self.images += 1
        file = Written(self._output.sink.place(sample), sample.at.size_bytes, sample.sha256.hex())
        if not stands(self._output.folder / file.path, file.size_bytes):
            rewrite(self._archives[sample.at.archive], sample, Folder(self._output.folder), file.path)
        return file


def _as_record(done: PartDone) -> StepRecord:
    findings = tuple((f.kind, f.where, f.why, f.offset, f.is_problem) for f in done.findings)
    return StepRecord(
        done.key,
        done.images,
        done.size_bytes,
        done.listing_sha256,
        done.folder,
        done.exclusive,
        done.written_bytes,
        done.linked,
        findings,
    )


def findings_of(records: Iterable[StepRecord]) -> tuple[Finding, ...]:
    """Give what was found in the data while the steps were made."""
    return tuple(Finding(*finding) for record in records for finding in record.findings)
