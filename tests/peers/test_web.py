"""Archives come from a real web server: by several connections, over a bad line, and through its restart."""

from __future__ import annotations

import re
import subprocess
import threading
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from kilotar.events import Trouble
from kilotar.model.fetching import PieceWish
from kilotar.sources.http import HttpFetcher, HttpOptions, probe
from tests.doubles.landings import FileLanding
from tests.need import need_tool
from tests.peers.lab import Archive, Lab, Peer, until

OPTIONS = HttpOptions(proxy="", allow_private=True, timeout_s=20.0)


@pytest.fixture
def nginx(here: Lab, archive: Archive) -> Peer:
    return here.nginx(archive.folder)


@pytest.fixture
def landing(archive: Archive, tmp_path: Path) -> Iterator[FileLanding]:
    made = FileLanding(archive.torrent.table, tmp_path)
    yield made
    made.close()


@pytest.fixture
def fetcher(nginx: Peer, archive: Archive, landing: FileLanding, told: list[Trouble]) -> Iterator[HttpFetcher]:
    made = HttpFetcher(f"http://{nginx.address}/{archive.file.name}", landing, OPTIONS, told.append)
    yield made
    made.close()


def restart(here: Lab, nginx: Peer) -> None:
    words = [str(word) for word in nginx.process.args]  # type: ignore[union-attr]
    here.start(words, nginx.address)


def answers_in(here: Lab, nginx: Peer) -> list[str]:
    log = (here.folder / f"nginx-{nginx.address}" / "access.log").read_text(encoding="utf-8")
    return re.findall(r'" (\d{3}) ', log)


def test_nginx_tells_what_it_has(nginx: Peer, archive: Archive) -> None:
    found = probe(f"http://{nginx.address}/{archive.file.name}", OPTIONS)
    assert (found.size_bytes, found.has_ranges) == (len(archive.data), True)
    assert found.etag


def test_an_archive_comes_whole_from_nginx(
    here: Lab, nginx: Peer, fetcher: HttpFetcher, archive: Archive, landing: FileLanding
) -> None:
    table = archive.torrent.table
    fetcher.want(PieceWish(urgent=(table.count - 1,), wanted=(range(table.count),)))
    assert landing.wait_for()
    assert landing.read() == archive.data
    assert landing.calls[0].piece == table.count - 1
    facts = fetcher.facts()
    fetcher.close()
    assert (facts.received_bytes, facts.wasted_bytes) == (len(archive.data), 0)
    assert set(answers_in(here, nginx)) == {"206"}


def test_nginx_may_be_restarted_midway(
    here: Lab, nginx: Peer, fetcher: HttpFetcher, archive: Archive, landing: FileLanding, told: list[Trouble]
) -> None:
    half = archive.torrent.table.count // 2
    fetcher.want(PieceWish(wanted=(range(half),)))
    assert landing.wait_for(range(half))
    nginx.process.terminate()
    nginx.process.wait()
    fetcher.want(PieceWish(wanted=(range(archive.torrent.table.count),)))
    until("the second failure", lambda: fetcher.facts().failures >= 2)
    assert "Connection refused" in told[0].seen
    restart(here, nginx)
    assert landing.wait_for()
    assert landing.read() == archive.data
    facts = fetcher.facts()
    assert (facts.failures, facts.error, facts.wasted_bytes) == (0, "", 0)


def test_closing_does_not_wait_for_a_server_that_does_not_answer(
    here: Lab, nginx: Peer, fetcher: HttpFetcher, archive: Archive
) -> None:
    here.take_down(nginx.address)
    fetcher.want(PieceWish(wanted=(range(archive.torrent.table.count),)))
    until("a connection is begun", lambda: fetcher.facts().requests)
    began_s = time.monotonic()
    fetcher.close(grace_s=10.0)
    assert time.monotonic() - began_s < 5.0
    assert not [thread for thread in threading.enumerate() if thread.name.startswith("http ")]


@pytest.mark.slow
def test_an_archive_comes_over_a_line_that_loses_every_fifth_packet(
    here: Lab, nginx: Peer, fetcher: HttpFetcher, archive: Archive, landing: FileLanding
) -> None:
    subprocess.run([need_tool("ip"), "link", "set", "lo", "mtu", "1500"], check=True)
    here.filter(f"INPUT -s {nginx.address} -m statistic --mode random --probability 0.2 -j DROP")
    fetcher.want(PieceWish(wanted=(range(2),)))
    assert landing.wait_for(range(2), timeout_s=120), fetcher.facts()
    assert not landing.bad
