"""Archives come from the clients that people seed with: each alone, and all together."""

from __future__ import annotations

import time
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.doubles.landings import FileLanding
from tests.peers.conftest import Join
from tests.peers.lab import Archive, Lab, Peer

FIRST_BYTE_S = 15.0
SEEDS: dict[str, Callable[[Lab, Archive], Peer]] = {
    "libtorrent": lambda here, archive: here.seed(archive),
    "aria2": lambda here, archive: here.aria2(archive, archive.folder),
    "transmission": lambda here, archive: here.transmission(archive, archive.folder),
}


@pytest.mark.parametrize("client", ["libtorrent", "aria2", pytest.param("transmission", marks=pytest.mark.slow)])
def test_an_archive_comes_whole_from_one_seed(
    client: str, here: Lab, archive: Archive, join: Join, tmp_path: Path
) -> None:
    here.tracker(archive)
    SEEDS[client](here, archive)
    landing = FileLanding(archive.torrent.table, tmp_path)
    began_s = time.monotonic()
    fetcher = join(archive, landing)

    while not landing.have and time.monotonic() - began_s < FIRST_BYTE_S:
        time.sleep(0.02)
    assert landing.have, fetcher.facts()
    assert landing.wait_for(timeout_s=60), fetcher.facts()
    assert landing.read() == archive.data
    assert landing.sources.keys() == {"peers"}


@pytest.mark.slow
def test_an_archive_comes_whole_from_all_clients_at_once(
    here: Lab, archive: Archive, join: Join, tmp_path: Path
) -> None:
    here.tracker(archive)
    SEEDS["transmission"](here, archive)
    SEEDS["aria2"](here, archive)
    ours = here.seed(archive, rate_bytes_s=256 << 10)
    landing = FileLanding(archive.torrent.table, tmp_path)
    fetcher = join(archive, landing)

    assert landing.wait_for(timeout_s=60), fetcher.facts()
    assert landing.read() == archive.data
    assert 0 < ours.sent_bytes() < len(archive.data)
