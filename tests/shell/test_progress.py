"""What is known of a run from its events."""

from __future__ import annotations

from kilotar.events import Finding, Found, Landed, Note, Outcome, Proved, RunEnded, RunStarted, StepEnded, StepStarted
from kilotar.shell.progress import Progress, sentence

STARTED = RunStarted("prepare", "/data", 10, 1000, 5_000_000)


def after(*events: tuple[float, object]) -> Progress:
    progress = Progress()
    for now_s, event in events:
        progress.see(event, now_s)  # type: ignore[arg-type]
    return progress


def test_bytes_that_land_twice_or_out_of_order_count_once() -> None:
    progress = after(
        (0, Landed("a.tar", 50, 80, 100)),
        (1, Landed("a.tar", 0, 10, 100)),
        (2, Landed("a.tar", 0, 20, 100)),
        (3, Landed("a.tar", 0, 0, 100)),
    )

    assert progress.archives["a.tar"].landed_bytes == 50


def test_kept_images_are_done_but_not_fast() -> None:
    progress = after(
        (0, STARTED),
        (0, StepEnded("n1", Outcome.KEPT, 500)),
        (1, StepEnded("n2", Outcome.DONE, 100)),
        (10, StepEnded("n3", Outcome.DONE, 100)),
    )

    assert progress.share == 70.0
    assert progress.left_s(10) == 300 / (200 / 10)


def test_a_share_by_steps_where_there_are_no_images() -> None:
    progress = after((0, RunStarted("index", "/data", 4, 0, 0)), (1, StepEnded("a", Outcome.DONE)))

    assert progress.share == 25.0
    assert "1 of 4 steps" in progress.line(2, -1)


def test_what_a_run_does_not_know_it_does_not_say() -> None:
    started = RunStarted("index", "", 11, -1, 0)

    assert sentence(started, verbose=False) == "index: 11 steps"
    assert after((0, started)).line(0, -1) == "index 0.0% 0 of 11 steps | 0 problems"


def test_more_images_than_announced_are_100_percent() -> None:
    progress = after((0, STARTED), (1, StepEnded("n1", Outcome.DONE, 5000)))

    assert progress.share == 100.0
    assert progress.work_text(2) == "5,000 of 1,000 images  finishing"


def test_a_second_run_starts_again_from_nothing() -> None:
    progress = after((0, STARTED), (1, StepEnded("n1", Outcome.DONE, 500)), (2, RunStarted("verify", "/data", 1, 9, 0)))

    assert (progress.share, progress.word) == (0.0, "check")


def test_the_line_holds_proof_work_problems_and_disk() -> None:
    progress = after(
        (0, STARTED),
        (0, Landed("train.tar", 0, 1_000_000, 100_000_000)),
        (2, Landed("train.tar", 1_000_000, 71_000_000, 100_000_000)),
        (2, StepEnded("n1", Outcome.DONE, 580)),
        (2, Found(Finding("truncated", "x", "y"))),
        (2, Found(Finding("known-odd", "x", "y", is_problem=False))),
    )

    assert progress.line(2, 321_000_000_000) == (
        "prove train.tar 71.0% 71.00 MB of 100.00 MB 35.00 MB/s | "
        "write 58.0% 580 of 1,000 images 290/s 1.4 s left | 1 problem | free 321.00 GB"
    )


def test_a_proved_archive_leaves_the_line() -> None:
    progress = after((0, STARTED), (1, Landed("a.tar", 0, 5, 5)), (2, Proved("a.tar", "md5", "ff", True)))

    assert "prove" not in progress.line(3, -1)


def test_old_rates_are_forgotten() -> None:
    progress = after((0, STARTED), *((float(s), StepEnded("n", Outcome.DONE, 10)) for s in range(1, 31)))

    assert progress.rate.per_s(90, 300) < progress.rate.per_s(31, 300)


def test_events_that_only_move_bars_have_no_sentence() -> None:
    for event in (
        Landed("a", 0, 1, 2),
        StepStarted("n1"),
        StepEnded("n1", Outcome.DONE, 1),
        RunEnded("prepare", Outcome.DONE),
        Found(Finding("known-odd", "x", "y", is_problem=False)),
    ):
        assert sentence(event, verbose=False) == ""


def test_verbose_tells_steps_and_oddities_too() -> None:
    assert sentence(StepEnded("n1", Outcome.DONE, 1), verbose=True) == "done n1"
    assert sentence(Found(Finding("cmyk", "x", "y", is_problem=False)), verbose=True) == "cmyk: x: y"


def test_failures_findings_and_notes_are_told_with_their_evidence() -> None:
    told = [
        sentence(event, verbose=False)
        for event in (
            StepEnded("n1", Outcome.FAILED, reason="disk full"),
            Found(Finding("truncated", "train/a.JPEG", "ends in the scan", 512)),
            Note("warning", "slow disk"),
            Proved("a.tar", "sha256", "ab" * 32, False),
        )
    ]

    assert told == [
        "failed n1: disk full",
        "truncated: train/a.JPEG at byte 512: ends in the scan",
        "warning: slow disk",
        "proved a.tar: sha256 abababababababab not compared with a published one",
    ]


def test_hostile_names_stay_on_one_line() -> None:
    told = sentence(Found(Finding("name", "a\nb\x1b[2J\u202e", "\udcff")), verbose=False)

    assert told == "name: a\\nb\\x1b[2J\\u202e: \\udcff"


def test_the_names_in_the_line_of_state_are_escaped_too() -> None:
    assert "\x1b" not in after((0, STARTED), (1, Landed("\x1b[2J", 0, 1, 5))).line(2, -1)
