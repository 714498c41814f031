"""`kilotar doctor`: lines for people, an object for programs, and states explained in words."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import pytest

from kilotar.model.checkup import Checkup, Line, Mark
from tests.shell.conftest import Ended, Library

Kt = Callable[..., Ended]


def test_every_line_says_how_it_is_what_was_seen_and_what_helps(library: Library, kt: Kt) -> None:
    ended = kt("doctor")

    assert ended.code == 3
    assert ended.out.splitlines() == [
        "  ok       python       3.12.9, glibc 2.27, Linux",
        "  note     gateway      nobody answers",
        "                        fix: downloads work, often slower",
        "  problem  peer sources none of 2 trackers answers\\x1b[2J",
        "                        fix: try --from http",
        "  1 problem, 1 note; begin with: peer sources",
    ]


def test_without_a_problem_it_ends_in_0(library: Library, kt: Kt) -> None:
    library.gives["doctor"] = Checkup((Line(Mark.NOTE, "gateway", "nobody answers"),))

    ended = kt("doctor")

    assert ended.code == 0
    assert ended.out.splitlines()[-1] == "  0 problems, 1 note"


def test_programs_get_an_object(library: Library, kt: Kt) -> None:
    ended = kt("doctor", "--json")

    facts = json.loads(ended.out)
    assert (facts["exit_code"], facts["problems"], facts["seconds"]) == (3, 1, 2.5)
    assert facts["lines"][0] == {"state": "ok", "what": "python", "seen": "3.12.9, glibc 2.27, Linux", "fix": ""}


def test_its_flags_reach_the_library(library: Library, kt: Kt) -> None:
    kt("doctor", "data", "--offline", "--tracker", "udp://a:1", "--tracker", "udp://b:2", "--port", "80")

    _, (root,), words = library.calls[-1]
    assert root == Path("data")
    assert words == {
        "offline": True,
        "trackers": ("udp://a:1", "udp://b:2"),
        "ports": (80,),
        "allow_private": False,
        "edition": "",
    }


@pytest.mark.parametrize(
    ("topic", "says"),
    [
        ("ipv6-dht", "It sounds like the cause, and it is not."),
        ("0-peers", "Any one of them is"),
        ("no-bytes", "switch µTP off"),
        ("99", "slow peer"),
    ],
)
def test_an_alarming_state_is_explained_in_words(library: Library, kt: Kt, topic: str, says: str) -> None:
    ended = kt("doctor", "--explain", topic)

    assert ended.code == 0
    assert says in " ".join(ended.out.split())
    assert max(map(len, ended.out.splitlines())) <= 100
    assert library.calls == []


def test_all_states_are_explained_at_once(library: Library, kt: Kt) -> None:
    ended = kt("doctor", "--explain", "all", "--json")

    assert [one["topic"] for one in json.loads(ended.out)["explanations"]] == ["ipv6-dht", "0-peers", "no-bytes", "99"]
