"""Shards written by processes: the same bytes as by threads, and nothing is lost when one of them dies."""

from __future__ import annotations

import errno
import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import closing
from dataclasses import replace
from pathlib import Path

import psutil
import pytest

import kilotar
from kilotar.editions.tiny import Tiny, make_tiny
from kilotar.errors import ArchiveRefused, MachineError, WorkerLost
from kilotar.events import Event, Note, Outcome, StepEnded, StepStarted, ignore
from kilotar.exec import child
from kilotar.model.table import SampleTable
from kilotar.sinks import webdataset
from kilotar.sinks.base import find_sinks
from kilotar.store import files
from kilotar.work import shard_writers
from kilotar.work.shard_writers import ShardCrew
from kilotar.work.sharding import Sharding
from tests.doubles.collections import make_small
from tests.work.wishes import prepare, snapshot, wish

FORMATS = [sink.ABOUT.name for sink in find_sinks() if sink.ABOUT.shards]
FEW = {"formats": ("webdataset",), "options": (("webdataset", "shards", "6"),), "jobs": 2}


@pytest.fixture(scope="module")
def many(tmp_path_factory: pytest.TempPathFactory) -> Tiny:
    return make_tiny(tmp_path_factory.mktemp("many"), classes=4, per_class=10, val=12, test=3)


@pytest.fixture
def crews(monkeypatch: pytest.MonkeyPatch) -> list[shard_writers.ShardWriter]:
    """Have processes write however little there is; give those that are hired."""
    hired: list[shard_writers.ShardWriter] = []
    honest = shard_writers.ShardWriter.__init__

    def hire(self: shard_writers.ShardWriter, *words: object) -> None:
        honest(self, *words)  # type: ignore[arg-type]
        hired.append(self)

    monkeypatch.setattr(shard_writers, "_WORTH_IMAGES", 0)
    monkeypatch.setattr(shard_writers.ShardWriter, "__init__", hire)
    return hired


def content(folder: Path) -> dict[str, bytes]:
    return {
        str(path.relative_to(folder)): path.read_bytes()
        for path in sorted(folder.rglob("*"))
        if (path.is_file() and path.suffix != ".json") or (path.name.startswith(".") and path.is_file())
    }


def check(root: Path) -> None:
    report = kilotar.verify(root, level="deep")
    assert report.problems == ()


def children() -> list[psutil.Process]:
    """Give the workers of this process; fixtures of other tests may have children too."""
    return [process for process in psutil.Process().children() if _is_worker(process)]


def _is_worker(process: psutil.Process) -> bool:
    try:
        return any(word.endswith("exec/worker.py") for word in process.cmdline())
    except psutil.NoSuchProcess:
        return False


@pytest.mark.parametrize("name", FORMATS)
def test_processes_write_the_bytes_that_threads_write(name: str, many: Tiny, root: Path, tmp_path: Path) -> None:
    wanted = {"formats": (name,), "splits": ("train", "val", "test"), "boxes": True, "jobs": 2}
    prepare(tmp_path / "threads", many, **wanted)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(shard_writers, "_WORTH_IMAGES", 0)
        started: list[int] = []
        honest = child._start

        def start(*words: object) -> object:
            started.append(1)
            return honest(*words)  # type: ignore[arg-type]

        patch.setattr(child, "_start", start)
        prepare(root, many, **wanted)

    assert len(started) in (2, 4)  # two recode, where pixels are wanted
    assert content(root / name) == content(tmp_path / "threads" / name)
    check(root)
    assert children() == []


def test_formats_of_one_order_share_the_processes(many: Tiny, root: Path, crews: list[object]) -> None:
    pids: set[int] = set()

    def note(event: Event) -> None:
        pids.update(process.pid for process in children())

    kilotar.prepare(root, on_event=note, **wish(many, formats=("mds", "tfrecord", "webdataset"), jobs=2))

    assert len(crews) == 3 and len(pids) == 2
    check(root)


def test_side_files_of_a_shard_are_written_with_it_and_only_once(
    many: Tiny, root: Path, crews: list[shard_writers.ShardWriter], monkeypatch: pytest.MonkeyPatch
) -> None:
    published: list[str] = []
    honest = files.Folder.publish

    def publish(self: files.Folder, path: str, chunks: object) -> object:
        published.append(path)
        return honest(self, path, chunks)  # type: ignore[arg-type]

    monkeypatch.setattr(files.Folder, "publish", publish)
    prepare(root, many, **FEW)

    (writer,) = crews
    early = [f"__index__/imagenet1k-train-{number:04d}.idx" for number in range(6)]
    assert sorted(path for path in writer.beside if "train" in path) == early
    assert not set(writer.beside) & set(published) and "_info.json" in published
    check(root)


def test_a_process_imports_its_own_format_and_nothing_that_fetches_or_plans() -> None:
    """Two processes took 0.8 s of CPU for their imports, a fifth of the work on 30,000 images."""
    listing = (
        "import sys; from kilotar.sinks.base import find_sink; import kilotar.work.shard_writers;"
        "find_sink('webdataset'); print(*sys.modules)"
    )
    run = subprocess.run([sys.executable, "-c", listing], capture_output=True, text=True, check=True)
    names = set(run.stdout.split())

    assert {"kilotar.work.shard_writers", "kilotar.sinks.webdataset"} <= names
    assert not names & {"kilotar.sinks.parquet", "kilotar.work.survey", "requests", "urllib3", "numpy", "libtorrent"}


def test_few_images_and_one_shard_are_left_to_threads(many: Tiny, root: Path, tmp_path: Path) -> None:
    seen: list[int] = []

    def note(event: Event) -> None:
        seen.extend(process.pid for process in children())

    kilotar.prepare(root, on_event=note, **wish(many, **FEW))
    assert seen == []


@pytest.mark.parametrize("size_bytes", [None, 1024], ids=["no archive", "a cut one"])
def test_what_stops_a_shard_is_told_as_if_it_were_written_here(
    size_bytes: int | None, tmp_path: Path, crews: list[object]
) -> None:
    small, archive = make_small(), tmp_path / "train.tar"
    if size_bytes is not None:
        archive.write_bytes(bytes(size_bytes))
    tables = tuple(SampleTable(table.split, table.parts) for table in small.collection.tables)
    collection = replace(small.collection, tables=tables, boxes=None)
    sharding = Sharding.of(webdataset, webdataset.Options(shards=2), collection, {"train.tar": archive})
    with pytest.raises((ArchiveRefused, MachineError)) as here:
        sharding.write("train/00000", tmp_path)

    with closing(ShardCrew(2, tmp_path, ignore)) as crew:
        writer = crew.hire(sharding, sharding.steps(), 0, beside=False)
        assert writer is not None
        with pytest.raises(type(here.value)) as there:
            writer.write("train/00000", tmp_path, durable=True)

    assert there.value.lines() == here.value.lines()


@pytest.mark.parametrize("code", [errno.ENOSPC, errno.EACCES])
def test_an_error_of_the_disk_keeps_its_class(
    code: int, many: Tiny, root: Path, crews: list[object], monkeypatch: pytest.MonkeyPatch
) -> None:
    events: list[Event] = []

    def lock(event: Event) -> None:
        events.append(event)
        if isinstance(event, StepStarted) and code == errno.EACCES:
            staging = next((root / "webdataset").glob(".kilotar-*"))
            (staging / "imagenet1k-train-0000.tar").mkdir(exist_ok=True)
            (staging / "imagenet1k-train-0000.tar" / "in-the-way").touch()

    if code == errno.ENOSPC:
        pytest.importorskip("resource")
        monkeypatch.setattr(shard_writers, "_LIMITS", replace(shard_writers._LIMITS, file_bytes=700))
    with pytest.raises(MachineError) as info:
        kilotar.prepare(root, on_event=lock, **wish(many, **FEW))
    assert info.value.what.startswith("could not write") and info.value.fix
    assert children() == []


def test_a_process_that_dies_is_replaced_and_leaves_nothing(
    many: Tiny, root: Path, crews: list[object], tmp_path: Path
) -> None:
    killed: list[int] = []

    def kill(event: Event) -> None:
        if isinstance(event, StepStarted) and not killed:
            staging = next((root / "webdataset").glob(".kilotar-*"))
            victim = children()[0]
            killed.append(victim.pid)
            (staging / f".{victim.pid:x}00.0.part").write_bytes(b"what it was writing")
            victim.kill()

    report = kilotar.prepare(root, on_event=kill, **wish(many, **FEW))
    prepare(tmp_path / "other", many, **FEW)

    assert killed and report.outcome is Outcome.DONE
    assert content(root / "webdataset") == content(tmp_path / "other" / "webdataset")
    check(root)


def test_a_shard_of_which_two_processes_die_is_named_and_the_run_goes_on_later(
    many: Tiny, root: Path, crews: list[object]
) -> None:
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(shard_writers, "_FUNCTION", "tests.work.test_shard_writers:die")
        with pytest.raises(WorkerLost, match=r"two processes died while they wrote (train|val)/0000"):
            prepare(root, many, **FEW)
    assert children() == []

    assert prepare(root, many, **FEW).outcome is Outcome.DONE
    check(root)


def die(*words: object) -> Iterator[list[object]]:
    """Be a function of a worker whose first item ends it."""
    yield [os.kill(os.getpid(), signal.SIGKILL)]


def test_where_no_process_can_be_had_threads_write_and_say_so(many: Tiny, root: Path, crews: list[object]) -> None:
    def refuse(*words: object) -> None:
        raise BlockingIOError(errno.EAGAIN, os.strerror(errno.EAGAIN))

    events: list[Event] = []
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(child, "_start", refuse)
        prepare(root, many, events, **FEW)

    assert any(isinstance(event, Note) and "threads write instead" in event.text for event in events)
    check(root)


def test_a_stopped_run_goes_on_with_what_is_left(many: Tiny, root: Path, crews: list[object], tmp_path: Path) -> None:
    first: list[Event] = []

    def stop(event: Event) -> None:
        first.append(event)
        if sum(isinstance(past, StepEnded) for past in first) == 2:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        kilotar.prepare(root, on_event=stop, **wish(many, **FEW))
    assert children() == []
    second: list[Event] = []
    prepare(root, many, second, **FEW)
    prepare(tmp_path / "other", many, **FEW)

    done, again = ({e.key for e in events if isinstance(e, StepEnded)} for events in (first, second))
    assert done and again and not done & again
    assert content(root / "webdataset") == content(tmp_path / "other" / "webdataset")
    check(root)


def test_a_shard_lost_before_the_end_is_written_again_beside_what_stands(
    many: Tiny, root: Path, crews: list[object], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Killed between the move and the manifest: side files stand in their place then."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("kilotar.work.completing.write_manifest", _interrupt)
        with pytest.raises(KeyboardInterrupt):
            prepare(root, many, **FEW)
    (root / "webdataset" / "imagenet1k-train-0002.tar").unlink()
    (root / "webdataset" / "imagenet1k-train-0003.tar").unlink()

    assert prepare(root, many, **FEW).outcome is Outcome.DONE
    check(root)


def _interrupt(*words: object) -> None:
    raise KeyboardInterrupt


def test_a_second_run_starts_no_process(
    many: Tiny, root: Path, crews: list[object], monkeypatch: pytest.MonkeyPatch
) -> None:
    prepare(root, many, **FEW)
    before = snapshot(root / "webdataset")
    monkeypatch.setattr(child, "_start", _interrupt)

    assert prepare(root, many, **FEW).outcome is Outcome.KEPT
    assert snapshot(root / "webdataset") == before
