"""The alarming states of BitTorrent clients, explained: what it means, whether it matters, what helps.

Source: read in Transmission 2.92 (`tr-dht.c`, its back-off times) and measured in networks that were made to show each
state; what follows from source alone says so.
"""

from __future__ import annotations

from dataclasses import dataclass

__all__ = ["EXPLANATIONS", "Explanation"]


@dataclass(frozen=True, slots=True)
class Explanation:
    """One state: the word to ask for it, how a person meets it, and paragraphs of plain text."""

    topic: str
    title: str
    paragraphs: tuple[str, ...]


EXPLANATIONS = (
    Explanation(
        "ipv6-dht",
        '"IPv6 DHT not ready"',
        (
            "It sounds like the cause, and it is not. The DHT is an optional way to find peers, and its IPv6 half is "
            "the optional half of that. The line only says that fewer than a handful of IPv6 nodes are known yet.",
            "It cannot stop a torrent that has a tracker, or an IPv4 DHT, or that already lists peers. If your client "
            "showed peers, look at what happened with them: see no-bytes.",
            "Nothing needs to be done. Port 80 does not help either: an ordinary user cannot open a port below 1024, "
            "and a client told to use one then listens nowhere.",
        ),
    ),
    Explanation(
        "0-peers",
        "No peers are found",
        (
            "Peers are named by trackers, by the DHT, by other peers, or by you (--peer HOST:PORT). Any one of them is "
            "enough. `kilotar doctor` shows which of them answers from here.",
            "Where none answers, this network most likely blocks BitTorrent, as many universities and companies do. "
            "Then: kilotar get ROOT --from http takes the same file from web servers and checks it by the torrent's "
            "hashes; or --proxy socks5://HOST:PORT; or fetch it elsewhere and bring the file: kilotar adopt FILE.",
            "Where trackers answer and name nobody, nobody is there at this moment. Waiting may help; HTTP does.",
            "A client that could open no port may never ask a tracker at all: leave --port away.",
        ),
    ),
    Explanation(
        "no-bytes",
        "Peers are found, and nothing starts",
        (
            "The best known cause is µTP: clients try it before TCP, and some firewalls and tunnels let its small "
            "packets pass and drop the large ones. The peer is connected, 0 % stays 0 %, and TCP is never tried. "
            "This was made on purpose: with µTP not a byte came for minutes; with TCP alone it began within a second. "
            "kilotar begins with TCP alone. In another client: switch µTP off.",
            "Another: after a failed connect, older clients wait 10 s, 2 min, 15 min, 30 min, 1 h and then 2 h. In a "
            "swarm of a few seeds that can last a day, and a restart looks like the cure.",
            "Or outgoing connects to high ports are blocked (all of them time out): another network, a VPN, --proxy, "
            "or --from http.",
            "Or all peers let you wait (choked): their upload slots are taken. Wait; a restart loses your place.",
            "What helps in any client: µTP off, encryption allowed, one high port. Not port 80.",
        ),
    ),
    Explanation(
        "99",
        "Stuck at 99 %",
        (
            "The last pieces often hang on one slow peer, or nobody who is connected has them.",
            "kilotar asks web servers for exactly these pieces when the last percent crawls; waiting costs nothing, "
            "and what has arrived is kept.",
            "In another client, pieces may also be marked as there and be wrong: its command to check again (force "
            "recheck) finds them. kilotar repair FILE does the same for any file, and fetches only the bad pieces.",
        ),
    ),
)
