"""Small archives over the web: the published bytes under the final name, or nothing there."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from kilotar.errors import DigestMismatch, HttpFailed
from kilotar.events import Event, Trouble, ignore
from kilotar.model.edition import Archive, ArchiveRole
from kilotar.sources.http.options import HttpOptions
from kilotar.work.extras import fetch_extra
from tests.doubles.webs import Web, answer, web

DATA = bytes(range(256)) * 5000
HERE = HttpOptions(allow_private=True, proxy="")


@pytest.fixture
def server() -> Iterator[Web]:
    with web() as server:
        server.says["/good"] = answer(DATA)
        server.says["/login"] = answer(b"<html><title>Log in</title>")
        yield server


@pytest.fixture
def about(server: Web) -> Archive:
    digest = hashlib.md5(DATA).hexdigest()
    return Archive("boxes.tar.gz", ArchiveRole.BOXES, size_bytes=len(DATA), md5=digest, urls=(f"{server.url}/good",))


def test_it_is_fetched_once(server: Web, about: Archive, tmp_path: Path) -> None:
    path = fetch_extra(about, tmp_path / "archives", HERE, ignore)
    assert path.read_bytes() == DATA

    assert fetch_extra(about, tmp_path / "archives", HERE, ignore) == path
    assert server.asked == ["/good"]


def test_another_address_is_tried_and_the_failure_of_the_first_is_told(
    server: Web, about: Archive, tmp_path: Path
) -> None:
    events: list[Event] = []
    both = replace(about, urls=(f"{server.url}/login", *about.urls))

    fetch_extra(both, tmp_path, HERE, events.append)

    assert ["Log in" in event.seen for event in events if isinstance(event, Trouble)] == [True]


@pytest.mark.parametrize(
    ("path", "kind", "words"),
    [("/login", HttpFailed, "Log in"), ("/other", DigestMismatch, "published"), ("/none", HttpFailed, "404")],
)
def test_what_is_not_the_published_file_is_not_kept(
    server: Web, about: Archive, tmp_path: Path, path: str, kind: type[Exception], words: str
) -> None:
    server.says["/other"] = answer(DATA[:-1])
    with pytest.raises(kind, match=words):
        fetch_extra(replace(about, urls=(server.url + path,)), tmp_path, HERE, ignore)
    assert list(tmp_path.iterdir()) == []


def test_it_is_taken_as_it_is_where_that_was_asked_for(server: Web, about: Archive, tmp_path: Path) -> None:
    path = fetch_extra(replace(about, md5="0" * 32), tmp_path, HERE, ignore, unverified=True)

    assert path.read_bytes() == DATA


def test_an_archive_without_an_address_says_so(about: Archive, tmp_path: Path) -> None:
    with pytest.raises(HttpFailed, match="no address"):
        fetch_extra(replace(about, urls=()), tmp_path, HERE, ignore)
