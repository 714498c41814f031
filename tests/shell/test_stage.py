"""stdout, stderr, files of events, logs: what goes where."""

from __future__ import annotations

import json
import logging
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from kilotar.errors import ArchiveRefused
from kilotar.events import Finding, Found, Note, Outcome, RunEnded, RunStarted, StepEnded
from tests.shell.conftest import REPORT, Ended, Library

Run = Callable[..., Ended]
EVENTS = (
    RunStarted("prepare", "data", 1, 10, 100),
    StepEnded("n01440764", Outcome.DONE, 10, 100),
    Found(Finding("name", "\x1b[2J", "odd")),
    RunEnded("prepare", Outcome.DONE),
)


@pytest.fixture
def talking(library: Library) -> Library:
    library.events = EVENTS
    return library


def test_the_result_is_on_stdout_and_the_talk_on_stderr(talking: Library, kt: Run) -> None:
    ended = kt("prepare", "data")

    assert "Done in" in ended.out
    assert "prepare data: 1 step, 10 images" in ended.err
    assert "Done in" not in ended.err
    assert "\x1b" not in ended.err + ended.out


def test_quiet_says_nothing_on_the_way(talking: Library, kt: Run) -> None:
    ended = kt("prepare", "data", "-q")

    assert (ended.err, "Done in" in ended.out) == ("", True)


def test_verbose_says_every_step(talking: Library, kt: Run) -> None:
    assert "done n01440764" in kt("prepare", "data", "-v").err
    assert "done n01440764" not in kt("prepare", "data").err


def test_events_go_to_their_file_one_a_line(talking: Library, kt: Run) -> None:
    kt("prepare", "data", "--events", "events.jsonl", "--json")

    names = [json.loads(line)["event"] for line in Path("events.jsonl").read_text().splitlines()]
    assert names == ["RunStarted", "StepEnded", "Found", "RunEnded"]


def test_events_on_stdout_leave_only_events_there(talking: Library, kt: Run) -> None:
    ended = kt("prepare", "data", "--events", "-")

    assert [json.loads(line)["event"] for line in ended.out.splitlines()] == [type(event).__name__ for event in EVENTS]
    assert "Done in" in ended.err


def test_the_log_is_kept_in_the_root_once_the_engine_has_made_it(talking: Library, kt: Run) -> None:
    kt("prepare", "data")
    assert not Path("data").exists()

    Path("data/.kilotar").mkdir(parents=True)
    kt("prepare", "data")

    (log,) = Path("data/.kilotar/log").iterdir()
    assert len(log.read_text().splitlines()) == len(EVENTS)


def test_an_error_names_the_log(talking: Library, kt: Run) -> None:
    Path("data/.kilotar").mkdir(parents=True)
    talking.gives["prepare"] = ArchiveRefused("bad")

    ended = kt("prepare", "data")

    assert "log    data/.kilotar/log/" in ended.err


def test_a_log_file_may_be_named(talking: Library, kt: Run) -> None:
    kt("prepare", "data", "--log-file", "my.log")

    assert len(Path("my.log").read_text().splitlines()) == len(EVENTS)


def test_what_the_library_logs_goes_into_the_log_and_not_over_the_bars(talking: Library, kt: Run) -> None:
    def prepare(*_: Any, **__: Any) -> Any:
        logging.getLogger("kilotar.work.engine").warning("odd \x1b[2J thing")
        return REPORT

    talking.gives["prepare"] = prepare

    ended = kt("prepare", "data", "--log-file", "my.log")

    record = json.loads(Path("my.log").read_text().splitlines()[-1])
    assert (record["event"], record["level"], record["text"]) == ("Log", "warning", "odd \x1b[2J thing")
    assert "thing" not in ended.err


def test_a_log_that_cannot_be_kept_does_not_stop_the_work(talking: Library, kt: Run) -> None:
    Path("data/.kilotar").mkdir(parents=True)
    Path("data/.kilotar/log").write_text("a file in the place of the folder")

    ended = kt("prepare", "data")

    assert ended.code == 0
    assert "warning: a log or events file could not be kept" in ended.err


def test_a_result_that_cannot_be_written_is_exit_5(library: Library, kt: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    with open("/dev/full", "w") as full:
        monkeypatch.setattr("sys.stdout", full)
        ended = kt("prepare")
        monkeypatch.undo()

    assert ended.code == 5


def test_a_command_without_streams_still_works(library: Library, monkeypatch: pytest.MonkeyPatch) -> None:
    from kilotar.shell.cli import main

    library.events = (Note("info", "hello"),)
    for name in ("stdin", "stdout", "stderr"):
        monkeypatch.setattr(f"sys.{name}", None)

    assert main(["prepare"]) == 0
