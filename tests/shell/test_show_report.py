"""What a person reads at the end."""

from __future__ import annotations

from dataclasses import replace

from kilotar.events import Finding, Outcome
from kilotar.model.report import DownloadFact, SplitFact
from kilotar.shell.show_report import show_labels, show_problems, show_report
from tests.shell.conftest import PROOF, REPORT, TRUNCATED


def test_a_run_without_trouble_ends_in_counts_proof_folders_and_the_next_command() -> None:
    assert show_report(REPORT) == [
        "  Done in 1 h 09.   1,281,167 train images + 50,000 val images, 1,000 classes, 0 problems",
        "  proof    train.tar md5 1d675b47 as published",
        "  folder   /data/imagenet   imagefolder done: 1,331,167 files, 1,331,167 images, 143 B, "
        "manifest sha256 8c1f8c1f8c1f8c1f",
        "  labels   sorted-wnid, 0-based: as it must be; table sha256 " + "ab" * 32,
        "           val 1 -> 65 n01751748 sea snake (ilsvrc_id 490)",
        "  report   /data/imagenet/report.json",
        "  next     kilotar verify /data/imagenet",
        '           torchvision: ImageFolder("/data/imagenet/train")',
    ]


def test_every_way_to_end_has_its_words() -> None:
    heads = {outcome: show_report(replace(REPORT, outcome=outcome))[0].split("   ")[0] for outcome in Outcome}

    assert heads == {
        Outcome.DONE: "  Done in 1 h 09.",
        Outcome.KEPT: "  Nothing to do (1 h 09).",
        Outcome.BLOCKED: "  Stopped after 1 h 09; nothing is lost; run the same command again.",
        Outcome.FAILED: "  Not complete, after 1 h 09.",
    }


def test_missing_images_show_in_the_headline() -> None:
    split = SplitFact("val", 49_999, 50_000, 1000, 1)

    assert "49,999 of 50,000 val images" in show_report(replace(REPORT, splits=(split,)))[0]


def test_verify_shows_no_proof_that_it_did_not_make() -> None:
    assert not any(line.startswith("  proof") for line in show_report(replace(REPORT, verb="verify")))


def test_unpublished_archives_are_never_called_published() -> None:
    report = replace(REPORT, archives=(replace(REPORT.archives[0], published=False),), verified=False)

    text = "\n".join(show_report(report))

    assert "NOT compared with a published digest" in text
    assert "--unverified" in text


def test_a_wrong_label_order_is_loud() -> None:
    assert "NOT what it must be" in show_labels(replace(PROOF, agrees=False))[0]


def test_problems_are_a_table_a_kind_with_offsets_and_the_first_few() -> None:
    many = tuple(Finding("missing", f"val/{n}.JPEG", "not in the archive") for n in range(7))

    lines = show_problems((TRUNCATED, *many, Finding("cmyk", "x", "known", is_problem=False)))

    assert lines[0] == "  missing: 7"
    assert lines[7] == "    ... 2 more in the report (or: --json)"
    assert lines[8] == "  truncated: 1"
    assert "512" in lines[10]
    assert "size 61,440, expected 129,844" in lines[10]
    assert lines[-1].startswith("  known    1 cmyk: not errors")


def test_hostile_names_are_escaped_everywhere() -> None:
    bad = "\x1b[2J\n\u202e\udcff"
    report = replace(
        REPORT,
        root=bad,
        archives=(replace(REPORT.archives[0], name=bad),),
        splits=(SplitFact(bad, 1, 1, 1, 1),),
        outputs=(replace(REPORT.outputs[0], folder=bad),),
        labels=replace(PROOF, probes=(replace(PROOF.probes[0], words=bad),)),
        findings=(Finding(bad, bad, bad), Finding("b", bad, bad)),
        path=bad,
        next_steps=(bad,),
    )

    assert [line for line in show_report(report) if not line.isprintable()] == []


PART = DownloadFact(
    "train.tar", "/r/train.tar.part", 1_000_000_000, 500, 10_000_000, 5, 1, (("peers", 10_000_000),), 0, 2
)


def test_a_download_tells_what_came_from_where_and_a_part_is_no_proof_of_the_whole() -> None:
    lines = show_report(replace(REPORT, downloads=(replace(PART, sent_bytes=50_000_000),)))

    assert (
        "  fetched  train.tar 10.00 MB of 1.00 GB here, 5 of 500 pieces proved; 2 wrong pieces; from peers 10.00 MB; "
        "sent 50.00 MB to peers, ratio 0.05"
    ) in lines
    assert not any(line.startswith("  proof") for line in lines)


def test_what_was_whole_before_is_no_line() -> None:
    whole = replace(PART, landed_bytes=1_000_000_000, proved=500, brought=(), wrong=0)

    assert not any("fetched" in line for line in show_report(replace(REPORT, downloads=(whole,))))


def test_seeding_ends_with_what_was_given() -> None:
    lines = show_report(replace(REPORT, verb="seed", downloads=(replace(PART, sent_bytes=50_000_000),)))

    assert "  seeded   train.tar 50.00 MB sent, ratio 0.05; 5 of 500 pieces proved" in lines
