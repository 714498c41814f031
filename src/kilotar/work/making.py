"""Makes one output: its steps through the engine, then its side files, its list of files, its manifest.

Rules guarded: nothing stands under a final name before the archives are proved; an image that stands in a finished tree
of this root is linked instead of written again; what is recorded is not done again.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path

from kilotar.errors import ArchiveRefused, DigestMismatch, OurError
from kilotar.events import Emit
from kilotar.plan.schedule import Scheduler
from kilotar.plan.steps import Reason, Step, StepDone
from kilotar.store.index import PartSpan
from kilotar.store.staging import remove_tree
from kilotar.store.workspace import Workspace
from kilotar.work.annotations import AnnotationTask, write_annotations
from kilotar.work.arriving import Arrivals
from kilotar.work.completing import complete
from kilotar.work.early_shards import EarlyShards
from kilotar.work.engine import Engine, Job, way_for
from kilotar.work.gathering import Gatherer
from kilotar.work.inputs import Inputs
from kilotar.work.output import BOXES, Output
from kilotar.work.planning import plan_shards, plan_steps
from kilotar.work.recoded_tree import RecodedTree
from kilotar.work.shard_writers import ShardCrew, ShardWriter
from kilotar.work.survey import Survey, SurveyedArchive
from kilotar.work.tables import join_part
from kilotar.work.tasks import TreeChanged, link_part, write_part

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
        crew:    writes shards.
    """

    survey: Survey
    inputs: Inputs
    workspace: Workspace
    gatherer: Gatherer
    slots: int
    sync: bool
    emit: Emit
    crew: ShardCrew


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
        self._shares = source is not None and output.shares_tree_with(source)
        self._staging = output.staging
        self._parts = {
            archive.step(span).key: (archive, span)
            for archive in setting.survey.archives
            for span in archive.outline.parts
        }
        self._arrivals = Arrivals(setting.survey)
        self._recoded = self._recoded_tree()
        self._early = self._early_shards()
        self._writer: ShardWriter | None = None
        self._journal = output.journal(setting.workspace)
        self._resumed = self._shares or bool(self._journal.records)

    @property
    def records(self) -> tuple[StepDone, ...]:
        """The latest record of every step of this output."""
        return tuple({record.key: record for record in self._journal.records}.values())

    def run(self) -> Survey:
        """Make it, or go on making it; give the survey with the parts that became known on the way.

        Raises: KilotarError; KeyboardInterrupt after a clean stop.
        """
        try:
            waiting = self.begin()
            setting, proofs = self._setting, self._setting.inputs.proofs()
            scheduler = Scheduler(
                waiting,
                {name: proof.total_bytes for name, proof in proofs.items()},
                landed={a.local.name: a.local.size_bytes for a in setting.survey.archives},
                growing=self._arrivals.names,
                slots=setting.slots,
            )
            outlines = self._arrivals.outlines(self._steps_of)
            job = Job(scheduler, self.write, proofs, self.commit, self.record, self.seal, outlines)
            self.hire(waiting, way_for(proofs))
            Engine(job, setting.slots, setting.emit).run()
            return self._arrivals.settled()
        except DigestMismatch:
            self.throw_away()
            raise
        finally:
            self.close()

    def begin(self) -> list[Step]:
        """Take the place where the output will grow; give the steps that are to be done. Raises KilotarError."""
        if self._output.is_new() and not self._shares:
            self._staging.refuse_taken(self._early.top_names() if self._early else self._output.top_names())
        self._output.begin()
        self._staging.open(swept=self._output.sink.ABOUT.shards)
        return [] if self._shares else [self._as_scheduled(step) for step in self._waiting()]

    def hire(self, steps: Sequence[Step], niceness: int) -> None:
        """Have planned shards written by the crew, where there is one; see `ShardCrew.hire`. Raises MachineError."""
        output = self._output
        beside = output.remote is None and not self._resumed  # a staged folder goes where none of its name stands
        self._writer = self._setting.crew.hire(output.sharding, steps, niceness, beside=beside)

    def throw_away(self) -> None:
        """Remove what was written: the images are not the published ones, and nobody wants them."""
        remove_tree(self._staging.folder)

    def close(self) -> None:
        self._journal.close()

    def _waiting(self) -> list[Step]:
        return self._unrecorded(self._early.standing() if self._early else self._output.steps)

    def _unrecorded(self, steps: tuple[Step, ...]) -> list[Step]:
        """Give those of some steps that are to be done."""
        reasons = replace(self._output, steps=steps).todo(self.records, self._setting.survey.trusted)
        return [step for step, reason in reasons if reason is not Reason.RECORDED]

    def _steps_of(self, archive: SurveyedArchive, span: PartSpan) -> tuple[Step, ...]:
        """Give what is to be done with a part of an archive that arrives; nothing where no image is written."""
        if self._early is not None:
            return tuple(self._unrecorded(self._early.take(archive, span)))
        step = archive.step(span)
        self._parts[step.key] = (archive, span)
        has_steps = self._output.sink.ABOUT.images and not self._shares
        return tuple(map(self._as_scheduled, self._unrecorded((step,)))) if has_steps else ()

    def _early_shards(self) -> EarlyShards | None:
        """Give the shards that are written while their archives arrive; None where they are all planned."""
        survey, output = self._setting.survey, self._output
        if not output.sink.ABOUT.shards or output.sharding is not None:
            return None
        return EarlyShards(output, survey, self._setting.gatherer.boxes())

    def _recoded_tree(self) -> RecodedTree | None:
        """Give the parts of a tree whose images are recoded; None for all other outputs."""
        survey, output = self._setting.survey, self._output
        if output.spool is None or not output.sink.ABOUT.images or output.sink.ABOUT.shards:
            return None
        collection = output.spool.over(self._setting.gatherer.gather(False), survey)
        if collection is None:
            raise OurError(f"images of {output.name} were not recoded")
        files = {archive.local.name: archive.local.path for archive in survey.archives}
        return RecodedTree.of(collection, files | output.spool.files(collection))

    def _as_scheduled(self, step: Step) -> Step:
        """A step that links, or takes recoded images, waits for no bytes of an archive."""
        waits = self._source is None and self._recoded is None
        return step if waits else Step(step.key, "", 0, 0, step.members)

    def write(self, key: str) -> Callable[[], StepDone]:
        """Give the work of a step."""
        if key.startswith(BOXES):
            return self._annotation_work(key)
        if self._early is not None:
            return self._early.write(key, self._staging.folder)
        if self._output.sharding is not None:
            return partial(self._output.write_shard, key, self._staging.folder, durable=False, writer=self._writer)
        archive, span = self._parts[key]
        place, staging = self._output.sink.place, self._staging
        if self._recoded is not None:
            return partial(self._recoded.write, key, place, staging, archive.index.identity.file)
        task = archive.task(span, self._setting.survey.chosen)
        rows = archive.rows(span) if self._source is not None else None
        if self._source is None or rows is None or not rows.has_digests:
            return lambda: write_part(task, place, staging)
        part, source = join_part(archive, span, rows, self._setting.survey.chosen), self._source
        finished_ns = source.finished_ns()

        def link_or_write() -> StepDone:
            try:
                return link_part(key, archive.split, part, place, staging, source.path_of, finished_ns)
            except (TreeChanged, FileNotFoundError, NotADirectoryError):  # it lost an image since, or was written to
                return write_part(task, place, staging)

        return link_or_write

    def _annotation_work(self, key: str) -> Callable[[], StepDone]:
        survey = self._setting.survey
        local = next(box for box in survey.boxes if f"{BOXES}{box.about.split}" == key)
        keys = self._setting.gatherer.keys(local.about.split) if survey.selection else None
        task = AnnotationTask(key, local, survey.edition, survey.chosen, self._listing(key), keys)
        return lambda: write_annotations(task, self._output.sink.place_annotation, self._staging)

    def _listing(self, key: str) -> Path:
        return self._output.facts / f"{key.replace('/', '-')}.tsv"

    def commit(self) -> None:
        """Make what was written durable. Raises MachineError."""
        if self._setting.sync:
            self._staging.sync()

    def record(self, parts: tuple[StepDone, ...]) -> None:
        """Remember steps that are durable. Raises MachineError."""
        self._journal.append(parts)

    def seal(self) -> None:
        """Complete the output; what was done before is not done again. Raises KilotarError."""
        if self._writer is not None and self._writer.left_files:
            self._staging.open(swept=True)
        self._staging.move_into_place()
        output, survey, gatherer = self._output, self._setting.survey, self._setting.gatherer
        if (grown := self._arrivals.settled()) is not survey:
            survey = grown
            gatherer = Gatherer(survey)
            output = self._arrived(survey)
            output.begin()
        notes = tuple(self._listing(step.key) for step in output.steps if step.key.startswith(BOXES))
        written = self._writer.beside if self._writer is not None else {}
        inputs, sync = self._setting.inputs, self._setting.sync
        complete(output, survey, inputs, gatherer, notes, self.records, written, resumed=self._resumed, sync=sync)
        self._staging.tidy()

    def _arrived(self, survey: Survey) -> Output:
        """Give the output with all its steps, which are known when everything has arrived."""
        output = self._output
        sharding = plan_shards(output.sink, output.options, survey, output.spool)
        if sharding is not None:
            lost = sharding.shards.keys() - {record.key for record in self.records}
            if lost:
                raise ArchiveRefused(
                    "the archives hold another number of images than was published",
                    seen=f"{len(lost)} shards stand elsewhere than planned",
                    fix="run the same command again: the archives are here now",
                )
            return replace(output, sharding=sharding, steps=sharding.steps(), planned_steps=len(sharding.shards))
        images = plan_steps(survey) if output.sink.ABOUT.images else ()
        steps = (*images, *(step for step in output.steps if step.key.startswith(BOXES)))
        return replace(output, steps=steps, planned_steps=len(steps))
