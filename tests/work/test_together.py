"""Rules: formats of one command whose samples come in one order share one read, and come out as if made alone."""

from __future__ import annotations

from collections import OrderedDict
from pathlib import Path

import pytest

import kilotar
from kilotar.editions.tiny import Tiny, make_tiny
from kilotar.errors import MachineError
from kilotar.events import Outcome
from kilotar.model.sample import Extent
from kilotar.sinks.base import find_sink
from kilotar.work import extents
from kilotar.work.sharding import Sharding
from tests.need import need_module
from tests.work.wishes import prepare, tree_digests

OFFICIAL, SHUFFLED = ("webdataset", "tfds"), ("mds", "litdata", "parquet")
OTHER = (*OFFICIAL, *SHUFFLED)
MANY = tuple((name, "shards", "6") for name in OTHER)  # of train, so that a shard is small beside the archive


@pytest.fixture(scope="module")
def many(tmp_path_factory: pytest.TempPathFactory) -> Tiny:
    for name in OTHER:
        for package in find_sink(name).ABOUT.needs:
            need_module(package)
    return make_tiny(tmp_path_factory.mktemp("many"), per_class=40, val=12)


def outputs_of(root: Path, formats: tuple[str, ...]) -> dict[str, dict[str, str]]:
    return {name: tree_digests(root / name) for name in formats}


@pytest.mark.parametrize("jobs", [1, 3])
def test_outputs_made_together_are_those_made_alone_manifests_and_all(
    jobs: int, root: Path, many: Tiny, tmp_path: Path
) -> None:
    prepare(root, many, formats=OTHER, options=MANY, jobs=jobs)
    for name in OTHER:
        prepare(tmp_path / "alone", many, formats=(name,), options=MANY)
    assert outputs_of(root, OTHER) == outputs_of(tmp_path / "alone", OTHER)
    assert not kilotar.verify(root).problems


@pytest.mark.parametrize("formats", [OFFICIAL, SHUFFLED])
def test_an_image_is_asked_for_again_while_little_else_was_read_in_between(
    formats: tuple[str, ...], root: Path, many: Tiny, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked: list[Extent] = []
    real = extents.Extents.view

    def view(self: extents.Extents, at: Extent) -> memoryview:
        asked.append(at)
        return real(self, at)

    monkeypatch.setattr(extents.Extents, "view", view)
    prepare(root, many, formats=formats, options=MANY, jobs=1, splits=("train",))
    whole = sum(at.size_bytes for at in set(asked))
    assert sum(at.size_bytes for at in asked) == len(formats) * whole
    assert read_bytes(asked, cache_bytes=whole // 3) == whole  # two shards of each format would fit
    alone = sorted(range(len(asked)), key=lambda place: asked[:place].count(asked[place]))
    assert read_bytes([asked[place] for place in alone], cache_bytes=whole // 3) == len(formats) * whole


def read_bytes(asked: list[Extent], cache_bytes: int) -> int:
    """Give what a disk would read if what was asked for last stayed in a cache of this size."""
    held: OrderedDict[Extent, None] = OrderedDict()
    read = 0
    for at in asked:
        read += 0 if at in held else at.size_bytes
        held[at] = held.pop(at, None)
        while sum(kept.size_bytes for kept in held) > cache_bytes:
            held.popitem(last=False)
    return read


@pytest.mark.parametrize("done", [0, 3, 8])
def test_a_kill_in_the_midst_leaves_each_output_to_be_gone_on_with(
    done: int, root: Path, many: Tiny, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    left = [done]
    real = Sharding.write

    def write(self: Sharding, *args: object, **more: object) -> object:
        if not left[0]:
            raise MachineError("killed")
        left[0] -= 1
        return real(self, *args, **more)  # type: ignore[arg-type]

    monkeypatch.setattr(Sharding, "write", write)
    with pytest.raises(MachineError, match="killed"):
        prepare(root, many, formats=OFFICIAL, options=MANY, jobs=1)
    monkeypatch.undo()
    written: list[str] = []
    monkeypatch.setattr(Sharding, "write", lambda self, key, *a, **m: written.append(key) or real(self, key, *a, **m))
    prepare(root, many, formats=OFFICIAL, options=MANY, jobs=1)
    assert len(written) == 14 - done
    monkeypatch.undo()
    prepare(tmp_path / "alone", many, formats=OFFICIAL[:1], options=MANY)
    assert tree_digests(root / "webdataset") == tree_digests(tmp_path / "alone" / "webdataset")
    assert {fact.outcome for fact in prepare(root, many, formats=OFFICIAL, options=MANY).outputs} == {Outcome.KEPT}


def test_one_that_is_there_already_is_left_alone_while_others_are_made(root: Path, many: Tiny) -> None:
    prepare(root, many, formats=("webdataset",), options=MANY)
    before = tree_digests(root / "webdataset")
    report = prepare(root, many, formats=("imagefolder", *OFFICIAL), options=MANY)
    assert [fact.outcome for fact in report.outputs] == [Outcome.DONE, Outcome.KEPT, Outcome.DONE]
    assert tree_digests(root / "webdataset") == before
