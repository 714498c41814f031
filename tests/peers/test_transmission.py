"""A Transmission daemon fetches from a real seed: all of it, only what is missing, and what is told when it cannot."""

from __future__ import annotations

import contextlib
import json
import os
import shutil
import signal
import socket
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
import requests

from kilotar.errors import AccessDenied, ClientFailed
from kilotar.events import Trouble
from kilotar.model.fetching import PieceWish
from kilotar.model.profile import ClientOptions
from kilotar.sources.external import External
from kilotar.sources.transmission import transmission
from tests.doubles.landings import FileLanding
from tests.need import need_tool
from tests.peers.clients import all_of, landing_of
from tests.peers.conftest import Join
from tests.peers.lab import PORT, Archive, Lab, Peer, archive_of, until

Hand = Callable[..., External]
PASSWORD = "p@ss"
URL = "http://127.0.0.1:9091/transmission/rpc"


@pytest.fixture(scope="module")
def large(tmp_path_factory: pytest.TempPathFactory) -> Archive:
    """Give an archive of 32 MiB and a bit, in pieces of 1 MiB."""
    return archive_of(tmp_path_factory.mktemp("large") / "of", (32 << 20) + 777, 1 << 20)


@pytest.fixture
def daemon(here: Lab, large: Archive, request: pytest.FixtureRequest) -> Iterator[Peer]:
    """Start a daemon that names unfinished files as it does by default, in a lab with a tracker.

    Its parameter is a prefix of the command.
    """
    here.tracker(large)
    address = "10.77.0.17"
    home = Path(tempfile.mkdtemp())  # where another user gets as well
    home.chmod(0o777)
    settings = {
        "bind-address-ipv4": address,
        "peer-port": PORT,
        "rpc-bind-address": "127.0.0.1",
        "rpc-authentication-required": True,
        "rpc-username": "ann",
        "rpc-password": PASSWORD,
        "incomplete-dir": str(home / "incomplete"),
        "incomplete-dir-enabled": True,
        "rename-partial-files": True,
        "utp-enabled": False,
        "dht-enabled": False,
        "port-forwarding-enabled": False,
    }
    (home / "settings.json").write_text(json.dumps(settings))
    (home / "settings.json").chmod(0o666)
    words = [*getattr(request, "param", ()), need_tool("transmission-daemon"), "-f", "-g", str(home)]
    peer = here.start(words, address)
    until("the daemon listens", listens)
    yield peer
    peer.stop()
    shutil.rmtree(home)


def listens() -> bool:
    with contextlib.closing(socket.socket()) as probe:
        return probe.connect_ex(("127.0.0.1", 9091)) == 0


@pytest.fixture
def hand(daemon: Peer, large: Archive, told: list[Trouble]) -> Iterator[Hand]:
    """Give a function that hands the transfer to the daemon; it wants all."""
    fetchers: list[External] = []

    def _hand(landing: FileLanding, wish: PieceWish | None = None, **more: Any) -> External:
        words = {"user": "ann", "password": PASSWORD, "patience_s": 1.0, **more}
        fetcher = transmission(large.torrent, landing, told.append, **words)
        fetchers.append(fetcher)
        fetcher.want(wish or all_of(landing))
        return fetcher

    yield _hand
    for fetcher in fetchers:
        fetcher.close()


def call(method: str, **arguments: Any) -> dict[str, Any]:
    """Ask the daemon, past the code that is tested."""
    session = requests.Session()
    session.auth = ("ann", PASSWORD)
    for _ in range(2):
        answer = session.post(URL, json={"method": method, "arguments": arguments}, timeout=10)
        session.headers["X-Transmission-Session-Id"] = answer.headers.get("X-Transmission-Session-Id", "")
        if answer.status_code == 200:
            return dict(answer.json()["arguments"])
    raise AssertionError(f"{answer.status_code} to {method}")


def torrents(*fields: str) -> list[dict[str, Any]]:
    """Give what the daemon has."""
    return list(call("torrent-get", fields=["status", "name", *fields])["torrents"])


def landed(landing: FileLanding, fetcher: External, timeout_s: float = 20.0) -> bool:
    """Wait until all has landed; False at once where the fetcher has failed."""
    return bool(until("it landed", lambda: landing.wait_for(timeout_s=0) or fetcher.failure, timeout_s)) and (
        fetcher.failure is None
    )


@pytest.mark.slow  # a Transmission asks for nothing in its first ten seconds
def test_only_what_is_missing_comes_through_the_daemon_which_forgets_it_then(
    hand: Hand, here: Lab, large: Archive, told: list[Trouble], tmp_path: Path
) -> None:
    seed = here.seed(large)
    landing = landing_of(large, tmp_path / "archives", have=range(5, 25))
    fetcher = hand(landing)

    assert landed(landing, fetcher, 40)
    until("it stops", lambda: fetcher.facts().state == "stopped")
    facts = fetcher.facts()
    fetcher.close()

    assert seed.sent_bytes() == large.torrent.table.size_bytes - 20 * large.torrent.table.piece_bytes
    assert landing.read() == large.data
    assert landing.sources == {"before": 20, "transmission": landing.table.count - 20}
    assert facts.client.startswith("Transmission ")
    assert [tracker.answered for tracker in facts.trackers] == [True]
    assert told == []
    assert os.listdir(tmp_path / "archives") == ["archive.tar.part"]
    assert torrents() == []


def test_a_daemon_that_is_killed_is_told_and_the_built_in_client_goes_on(
    hand: Hand, here: Lab, daemon: Peer, large: Archive, join: Join, told: list[Trouble], tmp_path: Path
) -> None:
    seed = here.seed(large)
    landing = landing_of(large, tmp_path, have=range(20))
    fetcher = hand(landing)
    until("it downloads", lambda: fetcher.facts().state == "downloading")

    daemon.process.send_signal(signal.SIGKILL)
    until("it was told", lambda: told)
    fetcher.close()
    assert [trouble.kind for trouble in told] == ["client"]
    assert "does not answer" in told[0].seen
    assert "Connection refused" in told[0].seen
    assert isinstance(fetcher.failure, ClientFailed)

    join(large, landing)
    assert landing.wait_for()
    assert landing.read() == large.data
    assert seed.sent_bytes() == large.torrent.table.size_bytes - 20 * large.torrent.table.piece_bytes


@pytest.mark.slow
@pytest.mark.parametrize(
    "daemon", [("setpriv", "--reuid=65534", "--regid=65534", "--clear-groups")], indirect=True, ids=["nobody"]
)
def test_a_daemon_of_another_user_that_may_not_write_is_told_as_such(
    hand: Hand, here: Lab, large: Archive, told: list[Trouble]
) -> None:
    here.seed(large)
    with tempfile.TemporaryDirectory() as seen_by_all:
        Path(seen_by_all).chmod(0o755)
        landing = landing_of(large, Path(seen_by_all))
        fetcher = hand(landing)

        until("it was told", lambda: told, 30)
        fetcher.close()
    assert told[0].kind == "storage"
    assert "runs as another user" in told[0].seen
    assert isinstance(fetcher.failure, AccessDenied)


def test_closing_midway_takes_the_torrent_out_and_leaves_the_file(
    hand: Hand, here: Lab, large: Archive, told: list[Trouble], tmp_path: Path
) -> None:
    here.seed(large)
    landing = landing_of(large, tmp_path / "archives", have=range(3))
    fetcher = hand(landing)
    until("it downloads", lambda: fetcher.facts().state == "downloading")

    fetcher.close()
    assert torrents() == []
    assert told == []
    assert os.listdir(tmp_path / "archives") == ["archive.tar.part"]
    assert landing.read()[: 3 << 20] == large.data[: 3 << 20]


def test_a_torrent_that_somebody_else_gave_the_daemon_is_left_alone(
    hand: Hand, large: Archive, told: list[Trouble], tmp_path: Path
) -> None:
    call("torrent-add", filename=str(large.torrent_file), **{"download-dir": str(large.folder), "paused": True})
    fetcher = hand(landing_of(large, tmp_path))

    until("it was told", lambda: told)
    fetcher.close()
    assert "not from us" in told[0].seen
    assert "kilotar adopt" in told[0].advice
    assert len(torrents()) == 1


def test_the_torrent_of_a_run_that_was_killed_is_taken_over(
    hand: Hand, large: Archive, told: list[Trouble], tmp_path: Path
) -> None:
    landing = landing_of(large, tmp_path, have=range(3))
    hand(landing)
    until("it downloads", lambda: [one for one in torrents() if one["status"] == 4])
    second = hand(landing)

    until("it downloads", lambda: second.facts().state == "downloading")
    assert len(torrents()) == 1
    assert told == []


def test_nothing_wanted_pauses_the_torrent(hand: Hand, large: Archive, tmp_path: Path) -> None:
    landing = landing_of(large, tmp_path)
    fetcher = hand(landing)
    until("it downloads", lambda: fetcher.facts().state == "downloading")

    fetcher.want(PieceWish())
    until("it pauses", lambda: fetcher.facts().state == "stopped")
    fetcher.want(all_of(landing))
    until("it goes on", lambda: fetcher.facts().state == "downloading")


def test_limits_are_the_torrents_and_not_the_daemons(hand: Hand, large: Archive, tmp_path: Path) -> None:
    options = ClientOptions(download_limit_bytes_s=2_000_500, no_upload=True, trackers=("http://10.77.0.1:7/announce",))
    fetcher = hand(landing_of(large, tmp_path), options=options)
    until("it downloads", lambda: fetcher.facts().state == "downloading")

    found = torrents("downloadLimit", "downloadLimited", "uploadLimit", "uploadLimited", "trackers")[0]
    assert (found["downloadLimited"], found["downloadLimit"]) == (True, 2001)
    assert (found["uploadLimited"], found["uploadLimit"]) == (True, 0)
    assert "http://10.77.0.1:7/announce" in [tracker["announce"] for tracker in found["trackers"]]
    assert not call("session-get")["speed-limit-down-enabled"]


def test_a_wrong_password_is_told(hand: Hand, large: Archive, told: list[Trouble], tmp_path: Path) -> None:
    fetcher = hand(landing_of(large, tmp_path), password="wrong-one")

    until("it was told", lambda: told)
    assert "user and a password" in told[0].seen
    assert "wrong-one" not in str(told) + str(fetcher.failure)
