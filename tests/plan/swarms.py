"""Counters of clients in networks that were made to have one trouble each, as they were recorded there.

Each is named for its trouble; `HEALTHY` is a swarm in which all is well. libtorrent 2.1.1 unless said otherwise.
"""

from __future__ import annotations

from dataclasses import replace

from kilotar.model.fetching import HttpFacts, SwarmFacts, TrackerFact

TRACKER, UDP = "https://tracker.example.org/announce", "udp://tracker.example.net:1337/announce"

HEALTHY = SwarmFacts(
    client="libtorrent 2.1.1",
    age_s=700,
    received_bytes=900_000_000,
    rate_bytes_s=42_100_000,
    peers=23,
    seeds=9,
    peers_known=41,
    seeds_known=9,
    copies=9.4,
    handshakes=30,
    incoming=3,
    listening=("0.0.0.0:42001/tcp",),
    trackers=(TrackerFact(TRACKER, answered=True, peers=41), TrackerFact(UDP, answered=True, peers=12)),
    dht_nodes_v4=214,
    dht_nodes_v6=9,
    dht_received_bytes=9000,
    dht_sent_bytes=9000,
    state="downloading",
)
_NOTHING = replace(HEALTHY, age_s=65, received_bytes=0, rate_bytes_s=0.0)
_NOBODY = replace(_NOTHING, peers=0, seeds=0, handshakes=0, incoming=0, copies=-1.0)

# state "downloading", no error, 256 file errors, upload mode: the client says nothing by itself
DISK_FULL = replace(_NOTHING, is_upload_only=True, file_errors=("train.tar: No space left on device",))
# no tracker is ever asked, and the state is "downloading"
PORT_80 = replace(
    _NOBODY,
    listening=(),
    listen_errors=("0.0.0.0:80/tcp: Permission denied",),
    peers_known=0,
    seeds_known=-1,
    trackers=(TrackerFact(TRACKER), TrackerFact(UDP)),
    dht_nodes_v4=0,
    dht_nodes_v6=-1,
    dht_sent_bytes=0,
    dht_received_bytes=0,
)
PORT_TAKEN = replace(PORT_80, listen_errors=("0.0.0.0:6881/tcp: Address already in use",))
WRONG_INTERFACE = replace(PORT_80, listen_errors=("10.9.9.9:6881/tcp: Cannot assign requested address",))
SOCKS_DEAD = replace(
    _NOBODY,
    peers_known=0,
    seeds_known=-1,
    proxy_error="SOCKS5 error. op: connect ec: Connection refused",
    trackers=(TrackerFact(TRACKER, error="Connection refused", failures=2),),
)


def _trackers(error: str) -> SwarmFacts:
    return replace(
        _NOBODY, peers_known=0, seeds_known=-1, dht_nodes_v4=0, dht_nodes_v6=0, dht_received_bytes=0,
        trackers=(TrackerFact(TRACKER, error=error, failures=3), TrackerFact(UDP, error="timed out", failures=2)),
    )  # fmt: skip


WRONG_ROOTS = _trackers("certificate verify failed (SSL routines)")
NO_DNS = _trackers("Host not found (authoritative)")
CAPTIVE_PORTAL = _trackers("expected value (list, dict, int or string) in bencoded string")
TRACKER_REFUSED = _trackers("Connection refused")
TRACKER_HANGS = _trackers("timed out")
TRACKER_403 = _trackers("HTTP error: 403 Forbidden")
NO_UDP = replace(
    HEALTHY,
    trackers=(TrackerFact(TRACKER, answered=True, peers=41), TrackerFact(UDP, error="timed out", failures=2)),
    dht_nodes_v4=0,
    dht_nodes_v6=0,
    dht_received_bytes=0,
)
JUST_STARTED = replace(_trackers(""), age_s=4, trackers=(TrackerFact(TRACKER), TrackerFact(UDP)))
NOBODY_THERE = replace(_NOBODY, peers_known=0, seeds_known=0, trackers=(TrackerFact(TRACKER, answered=True),))
NO_SEED = replace(_NOTHING, seeds=0, seeds_known=0, copies=0.4, choked=2)
TCP_DROPPED = replace(_NOBODY, tcp_timeouts=41)
PEERS_GONE = replace(_NOBODY, tcp_refused=38, tcp_timeouts=3)
UDP_BLOCKED = replace(HEALTHY, utp_timeouts=12)
# small UDP passes, large UDP is dropped: µTP opens, even greets, goes silent after 5 s, again every 65 s; TCP is never
# tried; what comes in is ourselves, whom the tracker told us of
UTP_HOLE = replace(_NOBODY, handshakes=1, utp_timeouts=1, utp_read_timeouts=1, incoming=3, peers_known=2, copies=0.0)
UTP_HOLE_WHILE_OPEN = replace(UTP_HOLE, peers=1, seeds=1, copies=1.0)
# a tracker that knows nobody but ourselves
ONLY_US = replace(_NOBODY, incoming=5, peers_known=1, seeds_known=0, copies=0.0)
INSPECTED = replace(_NOBODY, resets=17)
NO_INCOMING = replace(HEALTHY, incoming=0, external_ip="100.77.1.2")
CHOKED = replace(_NOTHING, peers=8, seeds=8, choked=8)
ONE_SEAT = replace(_NOBODY, handshakes=12)
SILENT_PEERS = replace(_NOBODY, peers=3)
BAD_PEERS = replace(_NOTHING, received_bytes=8_388_608, wasted_bytes=8_388_608, hash_failures=4, banned=1, seeds=1)
STUCK_AT_99 = replace(HEALTHY, rate_bytes_s=0.0, copies=0.99, seeds=0)
SLOW_HOLDER = replace(HEALTHY, rate_bytes_s=0.0, choked=22)

WEB_OK = HttpFacts("https://mirror.example.org/train.tar", received_bytes=5_000_000, rate_bytes_s=2e6)
WEB_NO_RANGE = HttpFacts(
    "https://mirror.example.org/train.tar", error="it ignores Range (status 200)", is_given_up=True
)
WEB_503 = HttpFacts("https://mirror.example.org/train.tar", error="503 Service Unavailable", failures=2, retry_in_s=30)
