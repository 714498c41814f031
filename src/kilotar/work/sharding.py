"""Outputs in shards: which samples stand in which file, and the writing of one.

Rules guarded: the plan of shards comes from names, sizes and options alone, so that every run and every machine has the
same; a shard is a file that appears whole; images are read from the archive by a step of their own and never pass
between processes.
"""

from __future__ import annotations

from array import array
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import chain
from operator import add
from pathlib import Path

from kilotar.errors import storage_error
from kilotar.model.sample import Split
from kilotar.model.seams import Collection, Item, Shard, ShardFact, Written
from kilotar.model.table import SampleTable
from kilotar.plan.order import cut, order_rows
from kilotar.plan.steps import Step, StepDone
from kilotar.plan.worlds import shard_sets
from kilotar.sinks.base import DataclassLike, ShardSink, as_builder, beside_of
from kilotar.store.files import publish, publish_built
from kilotar.work.extents import Extents

__all__ = ["Sharding", "shard_facts", "shard_path"]


_NOWHERE = (1 << 64) - 1


@dataclass(frozen=True, slots=True)
class Sharding:
    """The shards of one output.

    Attributes:
        sink, options: the format and its choices.
        collection: the samples.
        archives:   where the archives are, by name, and the spools of recoded images.
        shards:     all of them, by key.
    """

    sink: ShardSink
    options: DataclassLike
    collection: Collection
    archives: Mapping[str, Path]
    shards: Mapping[str, Shard]

    @classmethod
    def of(
        cls, sink: ShardSink, options: DataclassLike, collection: Collection, archives: Mapping[str, Path]
    ) -> Sharding:
        """Plan the shards of a collection. Raises UsageError."""
        shards = (shard for table in collection.tables for shard in _shards(sink, options, table))
        return cls(sink, options, collection, archives, {shard.key: shard for shard in shards})

    def steps(self) -> tuple[Step, ...]:
        """Give a step for each shard; it needs the bytes from its first image to its last."""
        columns = {table.split: _Columns.of(table) for table in self.collection.tables}
        return tuple(_step(shard, columns[shard.split]) for shard in self.shards.values())

    def doubts(self) -> tuple[str, ...]:
        """Give what a person should know of a number of shards that they chose themselves."""
        if not getattr(self.options, "shards", 0):
            return ()
        return tuple(s.doubt for s in shard_sets(self.shards.values()) if s.split == Split.TRAIN and s.doubt)

    def top_names(self) -> frozenset[str]:
        """Give the names in the output's folder that its shards, and what is written with them, will take."""
        shards = self.shards.values()
        paths = (path for shard in shards for path, _ in beside_of(self.sink, shard, self.collection, self.options))
        return frozenset(path.partition("/")[0] for path in chain(paths, (shard.path for shard in shards)))

    def write(self, key: str, folder: Path, *, durable: bool = True) -> StepDone:
        """Write a shard below a folder; `durable` as in `publish`. Raises ArchiveRefused, MachineError."""
        shard = self.shards[key]
        path = folder / shard.path
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
        except OSError as error:
            raise storage_error(error, f"make the folder of {shard.path}") from error
        size_bytes = sum(at.size_bytes for at in self.collection.extents(shard))
        written = self._publish(path, shard, durable)
        return StepDone(
            key,
            len(shard.rows),
            size_bytes,
            written.sha256,
            shard.path,
            exclusive=False,
            written_bytes=written.size_bytes,
        )

    def write_beside(self, key: str, folder: Path, *, durable: bool = True) -> Iterator[Written]:
        """Write the side files that are of one shard alone, below a folder. Raises MachineError."""
        for path, chunks in beside_of(self.sink, self.shards[key], self.collection, self.options):
            target = folder / path
            target.parent.mkdir(parents=True, exist_ok=True)
            yield replace(publish(target, chunks, durable=durable), path=path)

    def _publish(self, path: Path, shard: Shard, durable: bool) -> Written:
        items, builder = self._items(shard), as_builder(self.sink)
        if builder is None:
            return publish(path, self.sink.encode(items, shard, self.collection, self.options), durable=durable)

        def build(path: Path) -> None:
            builder.build(path, items, shard, self.collection, self.options)

        return publish_built(path, build, durable=durable)

    def _items(self, shard: Shard) -> Iterator[Item]:
        """Give the samples of a shard with their bytes, in its order."""
        ranks = self.collection.ranks()
        with Extents(self.archives, self._stops(shard)) as extents:
            for sample in self.collection.samples(shard):
                yield Item(sample, ranks[sample.wnid], extents.view(sample.at))

    def _stops(self, shard: Shard) -> Mapping[str, int] | None:
        """Give where the images of a shard end in each file, where they come as they lie; None where they are mixed."""
        if not isinstance(shard.rows, range):
            return None
        stops: dict[str, int] = {}
        for at in self.collection.extents(shard):
            stops[at.archive] = max(stops.get(at.archive, 0), at.stop)
        return stops


@dataclass(frozen=True, slots=True)
class _Columns:
    """Where the images of a table lie in its archive; those in a spool begin at `_NOWHERE` and end at 0."""

    archive: str
    starts: Sequence[int]
    stops: Sequence[int]

    @classmethod
    def of(cls, table: SampleTable) -> _Columns:
        starts, stops = array("Q"), array("Q")
        for part in table.parts:
            offsets, spooled = part.rows.offsets, part.spooled or bytes(len(part))
            starts.extend(_NOWHERE if away else at for at, away in zip(offsets, spooled, strict=True))
            ends = map(add, offsets, part.rows.sizes)
            stops.extend(0 if away else end for end, away in zip(ends, spooled, strict=True))
        return cls(table.parts[0].archive if table.parts else "", starts, stops)


def _step(shard: Shard, columns: _Columns) -> Step:
    """Give the step of a shard; recoded images need no bytes of an archive any more."""
    stop = max(map(columns.stops.__getitem__, shard.rows), default=0)
    if not stop:
        return Step(shard.key, "", 0, 0, len(shard.rows))
    start = min(map(columns.starts.__getitem__, shard.rows))
    return Step(shard.key, columns.archive, start, stop, len(shard.rows))


def _shards(sink: ShardSink, options: DataclassLike, table: SampleTable) -> Iterator[Shard]:
    rows = order_rows(table, options.order, options.seed, sink.OFFICIAL)  # type: ignore[attr-defined]
    sizes = [size for part in table.parts for size in part.rows.sizes]
    count = sink.count(table.split, sizes, options)
    for number, positions in enumerate(cut(len(rows), count)):
        inside = rows[positions.start : positions.stop]
        yield Shard(table.split, number, count, shard_path(sink, options, table.split, number, count), inside)


def shard_path(sink: ShardSink, options: DataclassLike, split: Split, number: int, count: int) -> str:
    """Give where a shard stands; a sink whose layouts name their files differently has `layout_path` beside `path`."""
    of_layout = getattr(sink, "layout_path", None)
    return of_layout(options, split, number, count) if of_layout else sink.path(split, number, count)


def shard_facts(sharding: Sharding, records: Mapping[str, StepDone]) -> tuple[ShardFact, ...]:
    """Give the shards as they were written, in their order."""
    done = ((shard, records[shard.key]) for shard in sharding.shards.values())
    return tuple(ShardFact(shard, record.written_bytes, record.listing_sha256) for shard, record in done)
