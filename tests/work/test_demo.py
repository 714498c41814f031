"""The demo: the whole way from a torrent site to a deep check, on loopback, twice; and what damage to it looks like."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from kilotar.events import Event, Outcome, Progress, ignore
from kilotar.model.report import Report
from kilotar.work.demo import demo
from kilotar.work.verify import parse_level, verify
from tests.need import need_module


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    need_module("libtorrent")
    yield tmp_path_factory.mktemp("demo")


@pytest.fixture(scope="module")
def first(folder: Path) -> tuple[list[Event], Report, Report]:
    events: list[Event] = []
    prepared, checked = demo(folder, events.append)
    return events, prepared, checked


def check(folder: Path) -> Report:
    return verify(folder / "imagenet", level=parse_level("normal"), repair=False, jobs=0, emit=ignore)


def test_everything_comes_out_of_the_swarm_and_is_right(first: tuple[list[Event], Report, Report]) -> None:
    events, prepared, checked = first

    assert (prepared.outcome, checked.outcome) == (Outcome.DONE, Outcome.DONE)
    assert prepared.problems == checked.problems == ()
    assert [(archive.algorithm, archive.published) for archive in prepared.archives] == [("btih", True), ("btih", True)]
    brought = {event.archive: dict(event.sources) for event in events if isinstance(event, Progress)}
    assert list(brought["tiny_img_train.tar"]) == ["peers"]
    assert sum(brought["tiny_img_val.tar"].values()) == 92_160


@pytest.mark.usefixtures("first")
def test_again_there_is_nothing_to_do(folder: Path) -> None:
    events: list[Event] = []
    prepared, checked = demo(folder, events.append)

    assert (prepared.outcome, checked.problems) == (Outcome.KEPT, ())
    assert not [event for event in events if isinstance(event, Progress) and event.sources]


@pytest.mark.usefixtures("first")
def test_a_changed_byte_is_found_by_its_piece(folder: Path) -> None:
    path = folder / "imagenet" / "archives" / "tiny_img_val.tar"
    whole = path.read_bytes()
    path.write_bytes(whole[:40_000] + bytes([whole[40_000] ^ 1]) + whole[40_001:])
    try:
        findings = [finding for finding in check(folder).problems if finding.kind == "archive"]
    finally:
        path.write_bytes(whole)

    assert [(finding.where, finding.offset) for finding in findings] == [(str(path), 32_768)]
    assert "1 of 6 pieces" in findings[0].why and "the first is 2" in findings[0].why


@pytest.mark.usefixtures("first")
def test_without_its_torrent_an_archive_is_said_to_be_unchecked(folder: Path) -> None:
    for path in (folder / "imagenet" / ".kilotar" / "torrents").iterdir():
        path.write_bytes(b"<html>")

    report = check(folder)

    assert report.problems == ()
    assert {finding.kind for finding in report.findings} >= {"archive-unchecked"}
