"""Which pieces are asked for next."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from kilotar.model.fetching import PieceWish
from kilotar.sources.http.wanted import Wanted


def wanted_of(wish: PieceWish, have: set[int] | None = None) -> Wanted:
    wanted = Wanted((have if have is not None else set()).__contains__)
    wanted.replace(wish)
    return wanted


def test_urgent_pieces_come_first_and_no_piece_twice() -> None:
    wanted = wanted_of(PieceWish(urgent=(5, 6, 9), wanted=(range(12),)))
    assert [wanted.next(4, 1) for _ in range(5)] == [
        range(5, 7),
        range(9, 10),
        range(4),
        range(4, 5),
        range(7, 9),
    ]


def test_runs_become_shorter_towards_the_end() -> None:
    wanted = wanted_of(PieceWish(wanted=(range(100),)))
    lengths = []
    while run := wanted.next(32, 2):
        lengths.append(len(run))
    assert lengths[0] == 25
    assert lengths == sorted(lengths, reverse=True)
    assert lengths[-1] == 1
    assert sum(lengths) == 100


def test_what_is_given_back_comes_next_unless_it_arrived_or_is_not_wished_for() -> None:
    have: set[int] = set()
    wanted = wanted_of(PieceWish(wanted=(range(10),)), have)
    run = wanted.next(5, 1)
    assert run == range(5)
    have.update({0, 1})
    wanted.replace(PieceWish(wanted=(range(4), range(8, 10))))
    wanted.give_back(run)
    assert wanted.next(9, 1) == range(2, 4)
    assert wanted.next(9, 1) == range(8, 9)


def test_pieces_on_their_way_are_not_asked_for_by_a_new_wish() -> None:
    wanted = wanted_of(PieceWish(wanted=(range(4),)))
    assert wanted.next(2, 1) == range(2)
    wanted.replace(PieceWish(urgent=(1,), wanted=(range(4),)))
    assert [wanted.next(9, 1) for _ in range(3)] == [range(2, 3), range(3, 4), range(0)]


def test_the_next_wished_piece_from_a_place_on_is_found() -> None:
    wanted = wanted_of(PieceWish(urgent=(7,), wanted=(range(3, 5), range(9, 12))), {3, 9})
    assert [wanted.next_wished(piece) for piece in (0, 4, 5, 8, 11, 12)] == [4, 4, 7, 10, 11, -1]


@given(
    st.lists(st.integers(0, 30), max_size=4),
    st.lists(st.tuples(st.integers(0, 30), st.integers(0, 30)), max_size=4),
    st.sets(st.integers(0, 30)),
    st.integers(1, 8),
    st.integers(1, 4),
)
def test_every_missing_piece_that_is_wished_for_is_asked_for_once(
    urgent: list[int], pairs: list[tuple[int, int]], have: set[int], at_most: int, sharers: int
) -> None:
    wish = PieceWish(tuple(urgent), tuple(range(*pair) for pair in pairs))
    wanted = wanted_of(wish, have)
    asked: list[int] = []
    while run := wanted.next(at_most, sharers):
        assert len(run) <= at_most
        asked += run
    assert sorted(asked) == sorted({piece for run in wish.wanted for piece in run} - have | set(urgent) - have)
