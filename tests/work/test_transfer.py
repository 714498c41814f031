"""The transfer of one archive: what its sources are asked for."""

from __future__ import annotations

import time
from pathlib import Path

from kilotar.events import ignore
from kilotar.model.fetching import PieceWish, SwarmFacts
from kilotar.plan.ladder import Ladder
from kilotar.store.pieces import open_pieces
from kilotar.work.fleet import Ways
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
