"""`seed`: one root gives another what it has, and nothing more."""

from __future__ import annotations

import shutil
import socket
import threading
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field, replace
from pathlib import Path
from types import SimpleNamespace

import pytest

import kilotar
from kilotar.editions.tiny import make_tiny
from kilotar.errors import LayoutRefused, UsageError
from kilotar.events import Emit, Event, Outcome, Progress, ignore
from kilotar.model.fetching import SwarmFacts
from kilotar.model.profile import ClientOptions
from kilotar.parse.torrent import write_torrent
from kilotar.store.pieces import OWN_DISK
from kilotar.work import seed as module
from kilotar.work.demo_swarm import LOOPBACK, open_demo_swarm
from tests.need import need_module
from tests.work.wishes import Published, flip

LONGEST_S = 30.0


@pytest.fixture(scope="module")
def gone(tmp_path_factory: pytest.TempPathFactory) -> tuple[Published, Path]:
    """Give an edition that nobody serves any more, and a root with all its archives; not to be changed."""
    need_module("libtorrent")
    folder = tmp_path_factory.mktemp("gone")
    tiny = make_tiny(folder / "tiny", classes=6, per_class=30, val=20)
    with open_demo_swarm(tiny, folder / "swarm", ignore) as demo:
        published = Published(tiny, demo)
        kilotar.get(folder / "mine", **published.wish("http"))
    return published, folder / "mine"


@pytest.fixture
def orphan(gone: tuple[Published, Path], tmp_path: Path) -> Published:
    """Give such an edition, of which `tmp_path / "mine"` is a root with all archives."""
    shutil.copytree(gone[1], tmp_path / "mine")
    return gone[0]


def free_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as door:
        return int(door.getsockname()[1])


def bare_torrents(orphan: Published, folder: Path) -> tuple[Path, ...]:
    """Write the torrents without their web seeds, which are gone."""
    for torrent in orphan.demo.torrents:
        path = folder / f"{torrent.table.name}.torrent"
        path.write_bytes(write_torrent(replace(torrent, web_seeds=())))
    return tuple(folder.glob("*.torrent"))


def fetching(options: ClientOptions, torrents: tuple[Path, ...] = ()) -> kilotar.Fetching:
    return kilotar.Fetching(swarm=options, torrents=torrents, allow_private=True, offline=True, give_up_after_s=20)


def test_another_root_gets_everything_from_it(orphan: Published, tmp_path: Path) -> None:
    mine, other, port = tmp_path / "mine", tmp_path / "other", free_port()
    begun, enough, stages = threading.Event(), threading.Event(), list[str]()

    def see(event: Event) -> None:
        if isinstance(event, Progress) and event.stage.startswith("seeding"):
            begun.set()
            stages.append(event.stage)
            if enough.is_set():
                raise KeyboardInterrupt

    giving = replace(LOOPBACK, ports=range(port, port + 1))
    torrents = bare_torrents(orphan, tmp_path)
    taking = replace(LOOPBACK, peers=(f"127.0.0.1:{port}",))
    with ThreadPoolExecutor(1) as pool:
        seeding = pool.submit(kilotar.seed, mine, for_s=LONGEST_S, fetching=fetching(giving), on_event=see)
        assert begun.wait(LONGEST_S)
        got = kilotar.get(other, edition=str(orphan.demo.toml), fetching=fetching(taking, torrents))
        enough.set()
        report = seeding.result(LONGEST_S)

    assert got.outcome is Outcome.DONE
    assert all(dict(fact.brought).keys() <= {"peers", OWN_DISK} for fact in got.downloads)
    assert all(path.suffix == ".tar" for path in (other / "archives").iterdir())
    sent, size_bytes = (sum(getattr(fact, of) for fact in report.downloads) for of in ("sent_bytes", "size_bytes"))
    assert size_bytes / 2 < sent <= size_bytes * 1.2
    assert report.seconds < LONGEST_S
    assert any(stage.startswith("seeding: ratio") for stage in stages)


@dataclass
class Given:
    """An archive of 100 bytes, of which 10 more were sent whenever it is told about."""

    told: int = 0
    pieces: SimpleNamespace = field(default_factory=lambda: SimpleNamespace(landed_bytes=lambda: 100))

    def facts(self) -> SwarmFacts:
        return SwarmFacts(sent_bytes=10 * self.told)

    def tell(self, emit: Emit) -> None:
        self.told += 1


def test_it_ends_when_it_gave_enough_of_all_together(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "TELL_S", 0.0)
    given = (Given(), Given())

    module._give(given, 0.5, float("inf"), ignore)  # type: ignore[arg-type]

    assert [one.told for one in given] == [5, 5]


def test_it_ends_after_its_time_and_leaves_nothing_open(orphan: Published, tmp_path: Path) -> None:
    before = threading.active_count()

    report = kilotar.seed(tmp_path / "mine", for_s=0.1, fetching=fetching(LOOPBACK))

    assert (report.outcome, sum(fact.sent_bytes for fact in report.downloads)) == (Outcome.DONE, 0)
    assert threading.active_count() == before


def test_ctrl_c_ends_it_with_its_report(orphan: Published, tmp_path: Path) -> None:
    def press(event: Event) -> None:
        if isinstance(event, Progress) and event.stage.startswith("seeding"):
            raise KeyboardInterrupt

    report = kilotar.seed(tmp_path / "mine", fetching=fetching(LOOPBACK), on_event=press)

    assert len(report.downloads) == 2


def test_a_piece_that_is_wrong_now_is_not_offered(orphan: Published, tmp_path: Path) -> None:
    mine = tmp_path / "mine"
    archive = next(path for path in (mine / "archives").iterdir() if "train" in path.name)
    flip(archive, 0)

    report = kilotar.seed(mine, for_s=0.1, fetching=fetching(LOOPBACK))

    (train,) = (fact for fact in report.downloads if "train" in fact.name)
    assert (train.wrong, train.pieces - train.proved) == (1, 1)


def test_nothing_to_give_is_said(published: Published, root: Path) -> None:
    kilotar.prepare(root, source=published.tiny.folder, edition=str(published.tiny.toml))  # it has no torrents

    with pytest.raises(LayoutRefused, match="nothing to seed"):
        kilotar.seed(root, for_s=0.1, fetching=fetching(LOOPBACK))
    with pytest.raises(UsageError):
        kilotar.seed(root, fetching=fetching(replace(LOOPBACK, no_upload=True)))
