"""The whole way of an archive by an installed client: from what a killed run left to its final name."""

from __future__ import annotations

import signal
import threading
from pathlib import Path

import pytest

from kilotar.errors import ClientFailed
from kilotar.events import Event, Trouble
from kilotar.model.profile import ClientOptions
from kilotar.plan.ladder import Ladder
from kilotar.sources.aria2 import aria2
from kilotar.store.pieces import PieceFile, open_pieces
from kilotar.work.fleet import Ways
from kilotar.work.transfer import Transfer
from tests.need import need_tool
from tests.peers.clients import RATE, child
from tests.peers.lab import OURS, Archive, Lab, archive_of, until

OPTIONS = ClientOptions(interface=OURS, dht=False, lsd=False, upnp=False)


@pytest.fixture(scope="module")
def large(tmp_path_factory: pytest.TempPathFactory) -> Archive:
    """Give an archive of 16 MiB and a bit, in pieces of 1 MiB."""
    return archive_of(tmp_path_factory.mktemp("large") / "of", (16 << 20) + 777, 1 << 20)


def transfer_of(archive: Archive, pieces: PieceFile, folder: Path, told: list[Event]) -> Transfer:
    """Give the transfer of all of an archive by aria2."""
    need_tool("aria2c")
    ways = Ways(swarm=lambda profile, landing, tell: aria2(archive.torrent, landing, folder, tell, options=OPTIONS))
    transfer = Transfer(pieces, ways, Ladder(piece_bytes=archive.torrent.table.piece_bytes), told.append)
    transfer.want(0, archive.torrent.table.size_bytes)
    transfer.close_wants()
    return transfer


def test_what_a_killed_run_left_is_read_and_only_the_rest_is_fetched(here: Lab, large: Archive, tmp_path: Path) -> None:
    here.tracker(large)
    seed = here.seed(large)
    table = large.torrent.table
    left = bytearray(large.data[: 10 << 20])
    left[3 << 20 : (3 << 20) + 9] = b"not right"
    (tmp_path / "archive.tar.part").write_bytes(left)
    pieces = open_pieces(tmp_path, "archive.tar", tmp_path / "state", table)
    told: list[Event] = []

    assert transfer_of(large, pieces, tmp_path / "private", told).run(lambda start, stop: None)
    assert pieces.finish()
    pieces.close()
    assert (tmp_path / "archive.tar").read_bytes() == large.data
    assert sorted(path.name for path in tmp_path.iterdir()) == ["archive.tar", "lab", "state"]
    assert seed.sent_bytes() == table.size_bytes - 9 * table.piece_bytes
    assert [event for event in told if isinstance(event, Trouble)] == []


def test_a_client_that_dies_ends_the_run_and_what_came_is_kept(here: Lab, large: Archive, tmp_path: Path) -> None:
    here.tracker(large)
    here.seed(large, rate_bytes_s=RATE // 2)
    pieces = open_pieces(tmp_path, "archive.tar", tmp_path / "state", large.torrent.table)
    transfer = transfer_of(large, pieces, tmp_path / "private", [])
    failures: list[BaseException] = []

    def run() -> None:
        try:
            transfer.run(lambda start, stop: None)
        except ClientFailed as error:
            failures.append(error)

    thread = threading.Thread(target=run)
    thread.start()
    until("some pieces came", lambda: pieces.count > 2)
    child("aria2c").send_signal(signal.SIGKILL)
    thread.join(10)

    assert "signal 9" in str(failures[0])
    count = pieces.count
    pieces.close()
    again = open_pieces(tmp_path, "archive.tar", tmp_path / "state", large.torrent.table)
    assert again.count + len(again.suspects) >= count > 2
    again.close()
