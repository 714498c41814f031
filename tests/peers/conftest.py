"""Fixtures of the tests with real peers."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

import pytest

from kilotar.events import Trouble
from kilotar.model.fetching import Landing, PieceWish, Tell
from kilotar.model.profile import ClientOptions, Profile
from kilotar.sources.torrent import Swarm, SwarmFetcher
from tests.need import need_module
from tests.peers.lab import OPTIONS, Archive, Lab, archive_of, lab

MIB = 1 << 20


@pytest.fixture
def here(tmp_path: Path) -> Iterator[Lab]:
    """Be in a network of one's own."""
    need_module("libtorrent")
    (tmp_path / "lab").mkdir()
    with lab(tmp_path / "lab") as made:
        yield made


@pytest.fixture(scope="session")
def archive(tmp_path_factory: pytest.TempPathFactory) -> Archive:
    """Give an archive of 6 MiB and a bit, in pieces of 256 KiB.

    From 8 MiB on, Transmission 3.00 as the only seed keeps the last block back for 10 s: its queue takes 512 requests,
    it says so, and loses the 512th.
    """
    return archive_of(tmp_path_factory.mktemp("archive") / "of", 6 * MIB + 12_345)


@pytest.fixture
def told() -> list[Trouble]:
    """Collect what the swarm tells."""
    return []


class Join:
    """Joins swarms with sessions of ours, each with its own; all are closed at the end."""

    def __init__(self, folder: Path, tell: Tell) -> None:
        self.swarms: list[Swarm] = []
        self._folder, self._tell = folder, tell

    def __call__(
        self,
        archive: Archive,
        landing: Landing,
        options: ClientOptions = OPTIONS,
        profile: Profile | None = None,
        wish: PieceWish | None = None,
    ) -> SwarmFetcher:
        """Give the fetcher of an archive, of which all is wanted if not told otherwise."""
        self.swarms.append(Swarm(options, profile or Profile(), self._folder, self._tell))
        fetcher = self.swarms[-1].add(archive.torrent, landing)
        fetcher.want(PieceWish(wanted=(range(archive.torrent.table.count),)) if wish is None else wish)
        return fetcher


@pytest.fixture
def join(here: Lab, tmp_path: Path, told: list[Trouble]) -> Iterator[Join]:
    """Give what joins swarms in the network of the test."""
    made = Join(tmp_path / "state", told.append)
    yield made
    for swarm in made.swarms:
        swarm.close()


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Leave the slow ones of this folder to where everything is required, or to who names them with -m."""
    if os.environ.get("KILOTAR_REQUIRE_ALL") == "1" or config.option.markexpr:
        return
    slow = [item for item in items if "peers" in item.path.parts and item.get_closest_marker("slow")]
    if slow:
        items[:] = [item for item in items if item not in slow]
        config.hook.pytest_deselected(items=slow)
