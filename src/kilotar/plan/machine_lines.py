"""This machine and its network in lines: each fact with how it is, what was seen, and what helps.

Rules guarded: what is optional (extras, IPv6, an open port, UDP, the DHT while a tracker answers) is never a problem;
one tracker of several that fails is a note; nobody at all that names peers is a problem.
"""

from __future__ import annotations

from collections.abc import Iterator
from ipaddress import ip_address

from kilotar.model.checkup import DhtAnswer, DiskFact, Line, MachineFacts, Mark, TrackerAnswer, WebAnswer
from kilotar.plan.tracker_words import tracker_advice

__all__ = ["machine_lines"]

SLOW_DISK = 30e6
FULL_BYTES = 10**9
CLOCK_NOTE_S = 60.0
CLOCK_PROBLEM_S = 300.0
NO_SWARM = "try --from http; --proxy socks5://HOST:PORT; or another network, and take the files from there"


def machine_lines(facts: MachineFacts) -> tuple[Line, ...]:
    """Give the lines in the order of the way of a byte: programs, disk, port, network."""
    return (*_programs(facts), *_disk(facts.disk), *_ports(facts), *_network(facts))


def _programs(facts: MachineFacts) -> Iterator[Line]:
    libc = f", glibc {facts.glibc}" if facts.glibc else ", not glibc"
    yield Line(Mark.OK, "python", f"{facts.python}{libc}, {facts.system}")
    if facts.libtorrent:
        yield Line(Mark.OK, "libtorrent", facts.libtorrent)
    else:
        fix = "a Python with wheels of libtorrent (3.12); or --from http; or --client aria2"
        yield Line(Mark.NOTE, "libtorrent", "not installed: no downloads from peers by kilotar itself", fix)
    if facts.tls_roots:
        yield Line(Mark.OK, "TLS roots", facts.tls_roots)
    else:
        fix = "install the package ca-certificates, or pip install certifi, or set SSL_CERT_FILE"
        yield Line(Mark.PROBLEM, "TLS roots", "no root certificates were found: no HTTPS tracker can be asked", fix)
    yield from _extras(facts)


def _extras(facts: MachineFacts) -> Iterator[Line]:
    present = [extra.name for extra in facts.extras if not extra.missing]
    missing = [extra for extra in facts.extras if extra.missing]
    if facts.extras:
        lacking = f"; not installed: {' '.join(extra.name for extra in missing)}" if missing else ""
        fix = "; ".join(extra.install for extra in missing)
        yield Line(Mark.OK, "extras", f"{' '.join(present) or 'none'}{lacking}", fix)


def _disk(disk: DiskFact | None) -> Iterator[Line]:
    if disk is None:
        return
    if disk.error:
        yield Line(Mark.PROBLEM, "disk", f"{disk.path}: {disk.error}", "choose a folder that this user may write")
        return
    inodes = f", {disk.free_inodes:,} inodes free" if disk.free_inodes >= 0 else ""
    rate = f", writes {disk.write_bytes_per_s / 1e6:.0f} MB/s" if disk.write_bytes_per_s else ""
    seen = f"{disk.path}: {disk.kind or 'unknown type'}, {disk.free_bytes / 1e9:.1f} GB free{inodes}{rate}"
    if disk.free_bytes < FULL_BYTES:
        yield Line(Mark.PROBLEM, "disk", seen, "this disk is full: make room, or choose another")
    elif disk.free_bytes < disk.needed_bytes:
        need = f"{seen}; all archives together need {disk.needed_bytes / 1e9:.1f} GB"
        yield Line(Mark.NOTE, "disk", need, "make room, choose another disk, or fewer classes (--classes)")
    elif disk.free_inodes == 0:
        yield Line(Mark.PROBLEM, "disk", seen, "no inode is free: delete files, or choose another file system")
    elif 0 < disk.write_bytes_per_s < SLOW_DISK:
        yield Line(Mark.NOTE, "disk", seen, "this disk is slower than most lines; a local one would be faster")
    else:
        yield Line(Mark.OK, "disk", seen)


def _ports(facts: MachineFacts) -> Iterator[Line]:
    free = [one for one in facts.ports if not one.tcp_error and not one.udp_error]
    shut = [
        f"{one.port}: TCP {one.tcp_error or 'ok'}, UDP {one.udp_error or 'ok'}"
        for one in facts.ports
        if one not in free
    ]
    if free:
        also = f"; {'; '.join(shut)}" if shut else ""
        fix = "leave --port away, and one that is free is taken" if shut else ""
        port = free[0].port or "any free one"
        yield Line(Mark.NOTE if shut else Mark.OK, "port", f"{port} can be opened, TCP and UDP{also}", fix)
    elif facts.ports:
        fix = "ports below 1024 are for root: leave --port away; else look for a rule of this system against listening"
        yield Line(Mark.PROBLEM, "port", "; ".join(shut), fix)


def _network(facts: MachineFacts) -> Iterator[Line]:
    for name, value in facts.proxies:
        yield Line(Mark.NOTE, "proxy", f"{name}={value}", "HTTP goes through it; for peers give --proxy")
    if facts.is_offline:
        yield Line(Mark.NOTE, "network", "not touched (--offline)")
        return
    yield from _clock(facts)
    yield from _trackers(facts)
    yield from map(_web, facts.web)
    yield from _dht(facts)
    yield from _outbound(facts)
    yield from _gateway(facts)


def _clock(facts: MachineFacts) -> Iterator[Line]:
    offs = [one.asked_at_s - one.date_s for one in facts.trackers if one.date_s]
    if not offs:
        return
    off_s = sorted(offs)[len(offs) // 2]
    way = "fast" if off_s > 0 else "slow"
    seen = f"{abs(off_s):.0f} s {way} by the clock of a tracker" if abs(off_s) >= 2 else "as the clock of a tracker"
    fix = "set the clock (timedatectl set-ntp true): certificates are refused by a wrong one"
    if abs(off_s) >= CLOCK_PROBLEM_S:
        yield Line(Mark.PROBLEM, "clock", seen, fix)
    elif abs(off_s) >= CLOCK_NOTE_S:
        yield Line(Mark.NOTE, "clock", seen, fix)
    else:
        yield Line(Mark.OK, "clock", seen)


def _trackers(facts: MachineFacts) -> Iterator[Line]:
    good = [one for one in facts.trackers if not one.error]
    if facts.trackers and not good and not any(one.answered for one in facts.dht):
        seen = f"none of {len(facts.trackers)} trackers and no node of the DHT answers: no way to the swarm from here"
        causes = {tracker_advice(one.error, is_udp=one.is_udp) for one in facts.trackers}
        one_cause = f"{causes.pop()}; else " if len(causes) == 1 and "" not in causes else ""
        yield Line(Mark.PROBLEM, "peer sources", seen, one_cause + NO_SWARM)
    yield from map(_tracker, facts.trackers)
    tells = [one for one in good if one.seeds >= 0]
    if tells and not any(one.seeds or one.peers for one in good):
        yield Line(Mark.NOTE, "seeds", "the trackers know of nobody who has all of it now", "--from http, or wait")


def _tracker(one: TrackerAnswer) -> Line:
    if one.error:
        return Line(Mark.NOTE, "tracker", f"{one.url}: {one.error}", tracker_advice(one.error, is_udp=one.is_udp))
    tells = [f"{number} {what}" for number, what in ((one.seeds, "seeds"), (one.leechers, "others")) if number >= 0]
    return Line(Mark.OK, "tracker", ", ".join([f"{one.url}: {one.took_s * 1000:.0f} ms", *tells]))


def _web(one: WebAnswer) -> Line:
    if one.error:
        return Line(Mark.NOTE, "web", f"{one.what} at {one.url}: {one.error}", tracker_advice(one.error) or one.fix)
    if one.what == "archive" and not one.has_ranges:
        seen = f"{one.what} at {one.url}: it gives no parts"
        return Line(Mark.NOTE, "web", seen, "a download from there cannot be resumed; prefer another address")
    return Line(Mark.OK, "web", f"{one.what} at {one.url}: {one.took_s * 1000:.0f} ms")


def _dht(facts: MachineFacts) -> Iterator[Line]:
    is_needed = not any(not one.error for one in facts.trackers)
    for one in facts.dht:
        yield _family(one, is_needed)


def _family(one: DhtAnswer, is_needed: bool) -> Line:
    what = f"DHT {one.family}"
    if one.answered:
        return Line(Mark.OK, what, f"{one.answered} of {one.asked} nodes answered")
    seen = one.error or f"none of {one.asked} nodes answered"
    if one.family == "IPv6":
        return Line(Mark.OK, what, f"{seen}; not needed (kilotar doctor --explain ipv6-dht)")
    if is_needed:
        cause = tracker_advice(one.error) if one.error else "UDP is most likely dropped"
        return Line(Mark.NOTE, what, seen, f"{cause or 'nobody was asked'}; trackers or --peer must name the peers")
    return Line(Mark.NOTE, what, seen, "not needed while a tracker answers")


def _outbound(facts: MachineFacts) -> Iterator[Line]:
    peers = facts.peers
    if peers is not None and peers.tried:
        seen = f"{peers.connected} of {peers.tried} peers took a connection"
        seen += f", {peers.timed_out} timed out" if peers.timed_out else ""
        seen += f", {peers.refused} refused" if peers.refused else ""
        blocked = not peers.connected and peers.timed_out
        fix = "this network drops connects to high ports: another network, a VPN, --proxy, or --from http"
        state = Mark.PROBLEM if blocked else Mark.OK if peers.connected else Mark.NOTE
        yield Line(state, "TCP out", seen, fix if blocked else "")
    elif any(not one.error and not one.is_udp for one in facts.trackers):
        yield Line(Mark.OK, "TCP out", "to a tracker; no peer was at hand to try")
    udp = [one for one in facts.trackers if one.is_udp]
    if any(not one.error for one in udp) or any(one.answered for one in facts.dht):
        yield Line(Mark.OK, "UDP out", "answers come back")
    elif any("timed out" in one.error for one in udp) or any(one.asked for one in facts.dht):
        yield Line(
            Mark.NOTE, "UDP out", "no answer to any UDP packet", "kilotar uses TCP; UDP trackers and the DHT are lost"
        )


def _gateway(facts: MachineFacts) -> Iterator[Line]:
    if facts.nat is None:
        return
    seen = f"{' and '.join(facts.nat.answered)} answers"
    if facts.nat.answered and facts.nat.external_ip and not ip_address(facts.nat.external_ip).is_global:
        shared = f"{seen}, but its own outer address is shared or private: nobody outside can connect to this machine"
        yield Line(Mark.NOTE, "gateway", shared, "downloads work, often slower")
    elif facts.nat.answered:
        yield Line(Mark.OK, "gateway", f"{seen}: a port can be opened")
    else:
        fix = "downloads work, often slower; forward the port in the router if you can"
        yield Line(Mark.NOTE, "gateway", "neither UPnP nor NAT-PMP answers: no incoming port by itself", fix)
