"""Who is asked, and what is said to whom: a log-in is for the server that it was given for."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import closing
from dataclasses import replace
from pathlib import Path

import pytest

from kilotar.editions.load import load_edition
from kilotar.events import ignore
from kilotar.model.fetching import PieceWish
from kilotar.parse.torrent import make_torrent, write_torrent
from kilotar.sources.http import HttpOptions
from kilotar.store.pieces import open_pieces
from kilotar.store.workspace import Workspace
from kilotar.work.fleet import Ways
from kilotar.work.request import Fetching
from kilotar.work.ways import find_metadata, ways_to
from tests.doubles.landings import payload, table_of
from tests.doubles.webs import Web, answer, web

LOGIN = HttpOptions(proxy="", allow_private=True, cookie="session=1", headers=(("X-Token", "t0ken"),))
SECRETS = ("cookie: session=1", "x-token: t0ken")
TABLE = table_of(payload(40_000, 0), 16 << 10)
ABOUT = replace(load_edition("ilsvrc2012").archives[0], name=TABLE.name, size_bytes=TABLE.size_bytes)


@pytest.fixture
def server() -> Iterator[Web]:
    with web() as made:
        yield made


def head_of(server: Web, ways: Ways, folder: Path) -> str:
    """Have the first server of an archive asked for a piece; give what it was told."""
    (url, make), *_ = ways.servers.items()
    server.says[url.removeprefix(server.url)] = lambda connection, path: server.ended.set()
    with closing(open_pieces(folder / "archives", TABLE.name, folder / "state", TABLE)) as pieces:
        fetcher = make(pieces, ignore)
        fetcher.want(PieceWish(wanted=(range(1),)))
        assert server.ended.wait(10)
        fetcher.close()
    return server.heads[0].lower()


@pytest.mark.parametrize("has_address", [True, False])
def test_a_log_in_is_not_for_the_web_seeds_of_a_torrent(server: Web, tmp_path: Path, has_address: bool) -> None:
    about = replace(ABOUT, urls=(f"{server.url}/own",) if has_address else ())
    torrent = make_torrent(TABLE, (), (f"{server.url}/seed",))

    head = head_of(server, ways_to(about, torrent, Fetching(http=LOGIN), Workspace(tmp_path)), tmp_path)

    assert head.startswith("get /seed ")
    assert not any(word in head for word in SECRETS)


def test_a_log_in_is_for_the_address_that_a_person_names(server: Web, tmp_path: Path) -> None:
    fetching = Fetching(http=LOGIN, urls=(f"{server.url}/named/",))

    head = head_of(server, ways_to(ABOUT, make_torrent(TABLE), fetching, Workspace(tmp_path)), tmp_path)

    assert head.startswith(f"get /named/{TABLE.name} ")
    assert all(word in head for word in SECRETS)


def test_a_log_in_is_for_the_editions_address_where_no_other_is_named(server: Web, tmp_path: Path) -> None:
    about = replace(ABOUT, urls=(f"{server.url}/own",))

    head = head_of(server, ways_to(about, None, Fetching(way="http", http=LOGIN), Workspace(tmp_path)), tmp_path)

    assert all(word in head for word in SECRETS)


def test_a_log_in_is_not_for_the_site_of_the_torrent(server: Web, tmp_path: Path) -> None:
    torrent = make_torrent(TABLE)
    infohash = torrent.table.infohash
    server.says[f"/download/{infohash}.torrent"] = answer(write_torrent(torrent))
    edition = replace(load_edition("ilsvrc2012"), torrent_site=server.url, trackers=())

    found = find_metadata(
        replace(ABOUT, infohash=infohash), edition, Fetching(http=LOGIN, way="http"), Workspace(tmp_path), ignore
    )

    assert found is not None
    assert not any(word in server.heads[0].lower() for word in SECRETS)
