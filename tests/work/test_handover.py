"""Plans of shards cross to other processes by a file without a name, and are the same there."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import closing
from dataclasses import replace
from pathlib import Path

import pytest

from kilotar.errors import OurError, ReadOnly, StorageFailed
from kilotar.model.sample import Box, Split
from kilotar.model.seams import Collection
from kilotar.model.table import BoxSource, SampleTable
from kilotar.sinks.base import as_shards, find_sinks
from kilotar.sources.box_book import BoxBook, BoxBookBuilder
from kilotar.work.handover import Handover, taken
from kilotar.work.resized_boxes import ResizedBoxes
from kilotar.work.sharding import Sharding
from tests.doubles.collections import make_small

SHARDS = [shards for sink in find_sinks() if (shards := as_shards(sink)) is not None]
every_format = pytest.mark.parametrize("sink", SHARDS, ids=lambda sink: sink.ABOUT.name)
SMALL = make_small()


@pytest.fixture
def handover(tmp_path: Path) -> Iterator[Handover]:
    with closing(Handover(tmp_path)) as handover:
        yield handover


def book() -> BoxBook:
    """Give the boxes of the small collection in the columns that a run has them in."""
    source, builder = SMALL.collection.boxes, BoxBookBuilder()
    assert source is not None
    for key in sorted({sample.key for sample, _ in SMALL.samples()}):
        builder.add(key, source.of(key), source.size(key))
    return builder.book(lambda finding: None)


def collection(boxes: BoxSource | None) -> Collection:
    tables = tuple(SampleTable(table.split, table.parts, boxes) for table in SMALL.collection.tables)
    return replace(SMALL.collection, tables=tables, boxes=boxes)


def all_boxes(plan: Sharding) -> list[tuple[Box, ...]]:
    return [sample.boxes for table in plan.collection.tables for sample in table]


@every_format
def test_a_plan_is_the_same_on_the_other_side(sink: object, handover: Handover) -> None:
    plan = Sharding.of(sink, sink.Options(), collection(book()), {"train.tar": Path("/a/b")})  # type: ignore[attr-defined]
    got = taken(handover.fd, handover.add(plan))

    assert (got.sink, got.options, got.archives) == (plan.sink, plan.options, plan.archives)
    assert got.steps() == plan.steps()
    assert {k: list(s.rows) for k, s in got.shards.items()} == {k: list(s.rows) for k, s in plan.shards.items()}
    assert [list(table) for table in got.collection.tables] == [list(table) for table in plan.collection.tables]
    assert got.collection.edition == plan.collection.edition and got.collection.classes == plan.collection.classes


@pytest.mark.parametrize("resize", [None, "", "short:32"])
def test_boxes_cross_as_they_are_or_resized(resize: str | None, handover: Handover) -> None:
    boxes: BoxSource = book() if resize is None else ResizedBoxes(book(), resize)
    plan = Sharding.of(SHARDS[0], SHARDS[0].Options(), collection(boxes), {})
    got = taken(handover.fd, handover.add(plan))

    assert all_boxes(got) == all_boxes(plan) and any(all_boxes(plan))
    assert type(got.collection.boxes) is type(boxes)


def test_boxes_of_another_kind_are_a_bug_and_not_dropped(handover: Handover) -> None:
    plan = Sharding.of(SHARDS[0], SHARDS[0].Options(), SMALL.collection, {})
    with pytest.raises(OurError, match="BoxTable"):
        handover.add(plan)


def test_recoded_images_and_wnids_of_a_flat_archive_cross(handover: Handover) -> None:
    first, *rest = SMALL.collection.tables
    parts = [replace(part, spool="spool", spooled=bytes([1]) + bytes(len(part) - 1)) for part in first.parts]
    tables = (SampleTable(first.split, parts), *(SampleTable(table.split, table.parts) for table in rest))
    plan = Sharding.of(SHARDS[0], SHARDS[0].Options(), replace(collection(None), tables=tables), {})
    got = taken(handover.fd, handover.add(plan))

    assert [list(table) for table in got.collection.tables] == [list(table) for table in tables]
    assert got.collection.table(Split.TRAIN).extent(0).archive == "spool"  # type: ignore[union-attr]


def test_several_plans_lie_in_one_file(handover: Handover) -> None:
    plans = [Sharding.of(sink, sink.Options(), collection(None), {}) for sink in SHARDS[:3]]
    places = [handover.add(plan) for plan in plans]

    assert len(set(places)) == 3
    assert [taken(handover.fd, place).sink for place in places] == [plan.sink for plan in plans]


def test_the_file_has_no_name(tmp_path: Path, handover: Handover) -> None:
    handover.add(Sharding.of(SHARDS[0], SHARDS[0].Options(), collection(None), {}))
    assert os.listdir(tmp_path) == []


def test_a_disk_that_takes_nothing_is_named(
    handover: Handover, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    def refuse(fd: int, data: bytes) -> int:
        raise OSError(5, "Input/output error")

    monkeypatch.setattr("kilotar.work.handover.write_all", refuse)
    with pytest.raises(StorageFailed, match="EIO"):
        handover.add(Sharding.of(SHARDS[0], SHARDS[0].Options(), collection(None), {}))

    def no_file(**words: object) -> None:
        raise OSError(30, "Read-only file system")

    monkeypatch.setattr("tempfile.TemporaryFile", no_file)
    with pytest.raises(ReadOnly):
        Handover(tmp_path)
