"""One archive from several sources into one file: both bring some, none twice, and each goes on where another ends."""

from __future__ import annotations

import re
import socket
import sys
import threading
import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

import pytest

from kilotar.errors import KilotarError
from kilotar.events import Event, Progress, Trouble
from kilotar.model.fetching import Tell
from kilotar.model.profile import ClientOptions, Profile
from kilotar.plan.ladder import Ladder
from kilotar.sources.http import HttpFetcher, HttpOptions
from kilotar.sources.torrent import Swarm
from kilotar.store.pieces import PieceFile, open_pieces
from kilotar.work.fleet import Ways
from kilotar.work.transfer import Transfer
from kilotar.work.ways import SwarmAlone
from tests.peers.lab import OPTIONS, Archive, Lab, Peer, archive_of, until

MIB = 1 << 20
PIECE = 256 << 10


@dataclass
class Run:
    """A transfer of all of an archive, in a thread of its own.

    Attributes:
        told: what it has told.
        ended: how, with the error if there was one.
    """

    archive: Archive
    pieces: PieceFile
    transfer: Transfer
    told: list[Event]
    failed: list[KilotarError] = field(default_factory=list)
    landed: list[tuple[int, int]] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.transfer.want(0, self.archive.torrent.table.size_bytes)
        self.transfer.close_wants()
        self._thread = threading.Thread(target=self._run, daemon=True)
        self._thread.start()

    def _run(self) -> None:
        try:
            self.transfer.run(lambda start, stop: self.landed.append((start, stop)))
        except KilotarError as error:
            self.failed.append(error)

    def whole(self, timeout_s: float = 20.0) -> bytes:
        """Wait for the end and give the bytes under the final name."""
        self._thread.join(timeout_s)
        assert not self._thread.is_alive(), (self.pieces.count, self.pieces.brought, self.troubles())
        assert not self.failed, self.failed
        assert self.pieces.finish()
        return self.pieces.path.read_bytes()

    def end(self) -> None:
        self.transfer.cancel()
        self._thread.join(30)
        assert not self._thread.is_alive(), "a cancelled transfer did not end"
        self.pieces.close()

    def until_pieces(self, count: int, timeout_s: float = 20.0) -> None:
        until(f"{count} pieces", lambda: self.pieces.count >= count, timeout_s)

    def troubles(self) -> list[Trouble]:
        return [event for event in self.told if isinstance(event, Trouble)]

    def sources(self) -> dict[str, int]:
        """Give the bytes by who brought them, out of the last word about them."""
        return dict([event for event in self.told if isinstance(event, Progress)][-1].sources)


class Start:
    """Starts transfers; all end with the test."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self.runs: list[Run] = []

    def __call__(
        self,
        archive: Archive,
        peers: tuple[Peer, ...] = (),
        web: str = "",
        reserve: str = "",
        download_limit_bytes_s: int = 0,
        give_up_after_s: float = 0.0,
    ) -> Run:
        table, told = archive.torrent.table, list[Event]()
        pieces = open_pieces(self._folder, table.name, self._folder / "state", table)
        options = ClientOptions(
            interface=OPTIONS.interface,
            dht=False,
            lsd=False,
            upnp=False,
            allow_private=True,
            peers=tuple(peer.endpoint for peer in peers),
            download_limit_bytes_s=download_limit_bytes_s,
        )

        def swarm(profile: Profile, landing: PieceFile, tell: Tell) -> SwarmAlone:
            return SwarmAlone(Swarm(options, profile, self._folder / "state", tell), archive.torrent, landing)

        def server(url: str) -> dict[str, object]:
            http = HttpOptions(proxy="", allow_private=True, timeout_s=5.0)
            return {url: lambda landing, tell: HttpFetcher(url, landing, http, tell)} if url else {}

        ways = Ways(swarm if peers else None, server(web), server(reserve))  # type: ignore[arg-type]
        ladder = Ladder(has_swarm=bool(peers), piece_bytes=table.piece_bytes, give_up_after_s=give_up_after_s)
        self.runs.append(Run(archive, pieces, Transfer(pieces, ways, ladder, told.append), told))
        return self.runs[-1]


@pytest.fixture
def start(here: Lab, tmp_path: Path) -> Iterator[Start]:
    made = Start(tmp_path / "ours")
    yield made
    for run in made.runs:
        run.end()


@pytest.fixture(scope="module")
def large(tmp_path_factory: pytest.TempPathFactory) -> Archive:
    """Give an archive of 96 MiB and a bit."""
    return archive_of(tmp_path_factory.mktemp("large") / "of", 96 * MIB + 777, PIECE)


@pytest.fixture(scope="module")
def middle(tmp_path_factory: pytest.TempPathFactory) -> Archive:
    """Give an archive of 24 MiB and a bit."""
    return archive_of(tmp_path_factory.mktemp("middle") / "of", 24 * MIB + 777, PIECE)


def slow_nginx(here: Lab, folder: Path, rate_bytes_s: int) -> Peer:
    """Start nginx on a folder; it gives each connection so many bytes a second."""
    nginx = here.nginx(folder)
    conf = here.folder / f"nginx-{nginx.address}" / "nginx.conf"
    conf.write_text(conf.read_text("utf-8").replace(" root ", f" limit_rate {rate_bytes_s}; root "), "utf-8")
    return restarted(here, nginx)


def restarted(here: Lab, nginx: Peer, *, at_full_rate: bool = False) -> Peer:
    """End an nginx and start it again."""
    stop_nginx(nginx)
    if at_full_rate:
        conf = here.folder / f"nginx-{nginx.address}" / "nginx.conf"
        conf.write_text(re.sub("limit_rate [0-9]+;", "", conf.read_text("utf-8")), "utf-8")
    again = here.start([str(word) for word in nginx.process.args], nginx.address)  # type: ignore[union-attr]
    until("nginx listens", lambda: not socket.socket().connect_ex((nginx.address, 80)))
    return again


def stop_nginx(nginx: Peer) -> None:
    """End it with its worker, as it is no more where only the first process is killed."""
    nginx.process.terminate()
    nginx.process.wait()


def url_of(nginx: Peer, archive: Archive) -> str:
    return f"http://{nginx.address}/{archive.file.name}"


def sent_by(here: Lab, nginx: Peer) -> int:
    """Give the bytes of bodies that nginx has sent, out of its log."""
    log = (here.folder / f"nginx-{nginx.address}" / "access.log").read_text("utf-8")
    return sum(int(line.split('" ')[1].split()[1]) for line in log.splitlines())


def test_peers_and_a_web_seed_bring_one_file_together_and_no_piece_twice(
    here: Lab, large: Archive, start: Start
) -> None:
    seed, nginx = here.seed(large, rate_bytes_s=24 * MIB), slow_nginx(here, large.folder, 4 * MIB)
    run = start(large, (seed,), url_of(nginx, large))

    assert run.whole() == large.data
    sources = run.sources()
    assert sum(sources.values()) == len(large.data)
    assert set(sources) == {"peers", f"web seed {nginx.address}"}
    assert min(sources.values()) > 16 * MIB, sources
    assert sources["peers"] <= seed.sent_bytes()
    assert seed.sent_bytes() + sent_by(here, nginx) <= 1.05 * len(large.data)
    assert sorted(run.landed)[0][0] == 0


@pytest.mark.slow
def test_a_web_seed_brings_the_rest_within_seconds_where_the_only_peer_has_gone(
    here: Lab, middle: Archive, start: Start
) -> None:
    seed, nginx = here.seed(middle, rate_bytes_s=12 * MIB), slow_nginx(here, middle.folder, 512 << 10)
    run = start(middle, (seed,), url_of(nginx, middle))
    run.until_pieces(middle.torrent.table.count * 2 // 3)
    seed.stop()
    again_s = time.monotonic()
    restarted(here, nginx, at_full_rate=True)

    assert run.whole() == middle.data
    assert time.monotonic() - again_s < 8
    assert run.sources()["peers"] > MIB


@pytest.mark.slow
def test_pieces_that_no_peer_has_come_from_the_address_of_the_edition_after_a_time(
    here: Lab, middle: Archive, start: Start, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sys.modules["kilotar.plan.ladder"], "DIAGNOSE_AFTER_S", 3.0)
    count = middle.torrent.table.count
    seed, nginx = here.seed(middle, rate_bytes_s=4 * MIB), here.nginx(middle.folder)
    run = start(middle, (seed,), reserve=url_of(nginx, middle))
    run.until_pieces(count // 2)
    seed.stop()

    assert run.whole() == middle.data
    sources = run.sources()
    assert sources["peers"] >= PIECE * (count // 2)
    assert sent_by(here, nginx) == sources[f"web seed {nginx.address}"] > 0
    assert "no-bytes" in {trouble.kind for trouble in run.troubles()}


def test_sources_that_fail_by_turns_bring_one_file(here: Lab, large: Archive, start: Start) -> None:
    seed, nginx = here.seed(large, rate_bytes_s=24 * MIB), slow_nginx(here, large.folder, 2 * MIB)
    run = start(large, (seed,), url_of(nginx, large))
    until("peers brought something", lambda: run.pieces.brought["peers"] > 4 * MIB)
    here.take_down(seed.address)
    before = run.pieces.brought[f"web seed {nginx.address}"]
    front = next(piece for piece in range(large.torrent.table.count) if not run.pieces.has(piece))
    until("HTTP goes on", lambda: run.pieces.brought[f"web seed {nginx.address}"] > before + 4 * MIB)
    until("at the front", lambda: run.pieces.has(front))
    stop_nginx(nginx)
    here.bring_back()

    assert run.whole(timeout_s=40) == large.data
    sources = run.sources()
    assert sum(sources.values()) == len(large.data)
    assert seed.sent_bytes() + sent_by(here, nginx) <= 1.05 * len(large.data), (seed.sent_bytes(), sources)


@pytest.mark.slow
def test_a_link_that_is_down_for_half_a_minute_ends_nothing(here: Lab, middle: Archive, start: Start) -> None:
    seed = here.seed(middle, rate_bytes_s=4 * MIB)
    run = start(middle, (seed,))
    run.until_pieces(middle.torrent.table.count // 3)
    here.take_down(seed.address)
    time.sleep(30)
    here.bring_back()

    assert run.whole(timeout_s=60) == middle.data  # TCP itself sends again 21 s after the link is up
    assert seed.sent_bytes() <= 1.05 * len(middle.data)
