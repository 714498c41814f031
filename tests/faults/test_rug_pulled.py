"""What is taken away or changed while a run works: the root, the archives, the memory."""

from __future__ import annotations

import os
import resource
import shutil
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from kilotar.editions.tiny import Tiny, make_tiny
from tests.faults.command import begin, finish, run
from tests.faults.shim import Ended, Fault


@pytest.fixture
def place(quick_folder: Path) -> Iterator[Path]:
    folder = quick_folder / "pulled"
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir()
    yield folder
    shutil.rmtree(folder, ignore_errors=True)


@pytest.fixture
def own(place: Path) -> Tiny:
    """Give archives that a test may spoil."""
    return make_tiny(place / "archives", classes=6, per_class=10, val=10, test=0, boxes=False)


@pytest.fixture
def words(place: Path, own: Tiny) -> tuple[str | Path, ...]:
    return ("prepare", place / "root", "--from", own.folder, "--edition", own.toml, "--for", "imagefolder,cls-loc")


@pytest.fixture
def slowly(library: Path, place: Path) -> Callable[[tuple[str | Path, ...]], subprocess.Popen[str]]:
    """Give a function that starts a run, slowed down, and returns when the first step has begun."""

    def start(words: tuple[str | Path, ...]) -> subprocess.Popen[str]:
        setting = Fault("slow", number=3000).environment(library, str(place / "root"))
        process = begin(*words, "--events", "-", **setting)
        assert process.stdout is not None
        for line in process.stdout:
            if '"StepStarted"' in line:
                break
        return process

    return start


Slowly = Callable[[tuple[str | Path, ...]], "subprocess.Popen[str]"]


def named(ended: Ended, *codes: int) -> None:
    assert "Traceback" not in ended.err and "E-BUG" not in ended.err, ended.err
    assert ended.code in codes, (ended.code, ended.err)


def test_a_root_that_is_removed_midway_is_named(words: tuple[str | Path, ...], place: Path, slowly: Slowly) -> None:
    process = slowly(words)
    (place / "root").rename(place / "gone")

    named(finish(process), 5)
    assert run(*words).code == 0


def test_an_archive_that_is_cut_midway_is_refused_and_nothing_is_in_place(
    words: tuple[str | Path, ...], place: Path, own: Tiny, slowly: Slowly
) -> None:
    process = slowly(words)
    path = own.folder / own.edition.archives[0].name
    whole = path.read_bytes()
    os.truncate(path, len(whole) // 3)

    named(finish(process), 8)
    assert not (place / "root/train").exists()
    path.write_bytes(whole)
    assert run(*words).code == 0


def test_an_archive_that_is_written_to_midway_is_refused_and_nothing_is_in_place(
    words: tuple[str | Path, ...], place: Path, own: Tiny, slowly: Slowly
) -> None:
    path = own.folder / own.edition.archives[0].name
    whole = path.read_bytes()
    process = slowly(words)
    path.write_bytes(whole[:3000] + b"?" * 20_000 + whole[23_000:])

    ended = finish(process)

    if ended.code != 0:  # the proof may have read all of it before
        named(ended, 8)
        assert not (place / "root/train").exists()
    path.write_bytes(whole)
    again = run(*words)
    assert again.code == 0, again.err
    assert run("verify", place / "root").code == 0


def test_an_archive_that_is_replaced_by_another_between_two_runs_is_refused(
    words: tuple[str | Path, ...], place: Path, own: Tiny, slowly: Slowly
) -> None:
    process = slowly(words)
    os.killpg(process.pid, signal.SIGTERM)
    assert finish(process).code == 143
    make_tiny(own.folder, classes=6, per_class=10, val=10, test=0, boxes=False, seed=1)

    named(run(*words), 8, 9)
    assert not (place / "root/train").exists()


@pytest.mark.parametrize("limit_bytes", [60 << 20, 110 << 20, 160 << 20])
def test_want_of_memory_is_named_or_enough(words: tuple[str | Path, ...], limit_bytes: int) -> None:
    def limit() -> None:
        resource.setrlimit(resource.RLIMIT_DATA, (limit_bytes, limit_bytes))

    line = [sys.executable, "-m", "kilotar", *map(str, words)]
    done = subprocess.run(line, capture_output=True, text=True, preexec_fn=limit)

    named(Ended(done.returncode, False, 0, done.stdout, done.stderr), 0, 5)
    assert run(*words).code == 0
