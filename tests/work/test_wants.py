"""Rules: a piece is listed once, in the order in which it was wanted; what is proved is not fetched."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from kilotar.store.pieces import PieceFile, open_pieces
from kilotar.work.wants import Wants
from tests.doubles.landings import table_of

CONTENT = bytes(range(40))


@pytest.fixture
def pieces(tmp_path: Path) -> Iterator[PieceFile]:
    opened = open_pieces(tmp_path, "a.tar", tmp_path / "state", table_of(CONTENT, 10))
    yield opened
    opened.close()


def test_pieces_are_wanted_once_and_in_order(pieces: PieceFile) -> None:
    wants = Wants(pieces)
    wants.add(35, 36)
    wants.add(5, 15)
    wants.add(0, 3)

    assert wants.missing() == [3, 0, 1]
    assert [(part.start, part.stop) for part in wants.ranges()] == [(0, 20), (30, 40)]


def test_what_is_proved_is_neither_missing_nor_urgent(pieces: PieceFile) -> None:
    wants = Wants(pieces)
    pieces.take(0, CONTENT[:10], "a friend")
    wants.hurry([0, 2])
    wants.add(0, 12)

    assert (wants.urgent, wants.missing(), wants.are_proved()) == ((2,), [2, 1], False)
    pieces.take(1, CONTENT[10:20], "a friend")
    pieces.take(2, CONTENT[20:30], "a friend")
    wants.got(2)
    assert (wants.urgent, wants.missing(), wants.are_proved()) == ((), [], True)


def test_nothing_wanted_is_all_there(pieces: PieceFile) -> None:
    wants = Wants(pieces)

    assert wants.are_proved() and wants.missing() == [] and not wants.ranges().size_bytes
