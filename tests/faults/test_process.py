"""Signals, surroundings and rivals: a run that is stopped goes on, and where it runs changes no byte."""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from kilotar.editions.tiny import Tiny
from tests.faults.bench import FORMATS, read_tree
from tests.faults.command import begin, contents, finish, run, stop
from tests.faults.shim import Fault
from tests.need import need_tool

SLOW = Fault("slow", number=4000)  # microseconds for each of about 400 calls


@pytest.fixture
def root(quick_folder: Path) -> Iterator[Path]:
    root = quick_folder / "alone"
    shutil.rmtree(root, ignore_errors=True)
    yield root
    shutil.rmtree(root, ignore_errors=True)


@pytest.fixture
def words(root: Path, tiny: Tiny) -> tuple[str | Path, ...]:
    return ("prepare", root, "--from", tiny.folder, "--edition", tiny.toml, "--for", FORMATS, "--boxes")


@pytest.fixture(scope="session")
def expected(quick_folder: Path, tiny: Tiny) -> dict[str, str]:
    """Give the digests of an undisturbed run, as paths of the same root."""
    root = quick_folder / "alone"
    words = ("prepare", root, "--from", tiny.folder, "--edition", tiny.toml, "--for", FORMATS, "--boxes")
    assert run(*words).code == 0
    found = contents(root)
    shutil.rmtree(root)
    return found


@pytest.fixture
def slow(library: Path, root: Path) -> dict[str, str]:
    """Give the settings that make a run take seconds."""
    return SLOW.environment(library, str(root))


@pytest.mark.parametrize(
    ("number", "code"), [(signal.SIGINT, 130), (signal.SIGTERM, 143), (signal.SIGHUP, 129)], ids=str
)
def test_a_signal_stops_a_run_which_then_goes_on(
    words: tuple[str, ...],
    root: Path,
    slow: dict[str, str],
    expected: dict[str, str],
    number: signal.Signals,
    code: int,
) -> None:
    ended = stop(begin(*words, "--events", "-", **slow), number, after="StepEnded")

    assert (ended.code, "Traceback" in ended.err) == (code, False)
    assert "run the same command again" in ended.err
    assert run(*words).code == 0
    assert contents(root) == expected


def test_a_second_ctrl_c_leaves_at_once_and_the_run_goes_on(
    words: tuple[str, ...], root: Path, slow: dict[str, str], expected: dict[str, str]
) -> None:
    ended = stop(begin(*words, "--events", "-", **slow), signal.SIGINT, signal.SIGINT, after="StepEnded")

    assert (ended.code, "Traceback" in ended.err) == (130, False)
    assert run(*words).code == 0
    assert contents(root) == expected


def test_a_killed_run_leaves_no_lock(
    words: tuple[str, ...], root: Path, slow: dict[str, str], expected: dict[str, str]
) -> None:
    assert stop(begin(*words, "--events", "-", **slow), signal.SIGKILL, after="StepStarted").code == -9
    assert run(*words).code == 0
    assert contents(root) == expected


def test_the_second_of_two_runs_is_told_who_holds_the_root(
    words: tuple[str, ...], root: Path, slow: dict[str, str], expected: dict[str, str]
) -> None:
    first = begin(*words, "--events", "-", **slow)
    assert first.stdout is not None
    assert "RunStarted" in first.stdout.readline()

    second, check = run(*words), run("verify", root)

    assert (second.code, check.code) == (75, 75)
    assert f"process {first.pid}" in second.err
    assert finish(first).code == 0
    assert contents(root) == expected


def test_where_locks_are_no_ops_rivals_do_no_harm(
    words: tuple[str, ...], root: Path, library: Path, expected: dict[str, str]
) -> None:
    lawless = Fault(flock=True).environment(library, str(root))
    rivals = [begin(*words, **lawless) for _ in range(3)]

    for ended in map(finish, rivals):
        assert "Traceback" not in ended.err and "E-BUG" not in ended.err, ended.err
    assert run(*words).code == 0
    assert contents(root) == expected
    assert run("verify", root).code == 0


@pytest.mark.parametrize(
    "settings",
    [
        {"LC_ALL": "C", "TERM": "dumb"},
        {"LC_ALL": "C", "PYTHONUTF8": "0", "PYTHONCOERCECLOCALE": "0"},
        {"PYTHONHASHSEED": "1"},
        {"PYTHONHASHSEED": "4242", "TZ": "Pacific/Kiritimati"},
        {"TZ": "America/St_Johns", "SOURCE_DATE_EPOCH": "0"},
        {"HOME": "/nonexistent", "TMPDIR": "/nonexistent"},
        {"PYTHONWARNINGS": "error", "PYTHONOPTIMIZE": "1"},
    ],
    ids=lambda settings: " ".join(settings),
)
def test_surroundings_change_no_byte(
    words: tuple[str, ...], root: Path, expected: dict[str, str], settings: dict[str, str]
) -> None:
    ended = run(*words, **settings)

    assert ended.code == 0, ended.err
    assert contents(root) == expected


@pytest.mark.parametrize("jobs", [1, 2, 8])
def test_the_number_of_workers_changes_no_byte(
    words: tuple[str, ...], root: Path, expected: dict[str, str], jobs: int
) -> None:
    assert run(*words, "-j", str(jobs)).code == 0
    assert contents(root) == expected


@pytest.mark.parametrize("mask", [0o077, 0o000, 0o002])
def test_modes_follow_the_mask_and_nothing_is_world_writable(
    words: tuple[str, ...], root: Path, expected: dict[str, str], mask: int
) -> None:
    before = os.umask(mask)
    try:
        ended = run(*words)
    finally:
        os.umask(before)

    assert ended.code == 0
    assert contents(root) == expected
    modes = {mode & 0o777 for path, (_, mode) in read_tree(root).items()}
    assert modes == {0o644 & ~mask}


def test_a_reader_that_goes_away_does_not_stop_the_work(
    words: tuple[str, ...], root: Path, expected: dict[str, str]
) -> None:
    shell = need_tool("bash")
    command = " ".join(f"'{word}'" for word in (sys.executable, "-m", "kilotar", *words))
    script = f'{command} --events - <&- | head -1; exit "${{PIPESTATUS[0]}}"'

    ended = subprocess.run([shell, "-c", script], capture_output=True, text=True, timeout=60, check=False)

    assert (ended.returncode, "Traceback" in ended.stderr) == (0, False)
    assert contents(root) == expected


def test_a_full_disk_under_stdout_is_an_error_and_no_harm(
    words: tuple[str, ...], root: Path, expected: dict[str, str]
) -> None:
    shell = need_tool("bash")
    command = " ".join(f"'{word}'" for word in (sys.executable, "-m", "kilotar", *words))

    ended = subprocess.run([shell, "-c", f"{command} > /dev/full"], capture_output=True, text=True, timeout=60)

    assert (ended.returncode, "Traceback" in ended.stderr) == (5, False)
    assert contents(root) == expected


@pytest.mark.parametrize("shift", ["-1d", "+1d", "1970-01-02 00:00:00", "2106-02-07 06:28:16"])
def test_a_wrong_clock_changes_no_byte(
    words: tuple[str, ...], root: Path, slow: dict[str, str], expected: dict[str, str], shift: str
) -> None:
    faketime = need_tool("faketime")
    stop(begin(*words, "--events", "-", **slow), signal.SIGTERM, after="StepEnded")

    command = [faketime, "-f", shift if shift[0] in "+-" else f"@{shift}", sys.executable, "-m", "kilotar"]
    ended = subprocess.run([*command, *map(str, words)], capture_output=True, text=True, timeout=60, check=False)

    assert (ended.returncode, "Traceback" in ended.stderr) == (0, False), ended.stderr
    assert contents(root) == expected
