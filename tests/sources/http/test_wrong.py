"""When wrong pieces are too many."""

from __future__ import annotations

from kilotar.sources.http.wrong import WrongPieces


def test_one_wrong_piece_is_forgiven_and_the_same_again_is_not() -> None:
    wrong = WrongPieces()
    assert not wrong.add(5)
    assert wrong.add(5)


def test_two_wrong_pieces_at_a_time_are_too_many() -> None:
    wrong = WrongPieces()
    assert not wrong.add(5)
    assert wrong.add(6)


def test_a_piece_that_comes_right_is_forgotten_eight_times() -> None:
    wrong = WrongPieces()
    for piece in range(8):
        assert not wrong.add(piece)
        wrong.mend(piece)
        wrong.mend(piece + 100)
    assert wrong.add(8)
