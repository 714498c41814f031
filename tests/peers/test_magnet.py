"""The info dictionary comes out of the swarm, where the site of the .torrent cannot be reached."""

from __future__ import annotations

from pathlib import Path

from tests.doubles.landings import FileLanding
from tests.peers.conftest import Join
from tests.peers.lab import ANNOUNCE, Archive, Lab, archive_of


def test_a_seed_gives_the_info_of_its_torrent(here: Lab, archive: Archive, join: Join, tmp_path: Path) -> None:
    here.tracker(archive)
    here.seed(archive)
    other = archive_of(tmp_path / "other", 1000, seed=1)
    fetcher = join(other, FileLanding(other.torrent.table, tmp_path))
    swarm = join.swarms[-1]

    assert swarm.metadata(archive.torrent.table.infohash, 10, (ANNOUNCE,)) == archive.torrent.info
    assert swarm.metadata(other.torrent.table.infohash, 0) == other.torrent.info
    assert fetcher.facts().received_bytes == 0


def test_what_nobody_has_is_nothing_after_the_time_that_was_given(
    here: Lab, archive: Archive, join: Join, tmp_path: Path
) -> None:
    here.tracker(archive)
    join(archive, FileLanding(archive.torrent.table, tmp_path))

    assert join.swarms[-1].metadata("ab" * 20, 0.5, (ANNOUNCE,)) is None
