"""`get` against a private swarm and its web seeds: only what is asked for, once, and all of it proved."""

from __future__ import annotations

from pathlib import Path

import pytest

import kilotar
from kilotar.editions.tiny import Tiny
from kilotar.errors import DecisionNeeded, HttpFailed
from kilotar.events import Event, Note, Outcome, Proved
from kilotar.model.report import DownloadFact, Report
from tests.work.wishes import Published, expected_tree, tree_digests


def downloads(report: Report) -> dict[str, DownloadFact]:
    return {fact.name: fact for fact in report.downloads}


@pytest.mark.parametrize("way", ["torrent", "http"])
def test_archives_are_fetched_once_and_proved(published: Published, root: Path, way: str) -> None:
    events: list[Event] = []

    report = kilotar.get(root, on_event=events.append, **published.wish(way))
    again = kilotar.get(root, **published.wish(way))

    for archive in published.tiny.edition.archives:
        if archive.role == "images" and archive.split != "test":
            assert (root / "archives" / archive.name).read_bytes() == (
                published.tiny.folder / archive.name
            ).read_bytes()
    assert {event.archive for event in events if isinstance(event, Proved)} == set(downloads(report))
    for fact in report.downloads:
        assert sum(size_bytes for _, size_bytes in fact.brought) == fact.landed_bytes == fact.size_bytes
        assert all((source == "peers") <= (way == "torrent") for source, _ in fact.brought)
    assert (report.outcome, again.outcome) == (Outcome.DONE, Outcome.KEPT)
    assert not any(fact.brought for fact in again.downloads)
    assert not (root / "report.json").exists()  # that is the report of what was prepared


def test_of_a_few_classes_only_their_pieces_come_and_later_calls_add_others(published: Published, root: Path) -> None:
    few, more = published.wnids[3:4], published.wnids[3:5]

    first = kilotar.get(root, **published.wish(classes=few, splits=("train",)))
    second = kilotar.get(root, **published.wish(classes=more, splits=("train",)))
    made = kilotar.prepare(root, classes=more, splits=("train",))

    before, after = (next(iter(downloads(report).values())) for report in (first, second))
    assert 0 < before.proved < after.proved < after.pieces
    assert sum(size for _, size in before.brought) == before.landed_bytes
    assert sum(size for _, size in after.brought) == after.landed_bytes - before.landed_bytes
    assert (before.positions, after.positions) == (1, 2)
    assert [(split.images, split.classes) for split in made.splits] == [(60, 2)]
    truth = expected_tree(published.tiny, ("train",))
    wanted = {path: digest for path, digest in truth.items() if path.split("/")[1] in more}
    assert tree_digests(root / "train") == {path.removeprefix("train/"): digest for path, digest in wanted.items()}
    assert f"kilotar prepare {root} --classes {','.join(more)} --splits train" in second.next_steps


def test_uploading_is_said_before_the_first_byte(published: Published, root: Path) -> None:
    events: list[Event] = []

    kilotar.get(root, on_event=events.append, **published.wish(splits=("val",)))

    names = [type(event).__name__ for event in events]
    said = [at for at, event in enumerate(events) if isinstance(event, Note) and "--no-upload" in event.text]
    assert len(said) == 1 and said[0] < names.index("Landed")


def test_boxes_and_kit_come_whole_from_their_publisher(published: Published, root: Path) -> None:
    kilotar.get(root, kit=True, **published.wish("http", boxes=True, splits=("val",)))

    names = {path.name for path in (root / "archives").iterdir()}
    images = [a.name for a in published.tiny.edition.archives if a.role == "images" and a.split == "val"]
    boxes = [a.name for a in published.tiny.edition.archives if a.role == "boxes" and a.split == "val"]
    kits = [a.name for a in published.tiny.edition.archives if a.role == "devkit"]
    assert boxes and kits and names == {*images, *boxes, *kits}


def test_prepare_fetches_the_boxes_that_it_needs(published: Published, root: Path) -> None:
    report = kilotar.prepare(root, **published.wish(boxes=True, formats=("cls-loc",)))

    assert any((root / "ILSVRC2015" / "Annotations").rglob("*.xml"))
    assert {name for name, fact in downloads(report).items() if fact.brought} == {a.name for a in report.archives}
    assert f"kilotar seed {root}" in report.next_steps


@pytest.mark.parametrize("way", ["torrent", "http"])
def test_index_reads_what_arrives(published: Published, root: Path, way: str) -> None:
    report = kilotar.index(root, **published.wish(way, classes=published.wnids[:2]))

    assert [(split.split, split.images, split.classes) for split in report.splits] == [("train", 60, 2), ("val", 10, 2)]
    assert len(kilotar.open(root, "train")) == 60


def test_nothing_is_asked_before_the_terms_are_accepted(published: Published, root: Path, tmp_path: Path) -> None:
    toml = tmp_path / "terms.toml"
    toml.write_text('terms = "Only for tests."\n' + published.demo.toml.read_text("utf-8"), "utf-8")
    wish = published.wish(edition=str(toml))
    before = dict(published.demo.web.sent)

    for verb in (kilotar.get, kilotar.prepare, kilotar.index):
        with pytest.raises(DecisionNeeded, match="terms"):
            verb(root, **wish)

    assert published.demo.web.sent == before
    assert not (root / "archives").exists()


def test_a_dead_address_ends_the_run_when_it_was_told_to_give_up(tiny: Tiny, root: Path) -> None:
    fetching = kilotar.Fetching(way="http", allow_private=True, urls=("http://127.0.0.1:9/",), give_up_after_s=0.5)

    with pytest.raises(HttpFailed) as caught:
        kilotar.get(root, edition=str(tiny.toml), fetching=fetching, splits=("val",))

    assert caught.value.exit_code == 4


def test_the_state_of_a_download_is_known_without_asking_anybody(published: Published, root: Path) -> None:
    kilotar.get(root, **published.wish("http", classes=published.wnids[:1], splits=("train",)))

    (fact,) = kilotar.status(root).downloads

    assert fact.name.endswith("train.tar") and 0 < fact.proved < fact.pieces
    assert 0 < fact.landed_bytes < fact.size_bytes and fact.positions == 1


@pytest.mark.parametrize("verb", ["get", "index", "prepare"])
def test_an_archive_without_a_torrent_comes_from_its_address_and_is_proved_whole(
    published: Published, root: Path, tmp_path: Path, verb: str
) -> None:
    toml = tmp_path / "plain.toml"
    lines = published.demo.toml.read_text("utf-8").splitlines(keepends=True)
    toml.write_text("".join(line for line in lines if not line.startswith(("infohash", "torrent_site"))), "utf-8")
    wish = published.wish("http", edition=str(toml), splits=("val",))

    (archive,) = getattr(kilotar, verb)(root, **wish).archives
    (fact,) = kilotar.get(root, **wish).downloads

    assert archive.published and archive.algorithm not in ("", "btih")
    assert (fact.proved, fact.brought) == (fact.pieces, ())
    assert Path(fact.path).read_bytes() == (published.tiny.folder / fact.name).read_bytes()
