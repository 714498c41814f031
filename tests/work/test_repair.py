"""`repair`: what is right is never fetched, what is wrong always, and a file that is something else is left alone."""

from __future__ import annotations

import os
import random
import shutil
from pathlib import Path

import pytest

import kilotar
from kilotar.errors import DecisionNeeded, DigestMismatch, LayoutRefused, MetadataMissing, UsageError
from kilotar.events import Outcome
from kilotar.model.report import DownloadFact, Report
from kilotar.store.pieces import OWN_DISK
from tests.work.wishes import Published, flip, snapshot

PIECE = 16 << 10


@pytest.fixture
def train(published: Published) -> Path:
    """Give the published archive of the training images; not to be changed."""
    return next(published.tiny.folder / a.name for a in published.tiny.edition.archives if a.split == "train")


def repair(published: Published, path: Path, way: str = "http", **more: object) -> Report:
    wish = published.wish(way)  # type: ignore[arg-type]
    words = {"edition": "" if path.is_dir() else wish["edition"], **more}
    return kilotar.repair(path, fetching=wish["fetching"], **words)  # type: ignore[arg-type]


def fact(report: Report) -> DownloadFact:
    (only,) = report.downloads
    return only


def fetched(of: DownloadFact) -> int:
    return sum(size_bytes for source, size_bytes in of.brought if source != OWN_DISK)


@pytest.mark.parametrize("way", ["torrent", "http"])
@pytest.mark.parametrize("name", ["", "mine.bin", "x.tar.part"])
def test_only_the_wrong_piece_is_fetched_and_the_file_keeps_its_name(
    published: Published, train: Path, tmp_path: Path, way: str, name: str
) -> None:
    path = tmp_path / (name or train.name)
    shutil.copy(train, path)
    flip(path, 5 * PIECE + 7)

    report = repair(published, path, way, archive=train.name)
    again = repair(published, path, way, archive=train.name)

    assert path.read_bytes() == train.read_bytes()
    assert (fact(report).wrong, fetched(fact(report)), report.outcome) == (1, PIECE, Outcome.DONE)
    assert (fact(again).wrong, fetched(fact(again)), again.outcome) == (0, 0, Outcome.KEPT)
    assert [entry.name for entry in tmp_path.iterdir()] == [path.name]


def test_a_truncated_file_gets_its_end_and_a_longer_one_loses_it(
    published: Published, train: Path, tmp_path: Path
) -> None:
    path, data = tmp_path / train.name, train.read_bytes()
    path.write_bytes(data[: 20 * PIECE])
    short = repair(published, path)
    assert path.read_bytes() == data
    assert 0 < fetched(fact(short)) <= len(data) - 20 * PIECE

    path.write_bytes(data + b"a tail")
    long = repair(published, path)
    assert path.read_bytes() == data
    assert fetched(fact(long)) == 0


def test_a_right_file_is_not_touched(published: Published, train: Path, tmp_path: Path) -> None:
    path = Path(shutil.copy(train, tmp_path))
    before = snapshot(tmp_path)

    repair(published, path)

    assert snapshot(tmp_path) == before


@pytest.mark.parametrize("change", [0, -1000, 1000])
def test_a_file_that_is_something_else_is_left_alone(
    published: Published, train: Path, tmp_path: Path, change: int
) -> None:
    path = tmp_path / "thesis.pdf"
    path.write_bytes(random.Random(1).randbytes(train.stat().st_size + change))
    before = path.read_bytes()

    with pytest.raises(DigestMismatch, match="holds nothing of"):
        repair(published, path, archive=train.name)

    assert path.read_bytes() == before


def test_a_given_torrent_says_which_archive_a_file_is(published: Published, train: Path, tmp_path: Path) -> None:
    path, torrent = tmp_path / "download.bin", tmp_path / "some.torrent"
    path.write_bytes(train.read_bytes()[:-1])
    infohash = published.demo.torrents[0].table.infohash
    root = tmp_path / "root"
    kilotar.get(root, **published.wish(splits=("train",)))
    shutil.copy(root / ".kilotar" / "torrents" / f"{infohash}.torrent", torrent)
    wish = published.wish("http")
    fetching = wish["fetching"]
    assert fetching is not None

    with pytest.raises(UsageError):
        kilotar.repair(path, edition=wish["edition"], fetching=fetching)
    given = kilotar.Fetching(way="http", torrents=(torrent,), offline=True, http=fetching.http, allow_private=True)
    kilotar.repair(path, edition=wish["edition"], fetching=given)

    assert path.read_bytes() == train.read_bytes()


def test_all_archives_of_a_root_are_read_again_whatever_was_known_of_them(published: Published, root: Path) -> None:
    kilotar.get(root, **published.wish())
    paths = sorted((root / "archives").iterdir())
    for path in paths:
        facts = path.stat()
        flip(path, PIECE)
        os.utime(path, ns=(facts.st_atime_ns, facts.st_mtime_ns))

    report = repair(published, root)

    assert {one.name: (one.wrong, fetched(one)) for one in report.downloads} == {p.name: (1, PIECE) for p in paths}
    assert [path.read_bytes() for path in paths] == [(published.tiny.folder / p.name).read_bytes() for p in paths]
    assert kilotar.prepare(root, formats=("lists",)).outcome is Outcome.DONE


def test_of_an_archive_in_part_only_that_part_is_mended(published: Published, root: Path) -> None:
    wish = published.wish(classes=published.wnids[2:4], splits=("train",))
    (before,) = kilotar.get(root, **wish).downloads
    part = Path(before.path)
    with part.open("r+b") as file:  # of a class that is there, and no hole is filled by it
        os.pwrite(file.fileno(), b"!", 9 * PIECE + 1)

    report = repair(published, root)

    after = fact(report)
    assert part.name.endswith(".part") and after.path == str(part)
    assert (after.wrong, fetched(after)) == (1, PIECE)
    assert 0 <= after.proved - before.proved <= 1  # the last piece is zeros, as is a hole
    assert kilotar.prepare(root, classes=published.wnids[2:4], splits=("train",)).splits[0].images == 60


def test_archives_that_a_root_found_elsewhere_are_mended_there(
    published: Published, root: Path, tmp_path: Path
) -> None:
    folder = tmp_path / "mine"
    folder.mkdir()
    for archive in published.tiny.edition.archives:
        shutil.copy(published.tiny.folder / archive.name, folder)
    kilotar.prepare(root, source=folder, edition=published.wish()["edition"])
    damaged = next(path for path in folder.iterdir() if "val" in path.name and path.suffix == ".tar")
    flip(damaged, PIECE)

    report = repair(published, root)

    assert damaged.read_bytes() == (published.tiny.folder / damaged.name).read_bytes()
    assert sum(one.wrong for one in report.downloads) == 1
    assert report.next_steps == (f"kilotar verify {root} --repair",)
    assert kilotar.verify(root).problems == ()


def test_what_cannot_be_mended_is_said(published: Published, root: Path, tmp_path: Path) -> None:
    with pytest.raises(LayoutRefused, match="there is no file"):
        repair(published, tmp_path / "nothing.tar")
    boxes = next(a for a in published.tiny.edition.archives if a.role == "boxes")
    with pytest.raises(MetadataMissing, match="has no torrent"):
        repair(published, Path(shutil.copy(published.tiny.folder / boxes.name, tmp_path)))
    root.mkdir()
    with pytest.raises(LayoutRefused, match="nothing was prepared"):
        repair(published, root)


def test_the_terms_are_settled_before_a_byte_is_read_or_fetched(
    published: Published, train: Path, tmp_path: Path
) -> None:
    path, toml = Path(shutil.copy(train, tmp_path)), tmp_path / "terms.toml"
    flip(path, PIECE)
    toml.write_text('terms = "Only for tests."\n' + published.demo.toml.read_text("utf-8"), "utf-8")

    with pytest.raises(DecisionNeeded):
        repair(published, path, edition=str(toml))
    repair(published, path, edition=str(toml), accept_terms=True)

    assert path.read_bytes() == train.read_bytes()
