"""The ladder: what is tried next when nothing comes."""

from __future__ import annotations

import itertools

from hypothesis import given
from hypothesis import strategies as st

from kilotar.model.fetching import HttpFacts, SwarmFacts
from kilotar.plan.ladder import Diagnose, FinishTail, GiveUp, Ladder, UseProfile
from tests.plan.ladders import climb

TCP, UTP, PORT = "TCP", "TCP and µTP", "TCP, encrypted, on another port"
NOBODY = SwarmFacts(client="libtorrent", seeds_known=0)
SEED = SwarmFacts(client="libtorrent", seeds_known=1, peers_known=1, tcp_timeouts=4)
MIRROR = HttpFacts("https://example.org/train.tar")
FAILING = HttpFacts("https://example.org/train.tar", failures=2, error="503", retry_in_s=30)
GONE = HttpFacts("https://example.org/train.tar", failures=9, error="404 Not Found", is_given_up=True)


def test_it_begins_with_tcp_alone() -> None:
    play = climb(Ladder()).until(1)

    [(_, move)] = play.made
    assert isinstance(move, UseProfile)
    assert (move.profile.utp, move.profile.encryption, move.profile.port) == (False, "enabled", 0)


def test_a_web_server_that_is_known_works_beside_the_peers_from_the_start() -> None:
    assert climb(Ladder()).until(5, swarm=NOBODY, http=[MIRROR]).kinds() == [(0, TCP), (0, "UseHttp")]


def test_a_web_server_found_later_is_used_when_it_is_found() -> None:
    play = climb(Ladder()).until(20, swarm=NOBODY)

    assert play.until(30, swarm=NOBODY, http=[MIRROR]).kinds() == [(20, "UseHttp")]


def test_without_a_byte_it_climbs_after_90_120_and_120_seconds_and_begins_again_at_the_first_rung() -> None:
    play = climb(Ladder()).until(500, swarm=SEED)

    assert play.kinds() == [(0, TCP), (60, "Diagnose"), (90, UTP), (210, PORT), (330, TCP)]


def test_a_second_round_gives_each_rung_ten_minutes_and_the_doctor_speaks_every_ten() -> None:
    play = climb(Ladder()).until(340, swarm=SEED).until(1600, swarm=SEED)

    assert play.kinds() == [(660, "Diagnose"), (930, UTP), (1260, "Diagnose"), (1530, PORT)]


def test_the_moves_say_what_was_seen_what_is_tried_and_why() -> None:
    play = climb(Ladder()).until(91, swarm=SEED)

    assert play.made[-1][1].why == (
        "90 s over TCP brought nothing: 1 peer known, 0 connected, 4 TCP connects timed out; trying TCP and µTP"
    )
    assert play.why(Diagnose).startswith("no byte for 60 s: 1 peer known")


def test_the_third_rung_is_another_port_encrypted_and_without_utp() -> None:
    play = climb(Ladder(other_port=4711)).until(211, swarm=SEED)

    profile = [move.profile for _, move in play.made if isinstance(move, UseProfile)][-1]
    assert (profile.port, profile.encryption, profile.utp) == (4711, "forced", False)


def test_where_bytes_come_the_rung_is_kept() -> None:
    play = climb(Ladder()).until(95, swarm=SEED)

    play.until(2000, swarm=SEED, received_per_s=1000, verified_per_s=1000)

    assert play.kinds() == []


def test_a_swarm_that_falls_silent_climbs_from_the_rung_that_it_had() -> None:
    play = climb(Ladder()).until(100, swarm=SEED).until(150, swarm=SEED, received_per_s=1000, verified_per_s=1000)

    silent = SwarmFacts(seeds_known=1, received_bytes=49_000)
    assert play.until(280, swarm=silent, verified_bytes=49_000).kinds() == [(209, "Diagnose"), (269, PORT)]


def test_the_rung_that_worked_the_last_time_is_the_first() -> None:
    assert climb(Ladder(rung=1)).until(125, swarm=SEED).kinds() == [(0, UTP), (60, "Diagnose"), (120, PORT)]


def test_wrong_pieces_for_ever_are_silence() -> None:
    play = climb(Ladder()).until(1, swarm=SEED)

    for second in range(1, 95):
        arriving = 2_000_000 if second % 2 else 4_000_000
        wasted = 0 if second % 2 else 4_000_000
        play.until(1 + second, swarm=SwarmFacts(seeds_known=1, received_bytes=arriving, wasted_bytes=wasted))
        if play.made:
            break
    assert play.made[0][0] <= 62


def test_a_swarm_of_nobody_is_given_ten_minutes_because_another_transport_finds_no_more_people() -> None:
    assert climb(Ladder()).until(605, swarm=NOBODY).kinds() == [(0, TCP), (60, "Diagnose"), (600, UTP)]


def test_who_is_choked_keeps_his_place_in_the_queue_for_ten_minutes() -> None:
    choked = SwarmFacts(seeds_known=3, seeds=3, peers=3, handshakes=3, choked=3)

    assert climb(Ladder()).until(605, swarm=choked).kinds() == [(0, TCP), (60, "Diagnose"), (600, UTP)]


def test_a_full_disk_is_not_mended_by_another_way_to_the_bytes() -> None:
    full = SwarmFacts(seeds_known=1, is_upload_only=True, file_errors=("No space left on device",))

    assert climb(Ladder()).until(400, swarm=full).kinds() == [(0, TCP), (60, "Diagnose")]


def test_where_no_port_opens_another_is_tried_at_once_and_only_once() -> None:
    deaf = SwarmFacts(seeds_known=1, listen_errors=("0.0.0.0:80: Permission denied",))

    play = climb(Ladder()).until(60, swarm=deaf)

    assert play.kinds() == [(0, TCP), (10, PORT)]
    assert "Permission denied" in play.made[-1][1].why


def test_a_client_that_serves_http_bytes_only_climbs_without_calling_the_doctor() -> None:
    play = climb(Ladder()).until(400, swarm=SEED, http=[MIRROR], verified_per_s=10)

    assert play.kinds() == [(0, TCP), (0, "UseHttp"), (90, UTP), (210, PORT), (330, TCP)]


def test_a_web_server_that_failed_before_is_asked_when_every_way_to_peers_was_tried() -> None:
    play = climb(Ladder()).until(331, swarm=SEED, http=[FAILING])

    assert play.kinds()[-2:] == [(330, TCP), (330, "UseHttp")]


def test_when_http_is_given_up_it_goes_back_to_peers() -> None:
    play = climb(Ladder()).until(100, swarm=SEED, http=[MIRROR], verified_per_s=10)
    assert play.kinds()[-1] == (90, UTP)

    play.until(160, swarm=SEED, http=[MIRROR], verified_bytes=999).until(
        200, swarm=SEED, http=[GONE], verified_bytes=999
    )

    assert play.kinds()[0] == (160, TCP)
    assert "404 Not Found" in play.why(UseProfile)


def test_when_http_is_given_up_while_peers_bring_bytes_the_peers_are_left_alone() -> None:
    play = climb(Ladder()).until(100, swarm=SEED, http=[MIRROR], verified_per_s=10, received_per_s=10)

    play.until(200, swarm=SEED, http=[GONE], verified_bytes=1000, verified_per_s=10, received_per_s=30)

    assert play.kinds() == []


def test_the_last_counters_of_the_client_that_is_closed_are_not_taken_for_bytes_of_the_new_one() -> None:
    ladder = Ladder()
    for now_s in range(91):
        ladder.on(now_s, 0, SwarmFacts(age_s=now_s, seeds_known=1, received_bytes=50 if now_s else 0), ())
    moves = [*ladder.on(91, 0, SwarmFacts(age_s=91, seeds_known=1, received_bytes=50), ())]
    assert [type(move) for move in moves] == [UseProfile]

    late = ladder.on(92, 0, SwarmFacts(age_s=92, seeds_known=1, received_bytes=9999), ())
    rest = [
        (now_s, move)
        for now_s in range(93, 220)
        for move in ladder.on(now_s, 0, SwarmFacts(age_s=now_s - 92, seeds_known=1), ())
        if isinstance(move, UseProfile)
    ]

    assert late == ()
    assert [now_s for now_s, _ in rest] == [211]


def test_a_client_that_cannot_be_made_anew_is_still_listened_to() -> None:
    play = climb(Ladder()).until(95, swarm=SEED, makes_anew=False)

    play.until(400, swarm=SEED, makes_anew=False, received_per_s=100, verified_per_s=100)

    assert play.kinds() == []


def test_a_laptop_that_slept_was_not_silent() -> None:
    play = climb(Ladder()).until(50, swarm=SEED)

    play.now_s = 5000.0
    assert play.until(5055, swarm=SEED).kinds() == []
    assert play.until(5095, swarm=SEED).kinds() == [(5060, "Diagnose"), (5090, UTP)]


def test_nothing_is_moved_while_nothing_is_wanted() -> None:
    play = climb(Ladder()).until(500, swarm=SEED, verified_bytes=100, wanted_bytes=100)

    assert play.kinds() == []
    assert play.until(591, swarm=SEED, verified_bytes=100, wanted_bytes=10**9).kinds() == [
        (500, TCP),
        (559, "Diagnose"),
        (589, UTP),
    ]


def test_a_tail_slower_than_a_tenth_for_five_minutes_goes_to_the_web_servers() -> None:
    play = climb(Ladder()).until(990, swarm=SEED, http=[MIRROR], verified_per_s=10**6, received_per_s=10**6)
    play.until(
        1400, swarm=SEED, http=[MIRROR], verified_bytes=99 * 10**7, verified_per_s=1000, received_per_s=2 * 10**6,
        wanted_bytes=10**9,
    )  # fmt: skip

    assert [(at_s, kind) for at_s, kind in play.kinds() if kind == "FinishTail"] == [(1290, "FinishTail")]
    assert play.why(FinishTail).endswith("web servers are asked for exactly these")


def test_a_tail_without_a_byte_does_not_wait_five_minutes() -> None:
    play = climb(Ladder()).until(990, swarm=SEED, verified_per_s=10**6, received_per_s=10**6)
    play.until(1100, swarm=SEED, verified_bytes=99 * 10**7, wanted_bytes=10**9)

    assert (1050, "FinishTail") in play.kinds()
    assert play.why(FinishTail).endswith("slow peers are dropped")


def test_a_fast_tail_is_left_alone() -> None:
    play = climb(Ladder()).until(1000, swarm=SEED, verified_per_s=10**6, received_per_s=10**6, wanted_bytes=10**9)

    assert "FinishTail" not in dict(play.kinds()).values()


def test_it_never_gives_up_by_itself_while_there_are_peers_to_hope_for() -> None:
    play = climb(Ladder()).until(20_000, swarm=NOBODY)

    assert "GiveUp" not in [kind for _, kind in play.kinds()]


def test_a_limit_of_the_person_ends_it_after_every_rung() -> None:
    play = climb(Ladder(give_up_after_s=1000)).until(1100, swarm=SEED)

    assert play.kinds()[-1] == (1000, "GiveUp")


def test_a_short_limit_hurries_the_rungs_instead_of_leaving_any_out() -> None:
    play = climb(Ladder(give_up_after_s=33)).until(100, swarm=NOBODY)

    assert [kind for _, kind in play.kinds()] == [TCP, "Diagnose", UTP, PORT, TCP, "GiveUp"]
    assert 33 <= play.made[-1][0] <= 37


def test_after_it_gave_up_it_says_no_more() -> None:
    play = climb(Ladder(give_up_after_s=33)).until(100, swarm=NOBODY)

    assert play.until(1000, swarm=NOBODY).kinds() == []


def test_without_peers_it_lives_of_http_and_ends_when_that_is_gone() -> None:
    play = climb(Ladder(has_swarm=False)).until(5, http=[FAILING])
    assert play.kinds() == [(0, "UseHttp")]

    play.until(10, http=[GONE])
    assert play.kinds() == [(5, "GiveUp")]
    assert "404 Not Found" in play.why(GiveUp)


def test_where_no_source_is_known_it_ends_at_once() -> None:
    play = climb(Ladder(has_swarm=False)).until(5)

    assert play.why(GiveUp) == "no source is known: no peers, no web address"


@given(
    steps=st.lists(
        st.tuples(
            st.floats(0, 400),
            st.integers(0, 10**9),
            st.one_of(st.none(), st.builds(SwarmFacts, received_bytes=st.integers(0, 100), peers=st.integers(0, 5))),
            st.sampled_from([(), (MIRROR,), (FAILING,), (GONE,)]),
        ),
        max_size=50,
    ),
    limit_s=st.sampled_from([0.0, 30.0, 500.0]),
)
def test_whatever_comes_there_is_an_answer_and_nothing_after_the_end(steps: list, limit_s: float) -> None:  # type: ignore[type-arg]
    ladder, now_s = Ladder(give_up_after_s=limit_s), 0.0
    answers = []
    for wait_s, verified, swarm, http in steps:
        now_s += wait_s
        answers.append(ladder.on(now_s, verified, swarm, http, wanted_bytes=10**9))

    ended = [any(isinstance(move, GiveUp) for move in moves) for moves in answers]
    assert not any(itertools.chain(*answers[ended.index(True) + 1 :])) if any(ended) else True
    assert all(move.why for moves in answers for move in moves)
