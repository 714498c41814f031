"""The demo's private internet, used as the real one is: by our own site, peer and web clients."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from urllib.error import HTTPError
from urllib.parse import quote_from_bytes
from urllib.request import ProxyHandler, Request, build_opener

import pytest

from kilotar.editions.load import load_edition
from kilotar.editions.tiny import Tiny, make_tiny
from kilotar.errors import MissingExtra
from kilotar.events import Event, Note, ignore
from kilotar.model.fetching import PieceWish
from kilotar.model.profile import Profile
from kilotar.parse.bencode import decode
from kilotar.sources.demo_tracker import DemoTracker
from kilotar.sources.demo_web import DemoWeb
from kilotar.sources.http import HttpFetcher, HttpOptions
from kilotar.sources.metadata import Wanted, find_torrent, site_place
from kilotar.sources.page import fetch_page
from kilotar.sources.torrent import Swarm
from kilotar.work import demo_swarm
from kilotar.work.demo_swarm import LOOPBACK, DemoSwarm, open_demo_swarm
from tests.doubles.landings import FileLanding
from tests.need import need_module

HERE = HttpOptions(allow_private=True, proxy="")


@pytest.fixture
def tiny(tmp_path: Path) -> Tiny:
    return make_tiny(tmp_path / "archives", classes=4, per_class=10, val=12)


@pytest.fixture
def demo(tiny: Tiny, tmp_path: Path) -> Iterator[DemoSwarm]:
    need_module("libtorrent")
    with open_demo_swarm(tiny, tmp_path / "swarm", ignore) as demo:
        yield demo


def test_the_edition_differs_in_where_its_archives_are_to_be_had(demo: DemoSwarm, tiny: Tiny) -> None:
    edition = load_edition(str(demo.toml))

    assert edition.torrent_site == demo.web.url and len(edition.trackers) == 1
    assert [archive.sha256 for archive in edition.archives] == [archive.sha256 for archive in tiny.edition.archives]
    assert {archive.name: archive.infohash for archive in edition.archives if archive.infohash} == {
        torrent.table.name: torrent.table.infohash for torrent in demo.torrents
    }
    assert [archive.name for archive in edition.archives if not archive.infohash] == [
        archive.name for archive in tiny.edition.archives if archive.role != "images"
    ]


def test_torrents_come_from_the_site_and_archives_from_the_seed(demo: DemoSwarm, tiny: Tiny, tmp_path: Path) -> None:
    assert demo.has_seed
    swarm = Swarm(LOOPBACK, Profile(), tmp_path / "ours", ignore)
    try:
        for archive in load_edition(str(demo.toml)).archives:
            if not archive.infohash:
                continue
            wanted = Wanted(archive.name, archive.infohash, archive.size_bytes)
            places = [site_place(demo.web.url, archive.infohash, lambda url, most: fetch_page(url, most, HERE))]
            torrent = find_torrent(wanted, places, ignore, allow_private=True).torrent
            landing = FileLanding(torrent.table, tmp_path)
            swarm.add(torrent, landing).want(PieceWish(wanted=(range(torrent.table.count),)))

            assert landing.wait_for()
            assert landing.read() == (tiny.folder / archive.name).read_bytes()
    finally:
        swarm.close()
    assert not [path for path in demo.web.sent if path.startswith("/files/")]


def test_the_web_seed_serves_the_same_bytes(demo: DemoSwarm, tiny: Tiny, tmp_path: Path) -> None:
    assert [bool(torrent.web_seeds) for torrent in demo.torrents] == [False, True, True]
    torrent = demo.torrents[1]
    landing = FileLanding(torrent.table, tmp_path)
    fetcher = HttpFetcher(torrent.web_seeds[0], landing, HERE, ignore)
    fetcher.want(PieceWish(wanted=(range(torrent.table.count),)))

    assert landing.wait_for()
    fetcher.close()
    assert landing.read() == (tiny.folder / torrent.table.name).read_bytes()
    assert demo.web.sent[f"/files/{torrent.table.name}"] == torrent.table.size_bytes


def test_without_a_client_the_web_seed_serves_alone(
    tiny: Tiny, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def lacking(*_: object) -> Swarm:
        raise MissingExtra("libtorrent is not installed")

    monkeypatch.setattr(demo_swarm, "Swarm", lacking)
    events: list[Event] = []

    with open_demo_swarm(tiny, tmp_path / "swarm", events.append) as demo:
        assert not demo.has_seed and all(torrent.web_seeds for torrent in demo.torrents)
        assert fetch_page(demo.torrents[0].web_seeds[0], 1 << 30, HERE)
    assert any(isinstance(event, Note) and "alone" in event.text for event in events)


@pytest.fixture
def tracker() -> Iterator[DemoTracker]:
    tracker = DemoTracker(["ab" * 20])
    yield tracker
    tracker.close()


def announce(tracker: DemoTracker, at: int, **more: str) -> object:
    words = {"info_hash": quote_from_bytes(b"\xab" * 20), "peer_id": "x" * 20, "port": str(at), "left": "0", **more}
    query = "&".join(f"{name}={value}" for name, value in words.items())
    with build_opener(ProxyHandler({})).open(f"{tracker.url}?{query}") as answer:
        return decode(answer.read())


def test_a_tracker_tells_of_the_others_and_never_of_the_one_who_asks(tracker: DemoTracker) -> None:
    first = {b"complete": 0, b"incomplete": 0, b"interval": 30, b"peers": b""}
    assert announce(tracker, 1000) == first
    assert announce(tracker, 1000) == first
    assert tracker.wait_for_seeds(5)

    there = announce(tracker, 2000, left="7")
    assert there == {**first, b"complete": 1, b"peers": b"\x7f\0\0\1\x03\xe8"}
    assert announce(tracker, 3000, compact="0") == {
        **first,
        b"complete": 1,
        b"incomplete": 1,
        b"peers": [
            {b"ip": b"127.0.0.1", b"peer id": b"x" * 20, b"port": 1000},
            {b"ip": b"127.0.0.1", b"peer id": b"x" * 20, b"port": 2000},
        ],
    }


def test_a_peer_that_stopped_is_told_no_more(tracker: DemoTracker) -> None:
    announce(tracker, 1000)
    announce(tracker, 1000, event="stopped")

    assert not tracker.wait_for_seeds(0)
    assert announce(tracker, 2000) == {b"complete": 0, b"incomplete": 0, b"interval": 30, b"peers": b""}


@pytest.mark.parametrize(
    "words", [{"info_hash": "x"}, {"info_hash": ""}, {"port": "0"}, {"port": "70000"}, {"port": "-1"}, {"left": "many"}]
)
def test_a_request_that_is_none_gets_a_reason(tracker: DemoTracker, words: dict[str, str]) -> None:
    answer = announce(tracker, 1000, **words)

    assert isinstance(answer, dict) and list(answer) == [b"failure reason"]


@pytest.mark.parametrize(
    ("asked", "status", "told"),
    [
        ("bytes=0-3", 206, "bytes 0-3/26"),
        ("bytes=20-", 206, "bytes 20-25/26"),
        ("bytes=20-99", 206, "bytes 20-25/26"),
        ("bytes=26-30", 416, "bytes */26"),
        ("chapters=1-2", 200, None),
    ],
)
def test_ranges_are_answered_with_the_length_of_the_whole(asked: str, status: int, told: str | None) -> None:
    web = DemoWeb()
    web.offer({"/a": b"abcdefghijklmnopqrstuvwxyz"})
    try:
        with build_opener(ProxyHandler({})).open(Request(f"{web.url}/a", headers={"Range": asked})) as answer:
            assert (answer.status, answer.headers["Content-Range"]) == (status, told)
            assert len(answer.read()) == int(answer.headers["Content-Length"])
    except HTTPError as error:
        assert (error.code, error.headers["Content-Range"]) == (status, told)
    finally:
        web.close()
