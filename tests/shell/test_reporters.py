"""Plain lines, JSON lines, and several reporters at once."""

from __future__ import annotations

import io
import json
import threading
from pathlib import Path

import pytest

from kilotar.events import Event, Finding, Found, Landed, Note, Outcome, Proved, RunStarted, StepEnded
from kilotar.shell.reporters import MOST_OF_A_KIND, JsonLines, Lines, Tee, free_bytes

STARTED = RunStarted("prepare", "/data", 10, 1000, 5_000_000)


class Clock:
    """Seconds that pass when told."""

    def __init__(self) -> None:
        self.now_s = 100.0

    def __call__(self) -> float:
        return self.now_s


class Full(io.StringIO):
    """A file on a full disk."""

    def write(self, text: str) -> int:
        raise OSError(28, "No space left on device")


def lines_to(out: io.StringIO, clock: Clock, *, verbose: bool = False) -> Lines:
    return Lines(out, verbose=verbose, clock=clock, wall=lambda: "12:41:07", ticking=False)


def test_changes_are_told_at_once_and_the_state_once_a_minute() -> None:
    out, clock = io.StringIO(), Clock()
    lines = lines_to(out, clock)

    lines(STARTED)
    for _ in range(100):
        clock.now_s += 1.0
        lines(StepEnded("n1", Outcome.DONE, 5))
    lines(Proved("a.tar", "md5", "1d675b47", True))
    lines.close()

    said = out.getvalue().splitlines()
    assert said[0] == "12:41:07 prepare /data: 10 steps, 1,000 images, 5.00 MB to write"
    assert said[1] == "12:41:07 write 30.0% 300 of 1,000 images 5/s 2 m 20 left | 0 problems"
    assert said[2] == "12:41:07 proved a.tar: md5 1d675b47 as published"
    assert len(said) == 3


def test_a_line_comes_also_when_no_event_does() -> None:
    out, clock = io.StringIO(), Clock()
    lines = lines_to(out, clock)
    lines(STARTED)

    clock.now_s += 59.0
    lines.tick()
    assert out.getvalue().count("\n") == 1
    clock.now_s += 1.0
    lines.tick()
    assert out.getvalue().count("\n") == 2


def test_the_minute_is_kept_by_a_thread_of_its_own() -> None:
    class Watched(io.StringIO):
        said = threading.Event()

        def write(self, text: str) -> int:
            if "write 0.0%" in text:
                self.said.set()
            return super().write(text)

    out = Watched()
    lines = Lines(out, interval_s=0.01)
    lines(STARTED)

    assert out.said.wait(10)
    lines.close()


def test_there_are_no_control_codes() -> None:
    out = io.StringIO()
    lines = lines_to(out, Clock(), verbose=True)

    lines(STARTED)
    lines(Note("info", "\x1b[31m\r\u202e"))
    lines(Found(Finding("name", "\x9b[2J", "\x07")))
    lines.close()

    assert all(char.isprintable() or char == "\n" for char in out.getvalue())


def test_a_kind_of_problem_is_told_so_many_times_and_then_counted() -> None:
    out = io.StringIO()
    lines = lines_to(out, Clock())

    for number in range(MOST_OF_A_KIND + 5):
        lines(Found(Finding("truncated", f"{number}.JPEG", "cut")))
    lines(Found(Finding("missing", "z.JPEG", "not there")))
    lines.close()

    said = out.getvalue().splitlines()
    assert len(said) == MOST_OF_A_KIND + 2
    assert said[-2].endswith("missing: z.JPEG: not there")
    assert said[-1].endswith("truncated: 5 more; all are in the report")


def test_lines_that_nobody_reads_do_not_stop_the_run() -> None:
    lines = lines_to(Full(), Clock())

    lines(STARTED)
    lines(Note("info", "still here"))

    assert lines.close() == ""


def test_an_event_is_a_flushed_line_of_json(tmp_path: Path) -> None:
    path = tmp_path / "events"
    events = JsonLines(lambda: path.open("a"))

    events(Landed("a.tar", 0, 5, 10))
    first = path.read_text().splitlines()
    events(Found(Finding("name", "\x1b\n\udcff\u202e", "x", 7)))
    events.close()

    assert [json.loads(line)["event"] for line in first] == ["Landed"]
    second = json.loads(path.read_text().splitlines()[1])
    assert second["schema"] == 1
    assert second["time"] > 0
    assert second["finding"] == {
        "kind": "name",
        "where": "\x1b\n\udcff\u202e",
        "why": "x",
        "offset": 7,
        "is_problem": True,
    }
    assert path.read_text().isascii()


def test_a_file_of_events_that_fills_up_is_told_and_does_not_stop_the_run() -> None:
    events = JsonLines(Full)

    events(STARTED)
    events(STARTED)

    assert "No space left" in events.close()


def test_a_log_holds_one_landing_a_percent() -> None:
    out = io.StringIO()
    log = JsonLines(lambda: out, every_byte=False)

    for stop in range(1, 1001):
        log(Landed("a.tar", stop - 1, stop, 1000))

    assert 100 <= out.getvalue().count("\n") <= 102
    assert json.loads(out.getvalue().splitlines()[-1])["stop"] == 1000


def test_nothing_is_opened_before_the_first_event() -> None:
    def open_file() -> io.StringIO:
        pytest.fail("opened")

    assert JsonLines(open_file).close() == ""


def test_several_reporters_all_get_every_event_and_tell_all_their_troubles() -> None:
    got: list[Event] = []

    class Keeper:
        def __call__(self, event: Event) -> None:
            got.append(event)

        def close(self) -> str:
            return "kept"

    tee = Tee(JsonLines(Full), Keeper(), Keeper())
    tee(STARTED)

    assert got == [STARTED, STARTED]
    assert tee.close() == "[Errno 28] No space left on device; kept; kept"


def test_lines_from_many_threads_do_not_mix() -> None:
    out = io.StringIO()
    lines = lines_to(out, Clock())

    def talk() -> None:
        for _ in range(50):
            lines(Note("info", "abc"))

    threads = [threading.Thread(target=talk) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    assert out.getvalue().splitlines() == ["12:41:07 abc"] * 200


def test_the_free_space_of_nowhere_is_not_known() -> None:
    assert free_bytes("/no/such/folder") == -1
    assert free_bytes("/") >= 0
