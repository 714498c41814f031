"""Rules: a growing file that was cut, replaced or removed is refused by name; holes are no bytes but zeros."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

import pytest

from kilotar.errors import StorageFailed
from kilotar.store.pieces import PieceFile, open_pieces
from kilotar.work.intact import refuse_changed, refuse_holes
from tests.doubles.landings import payload, table_of

PIECE = 16 << 10
DATA = payload(4 * PIECE) + bytes(4 * PIECE) + payload(4 * PIECE, 1)


@pytest.fixture
def pieces(tmp_path: Path) -> Iterator[PieceFile]:
    table = table_of(DATA, PIECE)
    made = open_pieces(tmp_path, "a.tar", tmp_path / "state", table)
    for piece in range(table.count):
        if any(DATA[table.start(piece) : table.stop(piece)]):
            made.take(piece, DATA[table.start(piece) : table.stop(piece)], "web")
    yield made
    made.close()


def test_a_file_that_was_left_alone_passes_with_its_holes_of_zeros(pieces: PieceFile) -> None:
    refuse_changed(pieces)
    refuse_holes(pieces)


def test_a_file_that_was_cut_is_refused_with_both_lengths(pieces: PieceFile) -> None:
    os.truncate(pieces.path, PIECE)

    with pytest.raises(StorageFailed, match="16,384 bytes now, and had 196,608"):
        refuse_changed(pieces)


def test_a_file_that_was_replaced_is_refused(pieces: PieceFile, tmp_path: Path) -> None:
    (tmp_path / "other").write_bytes(DATA)
    (tmp_path / "other").rename(pieces.path)

    with pytest.raises(StorageFailed, match="another file"):
        refuse_changed(pieces)


def test_a_file_that_was_removed_is_refused(pieces: PieceFile) -> None:
    pieces.path.unlink()

    with pytest.raises(StorageFailed, match="being filled"):
        refuse_changed(pieces)


def test_a_file_that_was_cut_and_grew_again_is_refused_and_what_it_lost_is_absent(pieces: PieceFile) -> None:
    os.truncate(pieces.path, 10 * PIECE)
    os.truncate(pieces.path, len(DATA))
    refuse_changed(pieces)

    with pytest.raises(StorageFailed, match="2 pieces"):
        refuse_holes(pieces)
    assert pieces.missing(0, len(DATA)) == (10, 11)
