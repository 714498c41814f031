"""The transfer of one archive: what its sources are asked for."""

from __future__ import annotations

import time
from dataclasses import dataclass, field
from itertools import count
from pathlib import Path

import pytest

from kilotar.errors import DiskFull
from kilotar.events import Event, Trouble, ignore
from kilotar.model.fetching import HttpFacts, PieceWish, SwarmFacts, Tell
from kilotar.model.profile import FIRST, Profile
from kilotar.plan.ladder import Ladder
from kilotar.store.pieces import PieceFile, open_pieces
from kilotar.work.fleet import Fleet, Ways
from kilotar.work.transfer import Transfer
from tests.doubles.landings import payload, table_of

PIECE = 16 << 10
DATA = payload(10 * PIECE)


class Peers:
    """A source that remembers what it was asked for and brings nothing by itself."""

    name = "peers"

    def __init__(self) -> None:
        self.wishes: list[PieceWish] = []

    def want(self, wish: PieceWish) -> None:
        self.wishes.append(wish)

    def facts(self) -> SwarmFacts:
        return SwarmFacts()

    def close(self, grace_s: float = 5.0) -> None:
        """Have nothing to close."""


def test_a_source_is_asked_for_its_pieces_until_they_are_there(tmp_path: Path) -> None:
    table = table_of(DATA, PIECE)
    pieces = open_pieces(tmp_path, "a.tar", tmp_path / "state", table)
    peers, asked, calls = Peers(), [], iter(range(1_000_000))

    def clock() -> float:
        if next(calls) == 12:  # some turns later
            asked.append(peers.wishes[-1])
            for piece in range(table.count):
                pieces.take(piece, DATA[table.start(piece) : table.stop(piece)], "peers")
        return time.monotonic()

    ways = Ways(swarm=lambda profile, landing, tell: peers)
    transfer = Transfer(pieces, ways, Ladder(has_swarm=True, piece_bytes=PIECE), ignore, clock)
    transfer.want(0, len(DATA))
    transfer.close_wants()

    assert transfer.run(lambda start, stop: None)
    pieces.close()
    assert asked == [PieceWish(wanted=(range(10),))]


@dataclass
class Server:
    """A web server as it tells of itself; brings nothing."""

    fact: HttpFacts
    name: str = "web"
    wishes: list[PieceWish] = field(default_factory=list)

    def want(self, wish: PieceWish) -> None:
        self.wishes.append(wish)

    def facts(self) -> HttpFacts:
        return self.fact

    def close(self, grace_s: float = 5.0) -> None:
        """Have nothing to close."""


@pytest.mark.parametrize(("has_swarm", "while_it_pauses"), [(True, ()), (False, ("web",))])
def test_a_server_that_pauses_after_a_failure_keeps_no_piece_from_peers(
    tmp_path: Path, has_swarm: bool, while_it_pauses: tuple[str, ...]
) -> None:
    pieces = open_pieces(tmp_path, "a.tar", tmp_path / "state", table_of(DATA, PIECE))
    server = Server(HttpFacts("web", failures=1, retry_in_s=4.0))
    swarm = (lambda profile, landing, tell: Peers()) if has_swarm else None
    fleet = Fleet(pieces, Ways(swarm, {"web": lambda landing, tell: server}), ignore)
    fleet.use_profile(FIRST)
    fleet.use_servers()

    assert fleet.able_servers() == while_it_pauses
    server.fact = HttpFacts("web", failures=1)
    assert fleet.able_servers() == ("web",)
    assert fleet.bringers(("web",))[0].is_failing
    fleet.close()
    pieces.close()


class FullDisk:
    """Peers that find the disk full, and bring all when they are asked again."""

    name = "peers"

    def __init__(self, pieces: PieceFile, tell: Tell, wishes_until_it_works: int) -> None:
        self._pieces, self._tell, self._left = pieces, tell, wishes_until_it_works

    def want(self, wish: PieceWish) -> None:
        table = self._pieces.table
        self._left -= bool(wish)
        if self._left > 0:
            self._tell(Trouble("disk-full", table.name, "no space left"))
            return
        for piece in (piece for run in wish.wanted for piece in run):
            self._pieces.take(piece, DATA[table.start(piece) : table.stop(piece)], self.name)

    def facts(self) -> SwarmFacts:
        return SwarmFacts()

    def close(self, grace_s: float = 5.0) -> None:
        """Have nothing to close."""


def transfer_of(pieces: PieceFile, told: list[Event], wishes_until_it_works: int, step_s: float) -> Transfer:
    """Give a transfer of all by such peers, whose clock goes on at every look."""
    ticks = count(100.0, step_s)

    def swarm(profile: Profile, landing: PieceFile, tell: Tell) -> FullDisk:
        return FullDisk(landing, tell, wishes_until_it_works)

    transfer = Transfer(pieces, Ways(swarm), Ladder(piece_bytes=PIECE), told.append, lambda: next(ticks))
    transfer.want(0, len(DATA))
    transfer.close_wants()
    return transfer


def test_a_full_disk_without_room_for_a_minute_ends_the_run(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("kilotar.work.room.has_room", lambda pieces: False)
    pieces = open_pieces(tmp_path, "a.tar", tmp_path / "state", table_of(DATA, PIECE))
    with pytest.raises(DiskFull, match="0 of 10 pieces"):
        transfer_of(pieces, [], 1000, step_s=4.0).run(lambda start, stop: None)
    pieces.close()


def test_where_there_is_room_again_sources_are_asked_again(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    looks = iter([False, False])
    monkeypatch.setattr("kilotar.work.room.has_room", lambda pieces: next(looks, True))
    pieces = open_pieces(tmp_path, "a.tar", tmp_path / "state", table_of(DATA, PIECE))
    told: list[Event] = []

    assert transfer_of(pieces, told, 2, step_s=1.0).run(lambda start, stop: None)
    assert pieces.is_complete
    assert [event.kind for event in told if isinstance(event, Trouble)] == ["disk-full"]
    pieces.close()


def test_proofs_that_cannot_be_kept_for_now_end_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def save(self: PieceFile) -> None:
        raise DiskFull("could not write the bitmap")

    monkeypatch.setattr(PieceFile, "save", save)
    pieces = open_pieces(tmp_path, "a.tar", tmp_path / "state", table_of(DATA, PIECE))
    told: list[Event] = []

    assert transfer_of(pieces, told, 1, step_s=6.0).run(lambda start, stop: None)
    assert {event.kind for event in told if isinstance(event, Trouble)} == {"disk-full"}
    pieces.close()
