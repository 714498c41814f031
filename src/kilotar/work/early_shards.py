"""Shards of an archive that is still arriving: each is written as soon as all its images are there.

Rules guarded: the cut is that of the whole archive, from published counts, so that a run over the local archive has the
same shards; an archive that turns out to hold another number of images refuses the output; only orders that follow the
archive are early, and only where all of it is wanted.
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from kilotar.errors import ArchiveRefused, OurError
from kilotar.events import ignore
from kilotar.model.sample import Split
from kilotar.model.seams import Collection, Shard
from kilotar.model.table import BoxSource, Part, SampleTable
from kilotar.plan.order import WINDOW_ROWS, cut, order_rows
from kilotar.plan.steps import Step, StepDone
from kilotar.sinks.base import DataclassLike, ShardSink, as_shards
from kilotar.store.index import PartSpan
from kilotar.work.counts import expected_images
from kilotar.work.gathering import header_rows
from kilotar.work.output import Output
from kilotar.work.sharding import Sharding
from kilotar.work.spooling import spool_part
from kilotar.work.survey import Survey, SurveyedArchive
from kilotar.work.tables import join_part

__all__ = ["EarlyShards", "can_be_early"]

_WINDOWS = {"archive": 1, "windowed": WINDOW_ROWS}  # rows that must be there together


def can_be_early(output: Output, surveyed: Survey) -> bool:
    """Tell whether an output's shards can be written while its archives arrive."""
    follows = getattr(output.options, "order", "") in _WINDOWS
    coming = [archive for archive in surveyed.archives if archive.growth is not None]
    whole = all(archive.growth and not archive.growth.is_part and not archive.outline.parts for archive in coming)
    counted = all(expected_images(surveyed, archive.split) > 0 for archive in surveyed.archives)
    if output.spool is not None and not output.spool.pixels.is_odd_only:
        return False  # lengths of all images change, and all of them have to be there for that
    return output.sink.ABOUT.early and follows and bool(coming) and whole and counted and not surveyed.selection


class EarlyShards:
    """The shards of one output as they become writable. `take` is called by the walk of each archive, in its thread.

    Args:
        output: with its options.
        survey: of archives that arrive.
        boxes:  joined to the samples.
    """

    def __init__(self, output: Output, survey: Survey, boxes: BoxSource | None) -> None:
        sink = as_shards(output.sink)
        if sink is None:
            raise OurError(f"{output.name} writes no shards")
        self._sink: ShardSink = sink
        self._options: DataclassLike = output.options
        self._survey, self._boxes, self._spool = survey, boxes, output.spool
        self._window = _WINDOWS[output.options.order]  # type: ignore[attr-defined]
        self._parts: dict[Split, list[Part]] = {archive.split: [] for archive in survey.archives}
        self._next: dict[Split, int] = dict.fromkeys(self._parts, 0)
        self._cuts = {split: self._cut(split) for split in self._parts}
        self._ready: dict[str, Sharding] = {}

    def _cut(self, split: Split) -> list[range]:
        images = expected_images(self._survey, split)
        return cut(images, self._sink.count(split, range(images), self._options))

    def standing(self) -> tuple[Step, ...]:
        """Give the shards of the archives that are there already. Raises as `take`."""
        here = (archive for archive in self._survey.archives if archive.growth is None)
        return tuple(step for archive in here for span in archive.outline.parts for step in self.take(archive, span))

    def take(self, archive: SurveyedArchive, span: PartSpan) -> tuple[Step, ...]:
        """Wait until a part is there, take in its images, and give the shards that are complete with it.

        Raises: Cancelled; ArchiveRefused where there are more images than were published; MachineError.
        """
        if archive.growth is not None:
            archive.growth.wait_for(span)
        rows = next(iter(header_rows(archive, (span,))))
        parts = self._parts[archive.split]
        parts.append(self._recoded(archive, join_part(archive, span, rows, self._survey.chosen)))
        table = SampleTable(archive.split, parts, self._boxes)
        return tuple(self._complete(archive, table))

    def _recoded(self, archive: SurveyedArchive, part: Part) -> Part:
        """Give a part with its few odd images converted, where they are to be."""
        if self._spool is None:
            return part
        spool_part(self._spool, archive, part, ignore)
        recoded = self._spool.part(archive, part)
        if recoded is None:
            raise OurError(f"odd images of {archive.split}/{part.key} were not converted")
        return recoded

    def _complete(self, archive: SurveyedArchive, table: SampleTable) -> list[Step]:
        runs, split = self._cuts[table.split], table.split
        if len(table) > runs[-1].stop:
            raise ArchiveRefused(f"{archive.local.name} holds more images than were published", fix="prepare it again")
        steps: list[Step] = []
        rows = order_rows(table, self._options.order, self._options.seed)  # type: ignore[attr-defined]
        while self._next[split] < len(runs):
            number = self._next[split]
            run = runs[number]
            needed = min(runs[-1].stop, -(-run.stop // self._window) * self._window)
            if len(table) < needed:
                break
            path = self._sink.path(split, number, len(runs))
            steps.append(self._plan(archive, table, Shard(split, number, len(runs), path, rows[run.start : run.stop])))
            self._next[split] += 1
        return steps

    def _plan(self, archive: SurveyedArchive, table: SampleTable, shard: Shard) -> Step:
        survey = self._survey
        wnids = survey.classes or tuple(synset.wnid for synset in survey.edition.classes)
        edition = self._spool.edition_of(survey.edition) if self._spool else survey.edition
        collection = Collection(edition, (table,), wnids, self._boxes)
        paths = {archive.local.name: archive.local.path} | (self._spool.files(collection) if self._spool else {})
        sharding = Sharding(self._sink, self._options, collection, paths, {shard.key: shard})
        self._ready[shard.key] = sharding
        return sharding.steps()[0]

    def write(self, key: str, folder: Path) -> Callable[[], StepDone]:
        """Give the work of a step; what it writes is made durable by the commit that follows."""
        sharding = self._ready[key]
        return lambda: sharding.write(key, folder, durable=False)

    def top_names(self) -> frozenset[str]:
        """Give the names in the output's folder that its shards will take."""
        paths = (
            self._sink.path(split, number, len(runs))
            for split, runs in self._cuts.items()
            for number in range(len(runs))
        )
        return frozenset(path.partition("/")[0] for path in paths)
