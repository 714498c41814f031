"""A download in words: beside a bar, in the line of state, when its stage changes, and its troubles."""

from __future__ import annotations

import io
import json
from dataclasses import replace

import pytest

from kilotar.events import Event, Landed, Outcome, Progress, RunEnded, RunStarted, Trouble
from kilotar.shell import progress as fold
from kilotar.shell.bars import picture
from kilotar.shell.getting import get_line, get_text, stage_head
from kilotar.shell.memory import Memory, trouble_key
from kilotar.shell.reporters import JsonLines, Lines
from tests.shell.test_bars import Terminal, drawn

TRAIN = Progress(
    "train",
    verified_bytes=105_000_000_000,
    wanted_bytes=147_897_477_120,
    total_bytes=147_897_477_120,
    rate_bytes_s=42_100_000,
    eta_s=1019,
    peers=23,
    seeds=9,
    peers_known=41,
    stage="downloading",
)
SEEDS = replace(TRAIN, verified_bytes=10, wanted_bytes=10, stage="seeding: ratio 0.06, sent 9 GB")
WAITS = replace(TRAIN, rate_bytes_s=0.0, eta_s=-1.0, peers=0, seeds=0, stage="finding peers: 2 of 3 trackers answered")
STALLED = Trouble("no-bytes", "train", "60 s without a byte: 3 peers known", "the run goes on")


class Clock:
    """Seconds that pass when told."""

    now_s = 0.0

    def __call__(self) -> float:
        return self.now_s


def test_the_line_of_state_is_short() -> None:
    assert get_line(TRAIN) == "get train 71.0% 105.0/147.9 GB 42.10 MB/s peers 23 eta 16m59"


def test_beside_a_bar_there_are_seeds_and_the_time_left() -> None:
    assert get_text(TRAIN) == "105.0/147.9 GB  42.10 MB/s  23 peers (9 seeds)  16 m 59 left"


def test_while_nothing_comes_it_says_what_it_waits_for() -> None:
    assert get_text(WAITS) == "105.0/147.9 GB  finding peers: 2 of 3 trackers answered"
    assert get_line(WAITS).endswith("105.0/147.9 GB finding peers: 2 of 3 trackers answered")


def test_before_anybody_knows_what_is_wanted_there_is_no_amount() -> None:
    begins = Progress("train", 0, 0, 10**9, stage="starting")

    assert (get_text(begins), get_line(begins)) == ("starting", "get train starting")


def test_of_a_part_the_whole_is_told_too() -> None:
    part = replace(TRAIN, verified_bytes=700_000_000, wanted_bytes=1_400_000_000)

    assert get_text(part).startswith("0.7/1.4 GB (of 147.90 GB)  42.10 MB/s")


def test_at_the_end_it_says_who_brought_how_much() -> None:
    brought = (("peers", 140_000_000_000), ("web seed a.org\x1b[2J", 7_897_477_120), ("aria2", 0))
    done = replace(TRAIN, verified_bytes=TRAIN.wanted_bytes, sources=brought)

    assert get_text(done) == ("147.90 GB  every piece hashed  from peers 140.00 GB, web seed a.org\\x1b[2J 7.90 GB")


def test_a_stage_is_the_same_when_only_its_numbers_change() -> None:
    assert stage_head(WAITS) == stage_head(replace(WAITS, stage="finding peers: 3 of 3")) == "finding peers"


def test_the_picture_has_a_row_for_the_download_and_its_proof_comes_after() -> None:
    state = fold.Progress()
    for event in (RunStarted("prepare", "/d", 1, 10, 5), TRAIN, Landed("train", 0, 5, 10)):
        state.see(event, 0.0)

    rows = picture(state, 0.0, 120, -1)

    assert [row.split()[0] for row in rows] == ["get", "write", "0"]
    assert rows[0] == (
        "  get    train ██████████████░░░░░░  71 %  105.0/147.9 GB  42.10 MB/s  23 peers (9 seeds)  16 m 59 left"
    )
    state.see(replace(TRAIN, verified_bytes=TRAIN.wanted_bytes), 0.0)
    assert [row.split()[0] for row in picture(state, 0.0, 120, -1)] == ["get", "prove", "write", "0"]


def test_where_there_is_only_a_download_there_is_no_row_of_work() -> None:
    state = fold.Progress()
    state.see(RunStarted("get", "/d", 0, 0, 0), 0.0)
    state.see(TRAIN, 0.0)

    assert [row.split()[0] for row in picture(state, 0.0, 120, -1)] == ["get", "0"]
    assert state.line(0.0, -1) == f"{get_line(TRAIN)} | 0 problems"


@pytest.mark.parametrize("width", [10, 40, 71, 72, 100])
def test_no_row_is_wider_than_the_window(width: int) -> None:
    state = fold.Progress()
    state.see(WAITS, 0.0)

    assert max(map(len, picture(state, 0.0, width, 10**12))) <= width


def test_a_new_run_begins_without_the_downloads_of_the_last() -> None:
    state = fold.Progress()
    state.see(TRAIN, 0.0)
    state.see(RunStarted("verify", "/d", 1, 1, 0), 0.0)

    assert state.downloads == {}


def test_bars_begin_with_the_first_sign_of_a_download() -> None:
    text = drawn(Terminal(), TRAIN, RunEnded("get", Outcome.DONE))

    assert "105.0/147.9 GB" in text
    assert text.rindex("\x1b[?25h") > text.rindex("\x1b[?25l")


def lines_to(out: io.StringIO, clock: Clock) -> Lines:
    return Lines(out, clock=clock, wall=lambda: "12:41:07", ticking=False)


def test_a_trouble_that_is_repeated_every_second_is_told_once_with_its_advice() -> None:
    out, clock = io.StringIO(), Clock()
    lines = lines_to(out, clock)

    for second in range(60, 120):
        clock.now_s = second
        lines(replace(STALLED, seen=f"{second} s without a byte: 3 peers known"))

    assert out.getvalue().splitlines() == [
        "12:41:07 no-bytes: train: 60 s without a byte: 3 peers known -> the run goes on"
    ]


def test_another_cause_is_told_at_once_and_a_lasting_one_again_after_ten_minutes() -> None:
    out, clock = io.StringIO(), Clock()
    lines = lines_to(out, clock)
    lines(STALLED)
    lines(replace(STALLED, seen="all peers let us wait"))
    clock.now_s = 600.0
    lines(STALLED)

    assert len([line for line in out.getvalue().splitlines() if "no-bytes" in line]) == 3


def test_without_a_terminal_a_line_comes_at_each_change_of_stage_and_each_minute() -> None:
    out, clock = io.StringIO(), Clock()
    lines = lines_to(out, clock)
    for second in range(121):
        clock.now_s = second / 1.0
        waits = replace(WAITS, stage=f"finding peers: 2 of 3 trackers answered, {second} s")
        lines(waits if second < 20 else TRAIN)

    said = out.getvalue().splitlines()
    assert [line.split()[1] for line in said] == ["get"] * 4
    assert said[0].endswith("finding peers: 2 of 3 trackers answered, 0 s")
    assert said[1] == f"12:41:07 {get_line(TRAIN)}"
    assert said[2] == f"12:41:07 {get_line(TRAIN)} | 0 problems | free " + said[2].rpartition("free ")[2]


def test_a_log_keeps_a_percent_and_a_change_of_stage_and_every_event_goes_to_a_program() -> None:
    log_file, all_file = io.StringIO(), io.StringIO()
    log, everything = JsonLines(lambda: log_file, every_byte=False, clock=Clock()), JsonLines(lambda: all_file)
    many: list[Event] = [replace(TRAIN, verified_bytes=TRAIN.wanted_bytes * share // 1000) for share in range(1000)]
    for event in (WAITS, *many, STALLED, STALLED):
        log(event)
        everything(event)

    kept = [json.loads(line)["event"] for line in log_file.getvalue().splitlines()]
    assert 90 <= kept.count("Progress") <= 103
    assert kept.count("Trouble") == 1
    assert all_file.getvalue().count("\n") == 1003


def test_what_is_remembered_is_bounded() -> None:
    memory = Memory(Clock())
    for number in range(5000):
        memory.is_news(str(number))

    assert memory.is_news("0")
    assert len(memory._told) <= 1000


def test_numbers_do_not_make_a_trouble_new() -> None:
    assert trouble_key(STALLED) == trouble_key(replace(STALLED, seen="1,061.5 s without a byte: 9 peers known"))
    assert trouble_key(STALLED) != trouble_key(replace(STALLED, where="val"))


def test_what_is_given_to_others_is_told_beside_the_bar_and_in_the_line_of_state() -> None:
    run = fold.Progress()
    run.see(SEEDS, 0.0)

    assert get_text(SEEDS) == "seeding: ratio 0.06, sent 9 GB  42.10 MB/s to 23 peers"
    assert f"train {get_text(SEEDS)}".replace("  ", " ") in run.line(1.0, -1)
