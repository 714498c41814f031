"""What the error of a tracker means, and what helps: one table for every place that meets one.

Source: the words that libtorrent 2.1.1, Python and trackers used for each trouble when it was made on purpose (wrong
roots, captive portal, dropped UDP, bot protection).
"""

from __future__ import annotations

__all__ = ["tracker_advice"]

_CERTIFICATE = (
    "its certificate could not be checked: install ca-certificates; behind a company's proxy point SSL_CERT_FILE at "
    "its root; a wrong clock does this too"
)
_SIGNS = (
    (("certificate", "ssl routines", "tls"), _CERTIFICATE),
    (
        (
            "looked up",
            "host not found",
            "name or service",
            "name resolution",
            "no address associated",
            "nodename",
            "getaddrinfo",
        ),
        "its name could not be looked up: check the resolver (DNS) of this network",
    ),
    (("refused",), "nobody listens there, or the network refuses for it; other trackers are used meanwhile"),
    (
        ("403", "forbidden"),
        "it or a guard in front of it refuses robots; other trackers are used meanwhile; look with a browser from here",
    ),
    (
        ("bencod", "web page", "expected value", "not what a tracker"),
        "something else answers in its place: a log-in page of this network? Log in with a browser",
    ),
    (("timed out", "timeout", "no answer"), "no answer: it is down, or this network drops what goes there"),
    (("unreachable", "no route"), "this machine has no way there: check the network connection"),
    (("unregistered", "not registered", "info_hash", "not authorized"), "it answers, but does not know this torrent"),
    (("ssrf", "private network"), "its address points inside this network, which a torrent may not ask for"),
)


def tracker_advice(error: str, *, is_udp: bool = False) -> str:
    """Give what helps against a tracker's error, "" where nobody knows."""
    words = error.lower()
    if is_udp and any(sign in words for sign in ("timed out", "timeout", "no answer")):
        return "UDP is dropped on the way; harmless where another tracker answers"
    return next((advice for signs, advice in _SIGNS if any(sign in words for sign in signs)), "")
