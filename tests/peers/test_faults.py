"""What goes wrong on the way ends in the same bytes, or in a trouble that has a name; nothing verified comes twice."""

from __future__ import annotations

import contextlib
import dataclasses
import json
import os
import random
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from kilotar.events import Trouble
from kilotar.model.fetching import PieceWish
from kilotar.model.profile import FIRST, ClientOptions, Profile
from tests.doubles.landings import FileLanding
from tests.need import need
from tests.peers.conftest import Join
from tests.peers.lab import OPTIONS, OURS, TRACKER, Archive, Lab, Peer, archive_of, until

MIB = 1 << 20
KILLS = 5
IN_FLIGHT_BYTES = 6 * MIB  # of a kill: blocks that had come of pieces that were not whole, or not written yet


def options_for(*peers: Peer, dht: bool = False) -> ClientOptions:
    return dataclasses.replace(OPTIONS, peers=tuple(peer.endpoint for peer in peers), dht=dht)


def kinds(told: list[Trouble]) -> set[str]:
    return {trouble.kind for trouble in told}


def bad_copy(archive: Archive, folder: Path, pieces: range) -> Archive:
    """Give the same archive with bytes turned over in some pieces of its file."""
    folder.mkdir()
    copy = dataclasses.replace(archive, folder=folder)
    data = bytearray(archive.data)
    for piece in pieces:
        data[archive.torrent.table.start(piece) + 1000] ^= 0xFF
    copy.file.write_bytes(data)
    copy.torrent_file.write_bytes(archive.torrent_file.read_bytes())
    return copy


@pytest.mark.slow
def test_a_peer_that_serves_wrong_blocks_is_shut_out_and_the_rest_comes_from_others(
    here: Lab, archive: Archive, join: Join, tmp_path: Path, told: list[Trouble]
) -> None:
    bad = here.seed(bad_copy(archive, tmp_path / "bad", range(0, archive.torrent.table.count, 2)))
    landing = FileLanding(archive.torrent.table, tmp_path)
    fetcher = join(archive, landing, options_for(bad))
    until("it is shut out", lambda: fetcher.facts().banned)
    until("the person hears of it", lambda: "bad-peer" in kinds(told))
    fetcher.close()
    good = here.seed(archive, rate_bytes_s=4 * MIB)

    fetcher = join(archive, landing, options_for(bad, good))
    assert landing.wait_for(timeout_s=30), fetcher.facts()
    assert landing.read() == archive.data


@pytest.mark.slow
def test_a_seed_that_goes_away_and_comes_back_is_found_again(
    here: Lab, archive: Archive, join: Join, tmp_path: Path
) -> None:
    seed = here.seed(archive, rate_bytes_s=2 * MIB)
    landing = FileLanding(archive.torrent.table, tmp_path)
    fetcher = join(archive, landing, options_for(seed))
    until("some pieces", lambda: len(landing.have) > 3)
    seed.stop()
    until("the peer is gone", lambda: not fetcher.facts().peers)
    before = len(landing.have)

    again = here.seed(archive, address=seed.address)
    assert landing.wait_for(timeout_s=40), fetcher.facts()
    missing = len(archive.data) - before * archive.torrent.table.piece_bytes
    assert again.sent_bytes() <= missing + archive.torrent.table.piece_bytes


@pytest.mark.slow
def test_killed_at_any_moment_it_goes_on_with_what_was_there(here: Lab, tmp_path: Path) -> None:
    archive = archive_of(tmp_path / "of", 64 * MIB + 5, piece_bytes=MIB)
    seed = here.seed(archive, rate_bytes_s=12 * MIB)
    folder = tmp_path / "ours"
    settings = {"torrent": str(archive.torrent_file), "folder": str(folder), "peers": [seed.endpoint], "address": OURS}
    words = [sys.executable, "-m", "tests.peers.downloader", json.dumps(settings)]
    dice = random.Random(3)
    found = 0
    for _ in range(KILLS):
        peer = here.start(words, OURS)
        assert peer.process.stdout
        found = _pieces(peer.process.stdout.readline())
        enough = min(found + dice.randint(1, 10), archive.torrent.table.count - 8)
        assert any(_pieces(line) >= enough for line in peer.process.stdout)
        peer.stop()

    last = here.start(words, OURS)
    said, _ = last.process.communicate(timeout=60)
    assert said.endswith("whole\n"), (here.folder / f"{KILLS + 1}.log").read_text()
    assert (folder / archive.file.name).read_bytes() == archive.data
    assert _pieces(said.splitlines()[0]) >= found
    assert seed.sent_bytes() <= len(archive.data) + KILLS * IN_FLIGHT_BYTES


def _pieces(line: str) -> int:
    """Give the number of pieces out of a line of the downloader; the last line, "whole", has none."""
    number = line.split()[-1]
    return int(number) if number.isdigit() else 0


@contextlib.contextmanager
def small_disk(folder: Path, size_bytes: int) -> Iterator[Path]:
    folder.mkdir()
    words = ["mount", "-t", "tmpfs", "-o", f"size={size_bytes}", "tmpfs", str(folder)]
    need("the right to mount a tmpfs", subprocess.run(words, capture_output=True).returncode == 0)
    try:
        yield folder
    finally:
        subprocess.run(["umount", "-l", str(folder)], check=True)


def test_a_full_disk_is_told_and_the_download_goes_on_when_there_is_room(
    here: Lab, join: Join, tmp_path: Path, told: list[Trouble]
) -> None:
    archive = archive_of(tmp_path / "of", 24 * MIB)
    seed = here.seed(archive)
    with small_disk(tmp_path / "small", 40 * MIB) as folder:
        (folder / "in-the-way").write_bytes(bytes(32 * MIB))
        landing = FileLanding(archive.torrent.table, folder)
        fetcher = join(archive, landing, options_for(seed))
        until("the disk is full", lambda: "disk-full" in kinds(told))
        assert fetcher.facts().is_upload_only
        (folder / "in-the-way").unlink()

        assert landing.wait_for(timeout_s=15), (fetcher.facts(), told)
        assert landing.read() == archive.data
        fetcher.close()
        landing.close()
    assert [trouble.kind for trouble in told].count("disk-full") == 1


def test_a_port_that_is_taken_is_told_and_another_is_used(
    here: Lab, archive: Archive, join: Join, tmp_path: Path, told: list[Trouble]
) -> None:
    seed = here.seed(archive)
    (tmp_path / "state").mkdir()
    (tmp_path / "state" / "port").write_text("23456")
    with contextlib.closing(socket.create_server((OURS, 23456))):
        landing = FileLanding(archive.torrent.table, tmp_path)
        fetcher = join(archive, landing, options_for(seed))

        assert landing.wait_for()
        assert told[0].kind == "port"
        assert told[0].where == "port 23456"
        assert not any(":23456/" in listening for listening in fetcher.facts().listening)


def test_the_port_is_free_again_for_the_next_profile(
    here: Lab, archive: Archive, join: Join, tmp_path: Path, told: list[Trouble]
) -> None:
    landing = FileLanding(archive.torrent.table, tmp_path)
    ports = set()
    for profile in (FIRST, Profile("TCP and µTP", utp=True)):
        fetcher = join(archive, landing, profile=profile)
        until("it listens", lambda fetcher=fetcher: fetcher.facts().listening)
        ports |= {listening.partition("/")[0] for listening in fetcher.facts().listening}
        join.swarms[-1].close()

    assert len(ports) == 1
    assert "port" not in kinds(told)


def test_no_tracker_that_answers_is_told_with_each_reason(
    here: Lab, archive: Archive, join: Join, tmp_path: Path, told: list[Trouble]
) -> None:
    fetcher = join(archive, FileLanding(archive.torrent.table, tmp_path))

    until("it is told", lambda: "tracker" in kinds(told))
    assert f"{TRACKER}:6969/announce: Connection refused" in told[0].seen
    assert [fact.failures for fact in fetcher.facts().trackers] >= [1]


def test_a_tracker_that_hangs_does_not_hold_up_the_end(here: Lab, archive: Archive, join: Join, tmp_path: Path) -> None:
    with contextlib.closing(socket.create_server((TRACKER, 6969))) as silent:
        asked = threading.Thread(target=silent.accept, daemon=True)
        asked.start()
        fetcher = join(archive, FileLanding(archive.torrent.table, tmp_path))
        asked.join(10)
        assert not asked.is_alive()
        began_s = time.monotonic()
        join.swarms[-1].close()

    assert time.monotonic() - began_s < 6
    assert fetcher.facts().received_bytes == 0


@pytest.mark.parametrize("content", [b"", b"\x00" * 10_000, b"d4:infoi1ee"])
def test_damaged_memories_of_the_last_run_cost_nothing(
    content: bytes, here: Lab, archive: Archive, join: Join, tmp_path: Path
) -> None:
    seed = here.seed(archive)
    (tmp_path / "state").mkdir()
    for name in ("port", "dht", f"{archive.torrent.table.infohash}.resume"):
        (tmp_path / "state" / name).write_bytes(content)
    landing = FileLanding(archive.torrent.table, tmp_path)
    fetcher = join(archive, landing, options_for(seed, dht=True))

    assert landing.wait_for(timeout_s=20), fetcher.facts()


def test_what_is_there_is_not_asked_for_and_what_is_not_wanted_neither(
    here: Lab, archive: Archive, join: Join, tmp_path: Path
) -> None:
    table = archive.torrent.table
    seed = here.seed(archive)
    landing = FileLanding(table, tmp_path, have=range(5))
    fetcher = join(archive, landing, options_for(seed), wish=PieceWish(urgent=(9,), wanted=(range(3, 7),)))

    assert landing.wait_for({5, 6, 9}), fetcher.facts()
    fetcher.want(PieceWish(wanted=(range(20, 22),)))
    assert landing.wait_for({20, 21}), fetcher.facts()
    assert landing.have == {*range(5), 5, 6, 9, 20, 21}
    assert seed.sent_bytes() == 5 * table.piece_bytes


@pytest.mark.slow
def test_a_piece_that_the_file_lost_is_fetched_again(
    here: Lab, archive: Archive, join: Join, tmp_path: Path, told: list[Trouble]
) -> None:
    table = archive.torrent.table
    seed = here.seed(archive)
    landing = FileLanding(table, tmp_path)
    fetcher = join(archive, landing, options_for(seed))
    assert landing.wait_for()
    with landing.path.open("r+b") as file:
        os.pwrite(file.fileno(), bytes(2 * table.piece_bytes), table.start(7))
    landing.forget({7, 8})
    fetcher.want(PieceWish(wanted=(range(table.count - 1),)))

    assert landing.wait_for(timeout_s=25), (fetcher.facts(), told)
    assert landing.read() == archive.data
    assert kinds(told) - {"tracker"} == {"piece-lost"}
    assert seed.sent_bytes() <= len(archive.data) + 2 * table.piece_bytes
