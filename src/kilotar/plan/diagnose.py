"""Why no byte comes: counters in, lines for a person out, the first failing link of the chain before all else.

Rules guarded: the cause is told first and alone; what merely looks alarming ("IPv6 DHT not ready") is information; the
true status of a web server is named, whatever a client makes of it.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from ipaddress import IPv4Network, ip_address

from kilotar.model.checkup import Line, MachineFacts, Mark
from kilotar.model.fetching import HttpFacts, SwarmFacts
from kilotar.plan.chain import CHAIN, YOUNG_S
from kilotar.plan.machine_lines import machine_lines
from kilotar.plan.plural import plural
from kilotar.plan.tracker_words import tracker_advice

__all__ = ["diagnose"]

INCOMING_AFTER_S = 600.0
_CARRIER = IPv4Network("100.64.0.0/10")


def diagnose(
    facts: SwarmFacts | None, http: Sequence[HttpFacts] = (), machine: MachineFacts | None = None
) -> tuple[Line, ...]:
    """Give what is wrong, then what was seen besides.

    Args:
        facts:   of the BitTorrent client, None where none runs.
        http:    of every web address.
        machine: of this machine, where it was looked at.
    """
    chain = _chain(facts) if facts is not None else []
    rest = [*(_beside(facts) if facts is not None else ()), *map(_http, http)]
    if machine is not None:
        rest += machine_lines(machine)
    lines = [*chain, *rest]
    first = next((line for line in lines if line.state is Mark.PROBLEM), None)
    return tuple(lines) if first is None else (first, *(line for line in lines if line is not first))


def _chain(facts: SwarmFacts) -> list[Line]:
    lines: list[Line] = []
    for link in CHAIN:
        line = link.judge(facts)
        lines.append(line)
        if line.state is Mark.PROBLEM or (line.state is Mark.NOTE and not link.is_passed_with_a_note):
            break
    return lines


def _beside(facts: SwarmFacts) -> Iterator[Line]:
    """Give what does not stop a download, or only slows it."""
    for one in facts.trackers:
        if one.error:
            times = f" ({one.failures} times in a row)" if one.failures > 1 else ""
            advice = tracker_advice(one.error, is_udp=one.url.startswith("udp:"))
            yield Line(Mark.NOTE, "tracker", f"{one.url}: {one.error}{times}", advice)
        elif one.answered:
            yield Line(Mark.OK, "tracker", f"{one.url}: {plural(one.peers, 'peer')}")
    yield from _dht(facts)
    if facts.utp_timeouts and not facts.utp_read_timeouts:
        yield Line(
            Mark.NOTE, "µTP", f"{facts.utp_timeouts} µTP connects timed out: UDP is blocked; TCP is used instead"
        )
    if facts.hash_failures and facts.rate_bytes_s:
        seen = f"{plural(facts.hash_failures, 'wrong piece')} thrown away, {plural(facts.banned, 'peer')} shut out"
        yield Line(Mark.NOTE, "bad peers", seen, "nothing to do: they are fetched again from others")
    yield from _inbound(facts)


def _dht(facts: SwarmFacts) -> Iterator[Line]:
    helps = "" if max(facts.peers_known, facts.peers) > 0 else "trackers or --peer must name the peers"
    why = (
        "it sends and nothing comes back"
        if facts.dht_sent_bytes and not facts.dht_received_bytes
        else "it knows nobody"
    )
    if facts.dht_nodes_v4 == 0 and facts.age_s >= YOUNG_S:
        yield Line(Mark.NOTE, "DHT IPv4", f"0 nodes: {why}", helps or "not needed: peers are known already")
    elif facts.dht_nodes_v4 > 0:
        yield Line(Mark.OK, "DHT IPv4", f"{facts.dht_nodes_v4} nodes")
    if facts.dht_nodes_v6 == 0:
        seen = '0 nodes ("IPv6 DHT not ready"): the optional half of an optional finder of peers'
        yield Line(Mark.OK, "DHT IPv6", f"{seen}; it stops no download")
    elif facts.dht_nodes_v6 > 0:
        yield Line(Mark.OK, "DHT IPv6", f"{facts.dht_nodes_v6} nodes")


def _inbound(facts: SwarmFacts) -> Iterator[Line]:
    if facts.incoming:
        yield Line(Mark.OK, "incoming", f"{plural(facts.incoming, 'connection')} came in")
    elif facts.age_s >= INCOMING_AFTER_S:
        fix = "not required; forwarding the port in the router helps where outgoing connects fail"
        yield Line(Mark.NOTE, "incoming", "no connection came in", fix)
    if facts.external_ip and _is_carrier(facts.external_ip):
        yield Line(Mark.NOTE, "address", f"{facts.external_ip} is shared by the provider: nobody can connect to it")


def _is_carrier(text: str) -> bool:
    try:
        return ip_address(text) in _CARRIER
    except (ValueError, TypeError):
        return False


def _http(one: HttpFacts) -> Line:
    if one.is_given_up:
        return Line(
            Mark.NOTE, "web", f"{one.url}: given up: {one.error or 'it failed too often'}", "give another with --url"
        )
    if one.error:
        wait = f"asked again in {one.retry_in_s:.0f} s" if one.retry_in_s else "asked again now"
        return Line(Mark.NOTE, "web", f"{one.url}: {one.error}", wait)
    return Line(Mark.OK, "web", f"{one.url}: {one.received_bytes / 1e6:.1f} MB, {one.rate_bytes_s / 1e6:.1f} MB/s")
