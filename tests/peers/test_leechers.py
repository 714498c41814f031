"""We seed: a finished archive, and what we have of one that still comes; and give nothing where that was asked."""

from __future__ import annotations

import dataclasses
from pathlib import Path

import pytest

from kilotar.model.fetching import PieceWish
from tests.doubles.landings import FileLanding
from tests.peers.conftest import Join
from tests.peers.lab import OPTIONS, Archive, Lab, until

NOTHING = PieceWish()


def seeded(archive: Archive, folder: Path, pieces: range | None = None) -> FileLanding:
    """Give a landing that has these pieces in its file (all if None), as the bitmap says."""
    table = archive.torrent.table
    have = range(table.count) if pieces is None else pieces
    landing = FileLanding(table, folder, have)
    for piece in have:
        landing.take(piece, archive.data[table.start(piece) : table.stop(piece)], "before")
    return landing


@pytest.mark.parametrize("client", ["aria2", pytest.param("transmission", marks=pytest.mark.slow)])
def test_other_clients_take_a_whole_archive_from_us(
    client: str, here: Lab, archive: Archive, join: Join, tmp_path: Path
) -> None:
    here.tracker(archive)
    fetcher = join(archive, seeded(archive, tmp_path), wish=NOTHING)
    until("we are announced", lambda: any(fact.answered for fact in fetcher.facts().trackers))
    (tmp_path / "theirs").mkdir()
    leecher = here.aria2 if client == "aria2" else here.transmission
    leecher(archive, tmp_path / "theirs")

    until("they have it", lambda: any(_is_same(file, archive) for file in (tmp_path / "theirs").iterdir()), 45)
    until("it is counted", lambda: fetcher.facts().sent_bytes >= len(archive.data))


def _is_same(file: Path, archive: Archive) -> bool:
    return file.name == archive.file.name and file.read_bytes() == archive.data


def test_what_came_from_elsewhere_is_passed_on_while_the_rest_is_missing(
    here: Lab, archive: Archive, join: Join, tmp_path: Path
) -> None:
    here.tracker(archive)
    landing = seeded(archive, tmp_path, range(4))
    fetcher = join(archive, landing, wish=NOTHING)
    until("we are announced", lambda: any(fact.answered for fact in fetcher.facts().trackers))
    (tmp_path / "theirs").mkdir()
    here.aria2(archive, tmp_path / "theirs")
    table = archive.torrent.table

    until("they have what we had at first", lambda: fetcher.facts().sent_bytes >= table.stop(3))
    for piece in range(4, 8):
        assert landing.take(piece, archive.data[table.start(piece) : table.stop(piece)], "a web server")
    until("they have what came since", lambda: fetcher.facts().sent_bytes >= table.stop(7))
    assert fetcher.facts().received_bytes == 0


def test_not_a_byte_is_given_where_uploading_is_off(here: Lab, archive: Archive, join: Join, tmp_path: Path) -> None:
    here.tracker(archive)
    options = dataclasses.replace(OPTIONS, no_upload=True)
    fetcher = join(archive, seeded(archive, tmp_path), options, wish=NOTHING)
    until("we are announced", lambda: any(fact.answered for fact in fetcher.facts().trackers))
    (tmp_path / "theirs").mkdir()
    here.aria2(archive, tmp_path / "theirs")
    other = here.seed(archive)

    until("they have it from the other", lambda: other.sent_bytes() >= len(archive.data))
    assert fetcher.facts().handshakes >= 1
    assert fetcher.facts().sent_bytes == 0


@pytest.mark.slow
def test_uploads_keep_to_their_limit(here: Lab, archive: Archive, join: Join, tmp_path: Path) -> None:
    here.tracker(archive)
    options = dataclasses.replace(OPTIONS, upload_limit_bytes_s=256 << 10)
    fetcher = join(archive, seeded(archive, tmp_path), options, wish=NOTHING)
    until("we are announced", lambda: any(fact.answered for fact in fetcher.facts().trackers))
    (tmp_path / "theirs").mkdir()
    here.aria2(archive, tmp_path / "theirs")

    until("they have some", lambda: fetcher.facts().sent_bytes > 1 << 20)
    assert fetcher.facts().sent_rate_bytes_s < 512 << 10


def test_a_file_that_was_given_its_final_name_is_seeded_on(
    here: Lab, archive: Archive, join: Join, tmp_path: Path
) -> None:
    here.tracker(archive)
    landing = seeded(archive, tmp_path)
    fetcher = join(archive, landing, wish=NOTHING)
    until("we are announced", lambda: any(fact.answered for fact in fetcher.facts().trackers))
    landing._path = landing.path.rename(tmp_path / "final.tar")
    (tmp_path / "theirs").mkdir()
    here.aria2(archive, tmp_path / "theirs")

    until("they have it", lambda: any(_is_same(file, archive) for file in (tmp_path / "theirs").iterdir()))
    assert landing.read() == archive.data
