"""Rules: every missing piece has one bringer, the swarm or one server; claims follow rates and are given back."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from kilotar.model.fetching import PieceWish
from kilotar.plan.share import CLAIM_BYTES, FIRST_CLAIM_BYTES, SPARE, Bringer, Share

PIECE = 2 << 20
MIB = float(1 << 20)
FIRST = FIRST_CLAIM_BYTES // PIECE
NEW = Bringer("a")
STILL, MOVING = Bringer("peers", 0.0), Bringer("peers", 8 * MIB)
RUNS = dict[str, PieceWish]


def _pieces(wish: PieceWish) -> list[int]:
    return [piece for run in wish.wanted for piece in run]


def test_a_swarm_alone_is_asked_for_everything_in_order() -> None:
    assert Share(PIECE).divide([3, 4, 5, 9], [], MOVING, []) == {"peers": PieceWish((), (range(3, 6), range(9, 10)))}


def test_a_server_alone_is_asked_for_everything() -> None:
    assert Share(PIECE).divide(range(500), [7], None, [NEW])["a"].urgent == (7,)
    assert sorted(_pieces(Share(PIECE).divide(range(500), [7], None, [NEW])["a"])) == list(range(500))


def test_a_server_works_ahead_of_a_swarm_that_moves() -> None:
    wishes = Share(PIECE).divide(range(500), [], MOVING, [NEW])

    assert wishes["a"].wanted == (range(128, 128 + FIRST),)
    assert wishes["peers"].wanted == (range(128), range(128 + FIRST, 500))


def test_a_server_works_at_the_front_where_the_swarm_stands_still() -> None:
    assert Share(PIECE).divide(range(500), [], STILL, [NEW])["a"].wanted == (range(FIRST),)


def test_what_somebody_waits_for_is_brought_first_by_whoever_moves() -> None:
    assert Share(PIECE).divide(range(500), [400], STILL, [NEW])["a"].urgent == (400,)
    assert Share(PIECE).divide(range(500), [400], MOVING, [NEW])["peers"].urgent == (400,)


def test_of_the_last_pieces_each_has_its_share_by_rates() -> None:
    fast = Bringer("a", 24 * MIB)

    assert Share(PIECE).divide(range(8), [], MOVING, [fast])["a"].wanted == (range(2, 8),)
    assert Share(PIECE).divide(range(1), [], MOVING, [fast])["peers"].wanted == (range(1),)
    assert Share(PIECE).divide(range(1), [], STILL, [fast])["a"].wanted == (range(1),)


def test_a_slow_server_gives_back_what_it_could_not_bring_in_seconds() -> None:
    share = Share(PIECE)
    share.divide(range(500), [], STILL, [NEW])

    assert len(_pieces(share.divide(range(500), [], STILL, [Bringer("a", 1000.0)])["a"])) == 1 + SPARE


def test_a_fast_server_claims_as_much_as_seconds_bring_and_no_more_than_the_most() -> None:
    claims = [
        len(_pieces(Share(PIECE).divide(range(999), [], STILL, [Bringer("a", rate)])["a"]))
        for rate in (8 * MIB, 1000 * MIB)
    ]

    assert claims == [12, CLAIM_BYTES // PIECE]


def test_a_failing_server_may_try_one_piece_but_not_the_last_one_that_peers_can_bring() -> None:
    failing = Bringer("a", 0.0, is_failing=True)

    assert len(_pieces(Share(PIECE).divide(range(9), [], MOVING, [failing])["a"])) == 1
    assert _pieces(Share(PIECE).divide(range(1), [], MOVING, [failing])["a"]) == []
    assert _pieces(Share(PIECE).divide(range(1), [], STILL, [failing])["a"]) == [0]


def test_the_claim_of_a_server_that_was_given_up_goes_back_to_the_swarm() -> None:
    share = Share(PIECE)
    share.divide(range(500), [], MOVING, [NEW])

    assert share.divide(range(500), [], MOVING, []) == {"peers": PieceWish((), (range(500),))}


def test_a_claim_is_extended_when_half_of_it_arrived() -> None:
    share, server = Share(PIECE), Bringer("a", 8 * MIB)
    first = _pieces(share.divide(range(500), [], STILL, [server])["a"])
    left = [piece for piece in range(500) if piece not in first[: len(first) // 2 + 1]]

    assert not share.is_low(range(500))
    assert share.is_low(left)
    assert len(_pieces(share.divide(left, [], STILL, [server])["a"])) == len(first)


def test_where_servers_have_claimed_all_that_is_left_it_is_divided_anew() -> None:
    share = Share(PIECE)
    share.divide(range(4), [], STILL, [NEW])

    assert share.is_low(range(4))


def test_a_client_of_whole_archives_has_all_while_it_moves_and_else_none() -> None:
    whole, still = Bringer("aria2", 8 * MIB, takes_parts=False), Bringer("aria2", 0.0, takes_parts=False)

    assert Share(PIECE).divide(range(9), [], whole, [NEW]) == {"aria2": PieceWish((), (range(9),))}
    assert Share(PIECE).divide(range(9), [], still, [NEW]) == {"a": PieceWish((), (range(9),))}
    assert Share(PIECE).divide(range(9), [], still, []) == {"aria2": PieceWish((), (range(9),))}


BRINGERS = st.builds(Bringer, st.sampled_from("abc"), st.sampled_from([-1.0, 0.0, 5e4, 1e8]), is_failing=st.booleans())


@given(
    st.lists(st.sets(st.integers(0, 300)), min_size=1, max_size=6),
    st.lists(st.lists(BRINGERS, max_size=3, unique_by=lambda one: one.name), min_size=1, max_size=6),
    st.sampled_from([None, STILL, MOVING, Bringer("peers", 8 * MIB, takes_parts=False)]),
)
def test_no_piece_has_two_bringers_and_none_is_forgotten(
    rounds: list[set[int]], servers: list[list[Bringer]], swarm: Bringer | None
) -> None:
    share = Share(PIECE)
    for missing, names in zip(rounds, servers, strict=False):
        wishes = share.divide(sorted(missing), sorted(missing)[-1:], swarm, names)
        brought = [piece for wish in wishes.values() for piece in _pieces(wish)]

        assert len(brought) == len(set(brought))
        assert set(brought) <= missing
        if swarm is not None:
            assert set(brought) == missing
