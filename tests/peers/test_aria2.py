"""An installed aria2c fetches from a real seed: all of it, only what is missing, and what is told when it ends."""

from __future__ import annotations

import os
import signal
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import psutil
import pytest

from kilotar.errors import ClientFailed, DiskFull, MissingExtra, UsageError
from kilotar.events import Trouble
from kilotar.model.fetching import PieceWish
from kilotar.model.profile import ClientOptions
from kilotar.sources.aria2 import aria2
from kilotar.sources.external import External
from tests.doubles.landings import FileLanding
from tests.need import need_tool
from tests.peers.clients import RATE, all_of, child, landing_of, small_disk
from tests.peers.conftest import Join
from tests.peers.lab import OURS, Archive, Lab, archive_of, until

OPTIONS = ClientOptions(interface=OURS, dht=False, lsd=False, upnp=False)
Hand = Callable[..., External]


@pytest.fixture(scope="module")
def large(tmp_path_factory: pytest.TempPathFactory) -> Archive:
    """Give an archive of 32 MiB and a bit, in pieces of 1 MiB."""
    return archive_of(tmp_path_factory.mktemp("large") / "of", (32 << 20) + 777, 1 << 20)


@pytest.fixture
def hand(here: Lab, large: Archive, tmp_path: Path, told: list[Trouble]) -> Iterator[Hand]:
    """Give a function that hands the transfer to aria2, in the lab with a tracker; it wants all."""
    need_tool("aria2c")
    here.tracker(large)
    fetchers: list[External] = []

    def _hand(landing: FileLanding, wish: PieceWish | None = None) -> External:
        fetcher = aria2(large.torrent, landing, tmp_path / "private", told.append, options=OPTIONS)
        fetchers.append(fetcher)
        fetcher.want(wish or all_of(landing))
        return fetcher

    yield _hand
    for fetcher in fetchers:
        fetcher.close()


def test_a_whole_archive_comes_through_aria2(
    hand: Hand, here: Lab, large: Archive, told: list[Trouble], tmp_path: Path
) -> None:
    here.seed(large)
    landing = landing_of(large, tmp_path / "archives")
    fetcher = hand(landing)

    assert landing.wait_for(), fetcher.facts()
    facts = fetcher.facts()
    fetcher.close()

    assert landing.read() == large.data
    assert landing.sources == {"aria2": landing.table.count}
    assert facts.client.startswith("aria2 1.")
    assert facts.received_bytes == landing.table.size_bytes
    assert told == []
    assert os.listdir(tmp_path / "archives") == ["archive.tar.part"]
    assert not (tmp_path / "private").exists()


def test_what_was_verified_before_is_not_fetched_again(hand: Hand, here: Lab, large: Archive, tmp_path: Path) -> None:
    seed = here.seed(large)
    landing = landing_of(large, tmp_path, have=range(5, 25))
    hand(landing)

    assert landing.wait_for()
    assert landing.read() == large.data
    assert seed.sent_bytes() == large.torrent.table.size_bytes - 20 * large.torrent.table.piece_bytes


def test_aria2_that_is_killed_is_told_and_the_built_in_client_goes_on(
    hand: Hand, here: Lab, large: Archive, join: Join, told: list[Trouble], tmp_path: Path
) -> None:
    seed = here.seed(large, rate_bytes_s=RATE)
    landing = landing_of(large, tmp_path)
    fetcher = hand(landing)
    until("some pieces came", lambda: len(landing.have) > 3)

    child("aria2c").send_signal(signal.SIGKILL)
    until("it was told", lambda: told)
    fetcher.close()
    assert isinstance(fetcher.failure, ClientFailed)
    assert "signal 9" in str(fetcher.failure)
    assert [trouble.kind for trouble in told] == ["client"]
    kept = landing.have
    assert 3 < len(kept) < landing.table.count

    calls = len(landing.calls)
    join(large, landing)
    assert landing.wait_for()
    assert landing.read() == large.data
    assert not kept & {call.piece for call in landing.calls[calls:]}
    assert seed.sent_bytes() < large.torrent.table.size_bytes + (4 << 20)  # what aria2 held of unfinished pieces


def test_aria2_ends_soon_after_a_process_that_was_killed(here: Lab, large: Archive, tmp_path: Path) -> None:
    need_tool("aria2c")
    here.tracker(large)
    here.seed(large, rate_bytes_s=1 << 20)
    owner = here.start([sys.executable, "-c", _OWNER, str(large.torrent_file), str(tmp_path), OURS])
    assert owner.process.stdout
    assert owner.process.stdout.readline() == "some\n"
    orphan = child("aria2c", psutil.Process(owner.process.pid))

    owner.process.send_signal(signal.SIGKILL)
    owner.process.wait()

    until("it has ended", lambda: not orphan.is_running() or orphan.status() == psutil.STATUS_ZOMBIE)


_OWNER = """
import sys, time
from pathlib import Path
from kilotar.model.fetching import PieceWish
from kilotar.model.profile import ClientOptions
from kilotar.parse.torrent import parse_torrent
from kilotar.sources.aria2 import aria2
from tests.doubles.landings import FileLanding
torrent = parse_torrent(Path(sys.argv[1]).read_bytes(), infohash="", allow_private=True)
landing = FileLanding(torrent.table, Path(sys.argv[2]))
fetcher = aria2(torrent, landing, Path(sys.argv[2]) / "private", print,
                options=ClientOptions(interface=sys.argv[3], dht=False, lsd=False))
fetcher.want(PieceWish(wanted=(range(torrent.table.count),)))
while not landing.have:
    time.sleep(0.05)
print("some", flush=True)
time.sleep(60)
"""


def test_closing_aria2_midway_leaves_nothing_but_the_file(
    hand: Hand, here: Lab, large: Archive, told: list[Trouble], tmp_path: Path
) -> None:
    here.seed(large, rate_bytes_s=RATE)
    landing = landing_of(large, tmp_path / "archives")
    fetcher = hand(landing)
    until("some pieces came", lambda: len(landing.have) > 3)
    running = child("aria2c")

    fetcher.close()
    calls = len(landing.calls)

    assert not running.is_running()
    assert os.listdir(tmp_path / "archives") == ["archive.tar.part"]
    assert not (tmp_path / "private").exists()
    assert told == []
    assert fetcher.failure is None
    assert len(landing.calls) == calls


def test_a_full_disk_is_told_by_its_name(
    hand: Hand, here: Lab, large: Archive, told: list[Trouble], tmp_path: Path
) -> None:
    here.seed(large)
    with small_disk(tmp_path / "disk", "8m") as folder:
        landing = landing_of(large, folder)
        fetcher = hand(landing)

        until("it was told", lambda: told)
        fetcher.close()
        landing.close()
    assert told[0].kind == "disk-full"
    assert isinstance(fetcher.failure, DiskFull)


def test_a_part_of_an_archive_is_refused_before_anything_runs(
    hand: Hand, here: Lab, large: Archive, told: list[Trouble], tmp_path: Path
) -> None:
    seed = here.seed(large)
    fetcher = hand(landing_of(large, tmp_path), wish=PieceWish(urgent=(0,), wanted=(range(5, 9),)))

    until("it was told", lambda: told)
    assert "whole archives only" in told[0].seen
    assert "built-in client" in told[0].advice
    assert isinstance(fetcher.failure, ClientFailed)
    assert seed.sent_bytes() == 0
    assert not (tmp_path / "private").exists()


def test_nothing_wanted_pauses_aria2_until_it_is_wanted_again(
    hand: Hand, here: Lab, large: Archive, tmp_path: Path
) -> None:
    here.seed(large, rate_bytes_s=RATE)
    landing = landing_of(large, tmp_path)
    fetcher = hand(landing)
    until("some pieces came", lambda: len(landing.have) > 1)

    fetcher.want(PieceWish())
    until("it pauses", lambda: "paused" in fetcher.facts().state)
    assert len(landing.have) < landing.table.count

    fetcher.want(all_of(landing))
    assert landing.wait_for()
    assert fetcher.failure is None


def test_a_foreign_answer_from_the_port_of_the_remote_control_is_refused(tmp_path: Path) -> None:
    """What stands where aria2c should be runs, and answers nothing that aria2 would."""
    fake = tmp_path / "aria2c"
    fake.write_text(f"#!{sys.executable}\n{_FAKE}")
    fake.chmod(0o755)
    archive = archive_of(tmp_path / "of", 1 << 20)
    told: list[Trouble] = []
    landing = landing_of(archive, tmp_path / "archives")
    fetcher = aria2(archive.torrent, landing, tmp_path / "private", told.append, program=str(fake))
    fetcher.want(PieceWish(wanted=(range(4),)))

    until("it was told", lambda: told)
    fetcher.close()
    assert told[0].kind == "client"
    assert "I am no aria2" in told[0].seen
    assert landing.have == frozenset()


_FAKE = """
import sys
print("aria2 version 1.0.0 BitTorrent", flush=True)
if "--version" not in sys.argv:
    sys.exit("I am no aria2")
"""


def test_a_missing_aria2_is_told_with_the_line_that_installs_it(tmp_path: Path) -> None:
    archive = archive_of(tmp_path / "of", 1 << 20)
    with pytest.raises(MissingExtra) as caught:
        aria2(archive.torrent, landing_of(archive, tmp_path), tmp_path, print, program="aria2c-that-is-not-there")

    assert "apt install aria2" in caught.value.fix


@pytest.mark.parametrize("options", [ClientOptions(peers=("10.0.0.1:1",)), ClientOptions(proxy="socks5://h:1")])
def test_what_aria2_cannot_be_told_is_refused(options: ClientOptions, tmp_path: Path) -> None:
    need_tool("aria2c")
    archive = archive_of(tmp_path / "of", 1 << 20)
    with pytest.raises(UsageError):
        aria2(archive.torrent, landing_of(archive, tmp_path), tmp_path, print, options=options)
