"""Search of a site's list: read once, kept, searched without a network."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from kilotar.editions.load import load_edition
from kilotar.errors import HttpFailed, TorrentRefused, UsageError
from kilotar.events import Event, Trouble, ignore
from kilotar.model.edition import Edition
from kilotar.store.catalogue import CatalogueHead, keep_catalogue, read_head
from kilotar.work.search import SearchWish, search
from tests.doubles.webs import Web, answer, web

TRAIN = load_edition("ilsvrc2012").archives[0]


def item(title: str, infohash: str, size: int) -> str:
    return f"<item><title>{title}</title><infohash>{infohash}</infohash><size>{size}</size></item>"


RSS = "<rss><channel>" + item("Cats of ImageNet", "c" * 40, 5) + item("Dogs", "d" * 40, 7)
RSS += item("ImageNet 2012 training", TRAIN.infohash, 147_897_477_120) + "</channel></rss>"


@pytest.fixture
def site() -> Iterator[Web]:
    with web() as server:
        server.says["/database.xml"] = answer(RSS.encode())
        yield server


@pytest.fixture
def edition(site: Web) -> Edition:
    return replace(load_edition("ilsvrc2012"), torrent_site=site.url)


@pytest.fixture
def wish(tmp_path: Path) -> SearchWish:
    return SearchWish("imagenet", allow_private=True, cache=tmp_path / "cache")


def age(folder: Path, seconds: float) -> None:
    """Make every kept list older."""
    for path in folder.iterdir():
        text = path.read_text("utf-8")
        head = read_head(path)
        assert head is not None
        old = text.replace(str(head.read_at_s), str(head.read_at_s - seconds), 1)
        path.write_text(old, "utf-8")


def test_the_edition_s_own_come_first_and_are_marked_by_infohash(edition: Edition, wish: SearchWish) -> None:
    found = search(wish, edition, ignore)

    assert [(hit.entry.title, hit.archive) for hit in found.hits] == [
        ("ImageNet 2012 training", TRAIN.name),
        ("Cats of ImageNet", ""),
    ]
    assert (found.entries, found.url) == (3, f"{edition.torrent_site}/database.xml")


def test_the_site_is_asked_once_a_day(edition: Edition, site: Web, wish: SearchWish) -> None:
    search(wish, edition, ignore)
    found = search(replace(wish, text="DOGS"), edition, ignore)
    assert ([hit.entry.infohash for hit in found.hits], len(site.asked)) == (["d" * 40], 1)

    assert wish.cache
    age(wish.cache, 90_000)
    search(wish, edition, ignore)
    assert len(site.asked) == 2

    search(replace(wish, refresh=True), edition, ignore)
    assert len(site.asked) == 3


def test_words_must_all_be_there_and_an_infohash_finds_its_own(edition: Edition, wish: SearchWish) -> None:
    def hits(text: str) -> int:
        return len(search(replace(wish, text=text), edition, ignore).hits)

    assert (hits("training imagenet"), hits("dogs imagenet"), hits(TRAIN.infohash.upper()), hits("c" * 39)) == (
        1,
        0,
        1,
        0,
    )


def test_offline_needs_a_list_that_was_kept_and_takes_any_age(edition: Edition, site: Web, wish: SearchWish) -> None:
    with pytest.raises(UsageError, match="no list"):
        search(replace(wish, offline=True), edition, ignore)
    assert site.asked == []

    search(wish, edition, ignore)
    assert wish.cache
    age(wish.cache, 1e6)
    assert len(search(replace(wish, offline=True), edition, ignore).hits) == 2
    assert len(site.asked) == 1


@pytest.mark.parametrize("says", [answer(b"<html><title>Maintenance</title>"), answer(b"", "503 Busy"), b""])
def test_a_site_that_fails_leaves_the_old_list_and_is_told(
    edition: Edition, site: Web, wish: SearchWish, says: bytes
) -> None:
    search(wish, edition, ignore)
    site.says["/database.xml"] = says
    events: list[Event] = []

    assert len(search(replace(wish, refresh=True), edition, events.append).hits) == 2

    troubles = [event for event in events if isinstance(event, Trouble)]
    assert [trouble.kind for trouble in troubles] == ["site"] and "days old" in troubles[0].advice


def test_a_list_that_breaks_off_is_not_kept(edition: Edition, site: Web, wish: SearchWish) -> None:
    site.says["/database.xml"] = answer(RSS.encode()[:-30])
    with pytest.raises(TorrentRefused):
        search(wish, edition, ignore)
    site.says["/database.xml"] = answer(b"", "404 Not Found")
    with pytest.raises(HttpFailed):
        search(wish, edition, ignore)
    assert wish.cache and list(wish.cache.iterdir()) == []


def test_a_collection_is_a_list_of_its_own(edition: Edition, site: Web, wish: SearchWish) -> None:
    site.says["/collection/image%2Fnet.csv"] = answer(f"NAME,INFOHASH,SIZEBYTES\nImageNet,{'e' * 40},9\n".encode())

    found = search(replace(wish, collection="image/net"), edition, ignore)

    assert [(hit.entry.infohash, hit.entry.size_bytes) for hit in found.hits] == [("e" * 40, 9)]


def test_a_damaged_cache_is_read_anew_or_passed_over_by_line(edition: Edition, site: Web, wish: SearchWish) -> None:
    search(wish, edition, ignore)
    assert wish.cache
    [path] = wish.cache.iterdir()
    path.write_bytes(path.read_bytes() + b"nonsense\n\xff\t\t\t\n" + b"x" * 100_000)
    assert len(search(wish, edition, ignore).hits) == 2

    path.write_bytes(b"\0\0\0")
    assert len(search(wish, edition, ignore).hits) == 2
    assert len(site.asked) == 2


def test_an_edition_without_a_site_cannot_be_searched(edition: Edition, wish: SearchWish) -> None:
    with pytest.raises(UsageError, match="torrent site"):
        search(wish, replace(edition, torrent_site=""), ignore)


def test_a_list_of_the_future_is_no_fresh_one(edition: Edition, site: Web, wish: SearchWish) -> None:
    search(wish, edition, ignore)
    assert wish.cache
    age(wish.cache, -1e6)
    search(wish, edition, ignore)
    assert len(site.asked) == 2


def test_a_newer_form_is_no_list(tmp_path: Path) -> None:
    keep_catalogue(tmp_path / "list", CatalogueHead("http://a.example", 0.0, schema=99), [])

    assert read_head(tmp_path / "list") is None
