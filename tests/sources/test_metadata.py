"""Where a .torrent comes from: the order of the places, what each says, and what is believed."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from kilotar.errors import HttpFailed, MachineError, MetadataMissing, TorrentRefused, UsageError
from kilotar.events import Event, Note, Trouble
from kilotar.model.pieces import PieceTable
from kilotar.parse.torrent import make_torrent, parse_torrent, write_torrent
from kilotar.sources.metadata import (
    Place,
    Wanted,
    find_torrent,
    given_place,
    infohash_of,
    saved_place,
    site_place,
    swarm_place,
)

TABLE = PieceTable("a.tar", 40_000, 16 << 10, bytes(60))
TORRENT = make_torrent(TABLE, (("http://tracker.example/a",),), ("https://mirror.example/a.tar",))
OTHER = write_torrent(make_torrent(PieceTable("b.tar", 5, 16 << 10, bytes(20))))
WANTED = Wanted("a.tar", TORRENT.table.infohash, 40_000)
GOOD = write_torrent(TORRENT)


def fails(seen: str) -> Callable[[], bytes | None]:
    def ask() -> bytes | None:
        raise HttpFailed("no answer", seen=seen)

    return ask


def never() -> bytes | None:
    raise AssertionError("this place must not be asked")


def test_the_first_place_that_has_it_is_the_last_that_is_asked(tmp_path: Path) -> None:
    (tmp_path / "saved").write_bytes(GOOD)
    events: list[Event] = []

    found = find_torrent(WANTED, [saved_place(tmp_path / "saved"), swarm_place(never)], events.append)

    assert (found.torrent, found.place, found.to_save) == (TORRENT, "the copy in the workspace", b"")
    assert [event for event in events if isinstance(event, Trouble)] == []


def test_each_place_that_fails_is_told_and_the_next_is_asked(tmp_path: Path) -> None:
    (tmp_path / "saved").write_bytes(GOOD[:-10])
    events: list[Event] = []
    places = [
        saved_place(tmp_path / "nothing"),
        saved_place(tmp_path / "saved"),
        Place("one", lambda: b"<html><title>Please log in</title>"),
        Place("two", lambda: OTHER),
        Place("three", fails("connection refused")),
        swarm_place(lambda: TORRENT.info),
    ]

    found = find_torrent(WANTED, places, events.append)

    assert (found.torrent.info, found.torrent.trackers, found.place) == (TORRENT.info, (), "the swarm")
    told = {event.where: event.seen for event in events if isinstance(event, Trouble)}
    assert "Please log in" in told["one"] and "something else" in told["two"]
    assert "connection refused" in told["three"] and "bencoded" in told["the copy in the workspace"]
    assert [event.text for event in events if isinstance(event, Note)][-1] == "a.tar: the swarm has the .torrent"


def test_where_all_places_fail_the_error_says_what_each_said(tmp_path: Path) -> None:
    places = [
        saved_place(tmp_path / "nothing"),
        site_place("https://site.example", WANTED.infohash, lambda url, most: b"503 upstream"),
        swarm_place(lambda: None),
    ]

    with pytest.raises(MetadataMissing) as caught:
        find_torrent(WANTED, places, lambda event: None)

    assert caught.value.exit_code == 4
    for words in ("workspace: has none", "the site site.example: this is not a .torrent", "503", "the swarm: has none"):
        assert words in caught.value.seen
    assert "--torrent" in caught.value.fix


def test_the_site_is_asked_for_the_infohash() -> None:
    asked = []

    def get(url: str, most_bytes: int) -> bytes:
        asked.append(url)
        assert most_bytes >= 41 << 20
        return GOOD

    found = find_torrent(WANTED, [site_place("http://127.0.0.1:1/at", WANTED.infohash, get)], lambda event: None)

    assert asked == [f"http://127.0.0.1:1/at/download/{WANTED.infohash}.torrent"]
    assert found.torrent == TORRENT


def test_a_file_that_a_person_gave_is_taken_or_refused_and_never_replaced(tmp_path: Path) -> None:
    (tmp_path / "bad.torrent").write_bytes(OTHER)
    with pytest.raises(TorrentRefused, match="something else"):
        find_torrent(WANTED, [given_place(tmp_path / "bad.torrent"), swarm_place(never)], lambda event: None)
    with pytest.raises(UsageError, match="no \\.torrent file"):
        find_torrent(WANTED, [given_place(tmp_path / "nothing"), swarm_place(never)], lambda event: None)

    (tmp_path / "good.torrent").write_bytes(GOOD)
    found = find_torrent(WANTED, [given_place(tmp_path / "good.torrent"), swarm_place(never)], lambda event: None)
    assert found.to_save == GOOD


def test_a_given_file_tells_for_which_archive_it_is_by_its_infohash(tmp_path: Path) -> None:
    (tmp_path / "x").write_bytes(GOOD)
    (tmp_path / "y").write_bytes(b"<html>")

    assert infohash_of(tmp_path / "x") == WANTED.infohash
    with pytest.raises(TorrentRefused, match="web page"):
        infohash_of(tmp_path / "y")


def test_the_size_that_is_known_must_be_that_of_the_torrent() -> None:
    wanted = Wanted("a.tar", TORRENT.table.infohash, 40_001)

    with pytest.raises(MetadataMissing, match="40000 bytes, expected 40001"):
        find_torrent(wanted, [Place("one", lambda: GOOD)], lambda event: None)


def test_trackers_of_the_edition_follow_those_of_the_torrent_each_once() -> None:
    wanted = Wanted("a.tar", WANTED.infohash, trackers=("udp://more.example:1/a", "http://tracker.example/a"))

    for place in (Place("one", lambda: GOOD), swarm_place(lambda: TORRENT.info)):
        trackers = find_torrent(wanted, [place], lambda event: None).torrent.trackers
        assert sorted(url for tier in trackers for url in tier) == [
            "http://tracker.example/a",
            "udp://more.example:1/a",
        ]


def test_private_addresses_are_left_out_and_told_but_kept_in_the_copy_for_who_allows_them() -> None:
    torrent = make_torrent(TABLE, (("http://127.0.0.1:6969/announce",),))
    wanted = Wanted("a.tar", torrent.table.infohash)
    place = Place("one", lambda: write_torrent(torrent))
    events: list[Event] = []

    found = find_torrent(wanted, [place], events.append)

    assert found.torrent.trackers == ()
    assert [event.where for event in events if isinstance(event, Trouble)] == ["http://127.0.0.1:6969/announce"]
    saved = parse_torrent(found.to_save, infohash=wanted.infohash, allow_private=True)
    assert saved.trackers == (("http://127.0.0.1:6969/announce",),)
    assert find_torrent(wanted, [place], events.append, allow_private=True).torrent.trackers == saved.trackers


def test_a_disk_that_fails_is_no_missing_copy(tmp_path: Path) -> None:
    loop = tmp_path / "loop"
    loop.symlink_to(loop)

    with pytest.raises(MachineError):
        find_torrent(WANTED, [saved_place(loop)], lambda event: None)
