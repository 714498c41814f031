"""Where a search looks next: near its best guess, at what was not seen, and not for ever."""

from __future__ import annotations

import pytest

from kilotar.model.pieces import PieceTable
from kilotar.plan.hunt import MOST_LOOKS, Hunt
from kilotar.plan.outer import Contradiction
from kilotar.plan.sightings import Bracket

MIB = 1 << 20
TABLE = PieceTable("train.tar", 100 * MIB, MIB)


def bracket(start: int, stop: int, guess: int) -> Bracket:
    """Give a bracket in MiB."""
    return Bracket(start * MIB, stop * MIB, guess * MIB, -1, False)


def test_a_look_is_at_the_best_guess_and_stands_until_it_is_seen() -> None:
    seen: set[int] = set()
    hunt = Hunt(TABLE, seen)
    assert hunt.look(bracket(10, 90, 40)) == (40,)
    assert hunt.look(bracket(10, 90, 60)) == (40,)
    assert hunt.look(bracket(50, 90, 60)) == (60,)  # the old one cannot help any more


@pytest.mark.parametrize(
    ("seen", "expected"),
    [({40}, 41), ({40, 41}, 39), ({39, 40, 41}, 42), ({38, 39, 40, 41, 42}, 44), (set(range(10, 89)), 89)],
)
def test_where_the_guess_was_seen_the_search_leaps_away_from_it(seen: set[int], expected: int) -> None:
    assert Hunt(TABLE, seen).look(bracket(10, 90, 40)) == (expected,)


def test_left_of_the_guess_is_looked_at_where_nothing_is_left_on_the_right() -> None:
    assert Hunt(TABLE, set(range(11, 90))).look(bracket(10, 90, 40)) == (10,)


def test_when_everything_was_seen_there_is_nothing_to_look_at() -> None:
    assert Hunt(TABLE, set(range(10, 90))).look(bracket(10, 90, 40)) == ()


def test_small_pieces_are_looked_at_in_stretches() -> None:
    table = PieceTable("train.tar", 100 * MIB, 128 << 10)
    assert Hunt(table, {321}).look(bracket(10, 90, 40)) == (320, 322, 323)
    assert Hunt(table, set()).look(Bracket(5 << 18, 90 * MIB, 5 << 18, -1, False)) == (10, 11)


def test_a_search_that_does_not_end_is_given_up() -> None:
    seen: set[int] = set()
    hunt = Hunt(TABLE, seen)
    for _ in range(MOST_LOOKS):
        seen.update(hunt.look(bracket(0, 100, 40)))
    assert len(seen) == MOST_LOOKS
    with pytest.raises(Contradiction, match="have not found"):
        hunt.look(bracket(0, 100, 40))
