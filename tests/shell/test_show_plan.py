"""Plans, states and reasons in words."""

from __future__ import annotations

from dataclasses import replace

from kilotar.events import Outcome
from kilotar.model.report import DownloadFact, WhyRow
from kilotar.shell.show_plan import show_forecast, show_status, show_why
from tests.shell.conftest import FORECAST, STATUS, WHY


def test_a_plan_is_a_table_with_both_units_once() -> None:
    assert show_forecast(FORECAST) == [
        "  Plan for /data/imagenet   free 612.00 GB (569.97 GiB)",
        "  step                   reads     writes      files     about",
        "  prove train.tar    147.90 GB          -          -  overlaps",
        "  write imagefolder  147.90 GB  143.00 GB  1,331,167   10 m 00",
        "  1,331,167 images; writes 143.00 GB (133.18 GiB); peak disk 143.10 GB (133.27 GiB).",
        "  inodes needed 1,331,170 of 38,000,000 free.  total about 10 m 12 (this disk writes 410.00 MB/s)",
        "  Nothing was changed.  To start: kilotar prepare with the same flags, without --dry-run.",
    ]


def test_a_plan_that_does_not_fit_says_so() -> None:
    lines = show_forecast(replace(FORECAST, fits=False))

    assert any("IT DOES NOT FIT" in line for line in lines)
    assert lines[-1] == "  Nothing was changed."


def test_what_is_not_known_is_not_made_up() -> None:
    text = "\n".join(show_forecast(replace(FORECAST, seconds=-1.0, write_bytes_per_s=0.0, free_inodes=-1)))

    assert "total about -" in text
    assert "this disk" not in text
    assert "an unknown number" in text


def test_a_status_shows_archives_outputs_and_who_runs() -> None:
    assert show_status(STATUS) == [
        "  /data/imagenet   edition ilsvrc2012",
        "  archive  train.tar  147.90 GB  proved, as published",
        "  output   imagefolder  /data/imagenet  578 of 1,000 steps, plan c0ffeec0ffee",
        "  running  nothing",
    ]


def test_a_complete_output_needs_no_steps_of_its_own() -> None:
    output = replace(STATUS.outputs[0], steps_done=0, complete=True)

    assert "  imagefolder  /data/imagenet  complete, plan" in show_status(replace(STATUS, outputs=(output,)))[2]


def test_a_root_without_outputs_gets_the_next_command() -> None:
    assert show_status(replace(STATUS, outputs=()))[-1] == "  next     kilotar prepare /data/imagenet --from FOLDER"


def test_why_counts_and_lists_what_is_to_be_done() -> None:
    assert show_why(WHY, verbose=False) == [
        "  output       steps  outcome  reason",
        "  imagefolder      1  done     lost",
        "  imagefolder      1  kept     recorded",
        "    imagefolder n01443537: done, lost",
    ]
    assert len(show_why(WHY, verbose=True)) == 5


def test_why_with_a_thousand_steps_is_short_unless_verbose() -> None:
    rows = tuple(WhyRow("imagefolder", f"n{n:08}", Outcome.DONE, "new") for n in range(1000))

    assert show_why(rows, verbose=False)[-1] == "    ... 980 more (-v shows all)"
    assert len(show_why(rows, verbose=True)) == 1002


def test_hostile_names_are_escaped() -> None:
    bad = "\x1b[2J\n\u202e"
    lines = [
        *show_status(replace(STATUS, root=bad, edition=bad, running=bad)),
        *show_why((WhyRow(bad, bad, Outcome.DONE, bad),), verbose=True),
        *show_forecast(replace(FORECAST, root=bad)),
    ]

    assert [line for line in lines if not line.isprintable()] == []


def test_a_plan_says_what_is_fetched_and_when_the_first_files_can_be_there() -> None:
    steps = (FORECAST.steps[0], replace(FORECAST.steps[1], ready_bytes=140_000_000))

    lines = show_forecast(replace(FORECAST, steps=steps, fetch_bytes=154_640_000_000))

    assert "  fetches 154.64 GB, 4 h 17 at 10.00 MB/s" in lines
    assert "  first files: write imagefolder after 140.00 MB (14 s at 10.00 MB/s)" in lines


def test_a_status_shows_how_far_downloads_are() -> None:
    part = DownloadFact("train.tar", "/r/archives/train.tar.part", 147_897_477_120, 70_524, 1_400_000_000, 668, 10)

    lines = show_status(replace(STATUS, downloads=(part,), outputs=()))

    assert any(
        line.endswith("train.tar  1.40 GB of 147.90 GB, 668 of 70,524 pieces proved, places of 10 classes known")
        for line in lines
    )
    assert lines[-1].endswith("kilotar prepare /data/imagenet")
