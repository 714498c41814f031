"""The deep check decodes every image, names the bad ones, and outlives those that kill."""

from __future__ import annotations

import os
import signal
from pathlib import Path

import pytest

from kilotar import pixels
from kilotar.errors import OurError
from kilotar.events import Event, Finding, Found, Note, Outcome, StepEnded, StepStarted
from kilotar.exec.batch import Batch
from kilotar.exec.child import WorkerLimits
from kilotar.model.table import Rows, RowsBuilder
from kilotar.pixels import OddNames
from kilotar.work import deep
from kilotar.work.deep import BATCH_IMAGES, check_extents, deep_check, extent_batches, file_batches
from tests.doubles.images import jpeg, png

GOOD = jpeg(48, 32)
BAD = {
    "a/cut.JPEG": GOOD[:-100],
    "a/empty.JPEG": b"",
    "b/html.JPEG": b"<html>",
    "b/png.JPEG": png(),
}
ODD = OddNames(png=frozenset({"odd.JPEG"}))


def write(root: Path, files: dict[str, bytes]) -> list[str]:
    for path, data in files.items():
        (root / path).parent.mkdir(parents=True, exist_ok=True)
        (root / path).write_bytes(data)
    return list(files)


def pack(archive: Path, images: dict[str, bytes], gap: int = 512) -> Rows:
    """Write images one behind the other with gaps before them; give where they are."""
    built = RowsBuilder()
    with open(archive, "wb") as out:
        for name, data in images.items():
            out.write(bytes(gap))
            built.add(name, out.tell(), len(data))
            out.write(data)
    return built.rows()


def test_bad_files_are_named_by_their_path_and_good_ones_not(tmp_path: Path) -> None:
    good = {f"a/{n}.JPEG": jpeg(48, 32, seed=n) for n in range(5)}
    paths = write(tmp_path, {**good, **BAD, "odd.JPEG": png()})
    found = deep_check(file_batches(tmp_path, paths, ODD), 2)
    assert [(one.where, one.kind, one.is_problem) for one in found] == [
        ("a/cut.JPEG", "truncated", True),
        ("a/empty.JPEG", "empty", True),
        ("b/html.JPEG", "not-jpeg", True),
        ("b/png.JPEG", "not-jpeg", True),
        ("odd.JPEG", "known-odd", False),
    ]


def test_bad_members_are_named_with_their_offset_in_the_archive(tmp_path: Path) -> None:
    rows = pack(tmp_path / "train.tar", {"good.JPEG": GOOD, "cut.JPEG": GOOD[:-100], "joined.JPEG": GOOD + GOOD})
    found = deep_check(extent_batches(tmp_path / "train.tar", rows), 1)
    assert [(one.where, one.kind, one.offset) for one in found] == [
        ("train.tar: cut.JPEG", "truncated", rows.offsets[1] + len(GOOD) - 100),
        ("train.tar: joined.JPEG", "trailing", rows.offsets[2] + len(GOOD)),
    ]


def test_an_archive_that_ends_too_early_costs_its_last_members_only(tmp_path: Path) -> None:
    archive = tmp_path / "val.tar"
    rows = pack(archive, {"a.JPEG": GOOD, "b.JPEG": GOOD})
    os.truncate(archive, rows.offsets[1] + 10)
    (found,) = deep_check(extent_batches(archive, rows), 1)
    assert (found.where, found.kind, found.offset) == ("val.tar: b.JPEG", "truncated", rows.offsets[1])
    assert found.why == f"the archive ends after 10 of {len(GOOD)} bytes"


def test_an_archive_that_cannot_be_opened_is_a_finding_for_each_member(tmp_path: Path) -> None:
    rows = pack(tmp_path / "val.tar", {"a.JPEG": GOOD, "b.JPEG": GOOD})
    (tmp_path / "val.tar").unlink()
    found = deep_check(extent_batches(tmp_path / "val.tar", rows), 1)
    assert [(one.where, one.kind) for one in found] == [
        ("val.tar: a.JPEG", "unreadable"),
        ("val.tar: b.JPEG", "unreadable"),
    ]


def test_what_is_no_regular_file_is_not_waited_for_and_not_followed(tmp_path: Path) -> None:
    write(tmp_path, {"good.JPEG": GOOD})
    os.mkfifo(tmp_path / "fifo.JPEG")
    (tmp_path / "folder.JPEG").mkdir()
    (tmp_path / "link.JPEG").symlink_to("/dev/zero")
    names = ["good.JPEG", "fifo.JPEG", "folder.JPEG", "link.JPEG", "absent.JPEG"]
    found = deep_check(file_batches(tmp_path, names), 1)
    assert [(one.where, one.kind) for one in found] == [
        ("fifo.JPEG", "not-jpeg"),
        ("folder.JPEG", "not-jpeg"),
        ("link.JPEG", "unreadable"),
    ]


def test_an_image_larger_than_any_photograph_is_not_read(tmp_path: Path) -> None:
    path = tmp_path / "huge.JPEG"
    path.touch()
    os.truncate(path, 2**40)
    (found,) = deep_check(file_batches(tmp_path, ["huge.JPEG"]), 1)
    assert (found.kind, found.why) == ("bomb", "1099511627776 bytes, at most 67108864 are read")
    built = RowsBuilder()
    built.add("huge.JPEG", 0, 2**32 - 1)
    (found,) = deep_check(extent_batches(path, built.rows()), 1)
    assert (found.kind, found.offset) == ("bomb", 0)


def test_images_are_cut_into_batches_each_a_step_and_findings_are_told_at_once(tmp_path: Path) -> None:
    paths = write(tmp_path, {f"{n:04}.JPEG": GOOD for n in range(2 * BATCH_IMAGES + 1)})
    write(tmp_path, {"0300.JPEG": b""})
    events: list[Event] = []
    found = deep_check(file_batches(tmp_path, paths), 2, events.append)
    assert [event.finding for event in events if isinstance(event, Found)] == list(found)
    assert {event.key for event in events if isinstance(event, StepStarted)} == {f"deep/{n:05}" for n in range(3)}
    ended = sorted((event for event in events if isinstance(event, StepEnded)), key=lambda event: event.key)
    assert [(event.outcome, event.images) for event in ended] == [(Outcome.DONE, n) for n in (256, 256, 1)]


def test_the_result_is_the_same_for_any_number_of_workers(tmp_path: Path) -> None:
    paths = write(tmp_path, {f"{n:04}.JPEG": GOOD[:-n] if n % 50 == 1 else GOOD for n in range(600)})
    one, two, four = (deep_check(file_batches(tmp_path, paths), jobs) for jobs in (1, 2, 4))
    assert one == two == four
    assert len(one) == 12


def test_nothing_to_check_gives_nothing() -> None:
    assert deep_check((), 1) == ()


def test_without_the_strict_decoder_the_person_is_told_what_that_means(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(deep, "has_fast", lambda: False)
    events: list[Event] = []
    deep_check((), 1, events.append)
    assert [event for event in events if isinstance(event, Note) and "kilotar[fast]" in event.text] == events
    assert pixels.has_fast is not deep.has_fast


def check_with_a_killer(archive: str, cmyk: list[str], png: list[str], items: list[list[object]]) -> object:
    """Stand in for `check_extents` with a decoder that two of the images break; runs in a worker."""
    for item in items:
        if item[0] == "segfault.JPEG":
            os.kill(os.getpid(), signal.SIGSEGV)
        if item[0] == "endless.JPEG":
            signal.pause()
        yield from check_extents(archive, cmyk, png, [item])  # type: ignore[list-item]


def test_an_image_that_breaks_the_decoder_is_a_finding_and_all_others_are_checked(tmp_path: Path) -> None:
    images = {"a.JPEG": b"", "segfault.JPEG": GOOD, "b.JPEG": b"", "endless.JPEG": GOOD, "c.JPEG": b""}
    rows = pack(tmp_path / "train.tar", images)
    (batch,) = extent_batches(tmp_path / "train.tar", rows)
    killer = Batch(f"{__name__}:check_with_a_killer", batch.common, batch.items)
    found = deep_check([killer], 1, limits=WorkerLimits(item_s=1.0))
    assert [(one.where, one.kind) for one in found] == [
        ("train.tar: a.JPEG", "empty"),
        ("train.tar: b.JPEG", "empty"),
        ("train.tar: c.JPEG", "empty"),
        ("train.tar: endless.JPEG", "hang"),
        ("train.tar: segfault.JPEG", "crash"),
    ]
    crash = found[-1]
    assert crash == Finding(
        "crash", "train.tar: segfault.JPEG", "the worker process was killed by SIGSEGV", rows.offsets[1]
    )


def test_a_bug_in_a_worker_reaches_the_caller_as_one() -> None:
    with pytest.raises(OurError, match="failed in a worker"):
        deep_check([Batch("kilotar.work.deep:absent", ("", [], []), (("a", 0, 1),))], 1)
