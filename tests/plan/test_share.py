"""Rules: every missing piece has exactly one bringer, the swarm or one server; claims move on and are given back."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from kilotar.model.fetching import PieceWish
from kilotar.plan.share import CLAIM_BYTES, Share

PIECE = 2 << 20
CLAIM = CLAIM_BYTES // PIECE


def _pieces(wish: PieceWish) -> list[int]:
    return [piece for run in wish.wanted for piece in run]


def test_a_swarm_alone_is_asked_for_everything_in_order() -> None:
    wishes = Share(PIECE).divide([3, 4, 5, 9], [], "peers", [], swarm_moves=True)

    assert wishes == {"peers": PieceWish((), (range(3, 6), range(9, 10)))}


def test_a_server_alone_is_asked_for_everything() -> None:
    wishes = Share(PIECE).divide(range(500), [7], "", ["a"], swarm_moves=False)

    assert wishes == {"a": PieceWish((7,), (range(500),))}


def test_a_server_works_ahead_of_a_swarm_that_moves() -> None:
    wishes = Share(PIECE).divide(range(500), [], "peers", ["a"], swarm_moves=True)

    assert wishes["a"].wanted == (range(128, 128 + CLAIM),)
    assert wishes["peers"].wanted == (range(128), range(128 + CLAIM, 500))


def test_a_server_works_at_the_front_where_the_swarm_stands_still() -> None:
    wishes = Share(PIECE).divide(range(500), [], "peers", ["a"], swarm_moves=False)

    assert wishes["a"].wanted == (range(CLAIM),)


def test_near_the_end_a_server_takes_the_last_pieces() -> None:
    wishes = Share(PIECE).divide(range(40), [], "peers", ["a"], swarm_moves=True)

    assert wishes["a"].wanted == (range(40 - CLAIM, 40),)


def test_the_claim_of_a_server_that_was_given_up_goes_back_to_the_swarm() -> None:
    share = Share(PIECE)
    share.divide(range(500), [], "peers", ["a"], swarm_moves=True)

    assert share.divide(range(500), [], "peers", [], swarm_moves=True) == {"peers": PieceWish((), (range(500),))}


def test_a_claim_is_extended_when_half_of_it_arrived() -> None:
    share = Share(PIECE)
    first = _pieces(share.divide(range(500), [], "peers", ["a"], swarm_moves=False)["a"])
    left = [piece for piece in range(500) if piece not in first[: CLAIM // 2 + 1]]

    assert not share.is_low(range(500))
    assert share.is_low(left)
    assert len(_pieces(share.divide(left, [], "peers", ["a"], swarm_moves=False)["a"])) == CLAIM


@given(
    st.lists(st.sets(st.integers(0, 300)), min_size=1, max_size=6),
    st.lists(st.sets(st.sampled_from("abc")), min_size=1, max_size=6),
    st.booleans(),
    st.booleans(),
)
def test_no_piece_has_two_bringers_and_none_is_forgotten(
    rounds: list[set[int]], servers: list[set[str]], has_swarm: bool, moves: bool
) -> None:
    share = Share(PIECE)
    for missing, names in zip(rounds, servers, strict=False):
        wishes = share.divide(sorted(missing), [], "peers" if has_swarm else "", sorted(names), swarm_moves=moves)
        brought = [piece for wish in wishes.values() for piece in _pieces(wish)]

        assert len(brought) == len(set(brought))
        assert set(brought) <= missing
        if has_swarm:
            assert set(brought) == missing
