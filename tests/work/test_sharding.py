"""Rules: outputs in shards are the same whoever makes them, go on after a stop, and are mended from the archives."""

from __future__ import annotations

from pathlib import Path

import pytest

import kilotar
from kilotar.editions.tiny import Tiny, make_tiny
from kilotar.errors import SettingsDiffer
from kilotar.events import Event, Outcome, StepEnded, ignore
from kilotar.sinks import webdataset
from kilotar.work.verify import parse_level, verify
from tests.work.wishes import prepare, snapshot, wish

SHARDS = {"formats": ("webdataset",), "options": (("webdataset", "shards", "5"),)}


@pytest.fixture(scope="module")
def many(tmp_path_factory: pytest.TempPathFactory) -> Tiny:
    return make_tiny(tmp_path_factory.mktemp("many"), classes=4, per_class=10, val=12, test=3)


def files(root: Path) -> dict[str, bytes]:
    folder = root / "webdataset"
    return {str(path.relative_to(folder)): path.read_bytes() for path in sorted(folder.rglob("*")) if path.is_file()}


def check(root: Path, *, repair: bool = False) -> list[tuple[str, str]]:
    report = verify(root, level=parse_level("deep"), repair=repair, jobs=1, emit=ignore)
    return [(finding.kind, finding.where) for finding in report.problems]


def test_every_image_stands_in_the_shards_once_with_its_own_bytes(many: Tiny, root: Path) -> None:
    report = prepare(root, many, **SHARDS, splits=("train", "val", "test"))

    rows = list(webdataset.read(root / "webdataset", many.edition))
    assert report.outcome is Outcome.DONE and check(root) == []
    assert len(rows) == 40 + 12 + 3
    tree = {sample.name: sample.read() for split in ("train", "val", "test") for sample in kilotar.open(root, split)}
    assert {row.name: row.read() for row in rows if row.read} == tree


@pytest.mark.parametrize("jobs", [1, 2, 4])
def test_any_number_of_writers_gives_the_same_bytes(many: Tiny, root: Path, tmp_path: Path, jobs: int) -> None:
    prepare(root, many, **SHARDS, jobs=jobs)
    prepare(tmp_path / "other", many, **SHARDS, jobs=3)

    assert files(root) == files(tmp_path / "other")


def test_the_same_again_keeps_everything(many: Tiny, root: Path) -> None:
    prepare(root, many, **SHARDS)
    before = snapshot(root / "webdataset")

    assert prepare(root, many, **SHARDS).outcome is Outcome.KEPT
    assert snapshot(root / "webdataset") == before


def test_a_stopped_run_goes_on_with_the_shards_that_are_left(many: Tiny, root: Path) -> None:
    events: list[Event] = []

    def stop(event: Event) -> None:
        events.append(event)
        if sum(isinstance(past, StepEnded) for past in events) == 3:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        kilotar.prepare(root, on_event=stop, jobs=1, **wish(many, **SHARDS))
    again: list[Event] = []
    prepare(root, many, again, jobs=1, **SHARDS)

    first = {event.key for event in events if isinstance(event, StepEnded)}
    second = {event.key for event in again if isinstance(event, StepEnded)}
    assert first and second and not first & second
    assert check(root) == []


def test_a_damaged_shard_and_a_lost_index_are_made_anew(many: Tiny, root: Path) -> None:
    prepare(root, many, **SHARDS)
    before = files(root)
    shard = root / "webdataset" / "imagenet1k-train-0002.tar"
    shard.write_bytes(b"?" + shard.read_bytes()[1:])
    (root / "webdataset" / "imagenet1k-train-0003.tar").unlink()
    (root / "webdataset" / "_info.json").unlink()

    found = check(root)
    assert sorted(kind for kind, _ in found) == ["digest", "missing", "missing"]
    assert check(root, repair=True) == []
    assert files(root) == before


def test_another_order_under_the_same_name_is_refused(many: Tiny, root: Path) -> None:
    prepare(root, many, **SHARDS)

    with pytest.raises(SettingsDiffer, match="webdataset"):
        prepare(root, many, formats=("webdataset",), options=(("webdataset", "order", "shuffled"),))


def test_a_choice_of_classes_has_fewer_and_ranked_labels(many: Tiny, root: Path) -> None:
    chosen = tuple(synset.wnid for synset in many.edition.classes[1:3])
    prepare(root, many, **SHARDS, classes=chosen)

    rows = list(webdataset.read(root / "webdataset", many.edition))
    assert {(row.wnid, row.label) for row in rows} == {(chosen[0], 0), (chosen[1], 1)}


def test_a_tree_and_shards_come_from_one_command(many: Tiny, root: Path) -> None:
    report = prepare(root, many, formats=("imagefolder", "webdataset", "torchvision"))

    assert [output.name for output in report.outputs] == ["imagefolder", "webdataset", "torchvision"]
    assert check(root) == []
