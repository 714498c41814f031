"""Which trackers are asked, and which addresses of peers a person gave.

Rules guarded: a .torrent comes from elsewhere, so its trackers may not point into this machine or network unless the
person allows it; only announce schemes that the library speaks pass. Names are not resolved here: the library's own
mitigation (a fixed path on loopback, certificates checked) stands behind this.
"""

from __future__ import annotations

import socket

from kilotar.errors import UsageError
from kilotar.events import Trouble
from kilotar.model.fetching import Tell
from kilotar.model.profile import LAST_PORT
from kilotar.parse.address import check_url, plain_url

__all__ = ["endpoints", "usable"]

SCHEMES = frozenset({"http", "https", "udp"})

Endpoint = tuple[str, int]


def usable(
    tiers: tuple[tuple[str, ...], ...], more: tuple[str, ...], allow_private: bool, tell: Tell
) -> list[Endpoint]:
    """Give the trackers to ask, each with its tier; those that are refused are told.

    Args:
        tiers: of the torrent.
        more:  from the person, who is believed; a tier before all others.
    """
    asked: dict[str, int] = dict.fromkeys(more, 0)
    for tier, urls in enumerate(tiers, start=1):
        for url in urls:
            reason = check_url(url, SCHEMES, allow_private=allow_private)
            if reason:
                advice = "--allow-private lets trackers of this network pass"
                tell(Trouble("tracker-refused", plain_url(url), reason, advice))
            else:
                asked.setdefault(url, tier)
    return list(asked.items())


def endpoints(peers: tuple[str, ...]) -> list[Endpoint]:
    """Give the addresses of peers "HOST:PORT"; names are resolved, and one that is not known now is left out.

    Raises: UsageError for what has another form.
    """
    found: list[Endpoint] = []
    for peer in peers:
        host, _, port = peer.rpartition(":")
        if not host or not (port.isascii() and port.isdigit()) or not 0 < int(port) <= LAST_PORT:
            raise UsageError("that is no address of a peer", seen=repr(peer), fix="give it as HOST:PORT")
        found += _resolved(host.strip("[]"), int(port))
    return found


def _resolved(host: str, port: int) -> list[Endpoint]:
    try:
        answers = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)
    except OSError:
        return []
    return [(str(answer[4][0]), port) for answer in answers[:1]]
