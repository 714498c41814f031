"""What the doctor makes of recorded troubles."""

from __future__ import annotations

from dataclasses import fields

import pytest
from hypothesis import given
from hypothesis import strategies as st

from kilotar.model.checkup import DiskFact, MachineFacts, Mark
from kilotar.model.explanations import EXPLANATIONS
from kilotar.model.fetching import HttpFacts, SwarmFacts
from kilotar.plan.diagnose import diagnose
from tests.plan import swarms

TROUBLES = [
    ("DISK_FULL", "disk", "No space left", "make room"),
    ("PORT_80", "listening", "Permission denied", "below 1024"),
    ("PORT_TAKEN", "listening", "in use", "another client"),
    ("WRONG_INTERFACE", "listening", "assign", "--interface"),
    ("SOCKS_DEAD", "proxy", "SOCKS5", "--proxy"),
    ("WRONG_ROOTS", "peer sources", "0 of 2 trackers", "ca-certificates"),
    ("NO_DNS", "peer sources", "0 of 2 trackers", "DNS"),
    ("CAPTIVE_PORTAL", "peer sources", "0 of 2 trackers", "log-in page"),
    ("TRACKER_REFUSED", "peer sources", "0 of 2 trackers", "nobody listens"),
    ("TRACKER_HANGS", "peer sources", "0 of 2 trackers", "drops"),
    ("TRACKER_403", "peer sources", "0 of 2 trackers", "robots"),
    ("NOBODY_THERE", "peer sources", "1 of 1 trackers", "know nobody"),
    ("NO_SEED", "seeds", "nobody who has all", "--from http"),
    ("TCP_DROPPED", "connections", "41 of 41 connects time out", "another network"),
    ("PEERS_GONE", "connections", "38 are refused", "gone"),
    ("UTP_HOLE", "µTP", "large UDP is dropped", "µTP off"),
    ("UTP_HOLE_WHILE_OPEN", "µTP", "large UDP is dropped", "µTP off"),
    ("ONLY_US", "seeds", "nobody who has all", "--from http"),
    ("INSPECTED", "handshake", "17 connections cut", "--encryption forced"),
    ("SILENT_PEERS", "handshake", "nobody greets", "--encryption forced"),
    ("ONE_SEAT", "one seat", "one connection for each address", "--peer"),
    ("CHOKED", "unchoke", "8 connected peers, and all", "queue"),
    ("BAD_PEERS", "bytes", "4 wrong pieces", "bad copies"),
    ("STUCK_AT_99", "bytes", "none has the pieces", "waiting costs nothing"),
    ("SLOW_HOLDER", "bytes", "22 of 23 peers let us wait", "slow peer"),
]


@pytest.mark.parametrize(("name", "what", "seen", "fix"), TROUBLES, ids=[row[0] for row in TROUBLES])
def test_the_first_failing_link_comes_first_and_is_the_only_problem(name: str, what: str, seen: str, fix: str) -> None:
    first, *rest = diagnose(getattr(swarms, name))

    assert (first.state, first.what) == (Mark.PROBLEM, what)
    assert seen in first.seen
    assert fix in first.fix
    assert [line for line in rest if line.state is Mark.PROBLEM] == []


@pytest.mark.parametrize("name", ["HEALTHY", "NO_UDP", "UDP_BLOCKED", "NO_INCOMING", "JUST_STARTED"])
def test_what_only_looks_alarming_is_no_problem(name: str) -> None:
    assert [line for line in diagnose(getattr(swarms, name)) if line.state is Mark.PROBLEM] == []


def test_all_is_well_in_a_healthy_swarm() -> None:
    assert {line.state for line in diagnose(swarms.HEALTHY, [swarms.WEB_OK])} == {Mark.OK}


def test_links_behind_the_first_that_fails_are_not_judged() -> None:
    said = {line.what for line in diagnose(swarms.TCP_DROPPED)}

    assert {"disk", "listening", "peer sources", "connections"} <= said
    assert not {"handshake", "unchoke", "bytes"} & said


def test_a_dht_without_nodes_is_information_when_peers_are_known() -> None:
    lines = {line.what: line for line in diagnose(swarms.NO_UDP)}

    assert (lines["DHT IPv4"].state, lines["DHT IPv4"].fix) == (Mark.NOTE, "not needed: peers are known already")
    assert lines["DHT IPv6"].state is Mark.OK
    assert "IPv6 DHT not ready" in lines["DHT IPv6"].seen


def test_a_client_of_a_few_seconds_is_given_time() -> None:
    waits = next(line for line in diagnose(swarms.JUST_STARTED) if line.what == "peer sources")

    assert (waits.state, waits.fix) == (Mark.NOTE, "wait: the first answers take a while")


def test_an_address_that_the_provider_shares_is_told() -> None:
    lines = {line.what: line for line in diagnose(swarms.NO_INCOMING)}

    assert lines["address"].seen.startswith("100.77.1.2 is shared")
    assert "not required" in lines["incoming"].fix


@pytest.mark.parametrize(
    ("http", "seen"), [(swarms.WEB_NO_RANGE, "given up: it ignores Range"), (swarms.WEB_503, "503 Service Unavailable")]
)
def test_the_true_status_of_a_web_server_is_named(http: HttpFacts, seen: str) -> None:
    [line] = [line for line in diagnose(swarms.HEALTHY, [http]) if line.what == "web"]

    assert line.state is Mark.NOTE
    assert seen in line.seen


def test_without_a_client_the_machine_alone_is_judged() -> None:
    broken = MachineFacts(tls_roots="/etc/ssl/cert.pem", disk=DiskFact("~/imagenet", error="Permission denied"))

    first = diagnose(None, (), broken)[0]

    assert (first.what, first.state) == ("disk", Mark.PROBLEM)


def test_where_all_is_well_the_chain_is_told_in_its_order() -> None:
    said = [line.what for line in diagnose(swarms.HEALTHY)]

    links = ["disk", "proxy", "listening", "peer sources", "seeds", "connections", "handshake", "unchoke", "bytes"]
    assert said[: len(links)] == links


def test_the_four_alarming_states_are_explained_in_words() -> None:
    assert [one.topic for one in EXPLANATIONS] == ["ipv6-dht", "0-peers", "no-bytes", "99"]
    assert all(one.paragraphs and "\n" not in "".join(one.paragraphs) for one in EXPLANATIONS)


def _any_facts() -> st.SearchStrategy[SwarmFacts]:
    numbers = {one.name: st.integers(-1, 5) for one in fields(SwarmFacts) if one.type in ("int", "float")}
    words = {
        "listening": st.sampled_from([(), ("0.0.0.0:1/tcp",)]),
        "listen_errors": st.sampled_from([(), ("x: y",)]),
        "file_errors": st.sampled_from([(), ("x: y",)]),
        "is_upload_only": st.booleans(),
        "external_ip": st.sampled_from(["", "1.2.3.4", "::1", "nonsense"]),
    }
    return st.builds(SwarmFacts, **numbers, **words)


@given(_any_facts())
def test_any_counters_have_an_answer_with_at_most_one_problem_and_what_helps_against_it(facts: SwarmFacts) -> None:
    problems = [line for line in diagnose(facts) if line.state is Mark.PROBLEM]

    assert len(problems) <= 1
    assert all(line.fix and line.seen for line in problems)
