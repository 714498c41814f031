"""Addresses of the network as text: which of them point inside, and how one is shown without its secrets.

Rules guarded: an address out of somebody's file does not reach into private networks, however it is spelled (`127.1`,
`0x7f.1`, `[::ffff:10.0.0.1]`); names are checked again by whoever connects, for only then is it known where they lead.
What is shown, logged or reported has no user, password, query, or path part that may be a passkey.
Source: IANA's registries of special-purpose addresses, as `ipaddress` has them; WHATWG URL, "ends in a number".
"""

from __future__ import annotations

import ipaddress
import re
from urllib.parse import SplitResult, urlsplit

__all__ = ["check_url", "is_inside", "plain_url"]

_MAX_URL_CHARS = 2000
_SECRET = re.compile(r"[0-9a-fA-F]{16,}|(?=[^/]*\d)(?=[^/]*[A-Za-z])[A-Za-z0-9]{24,}")
_NUMERIC = re.compile(r"\d+|0[xX][0-9a-fA-F]*", re.ASCII)
_NAME = re.compile(r"[A-Za-z0-9_]([A-Za-z0-9_-]*[A-Za-z0-9_])?(\.[A-Za-z0-9_-]+)*\.?", re.ASCII)
_NAT64 = ipaddress.IPv6Network("64:ff9b::/96")


def check_url(url: str, schemes: frozenset[str], *, allow_private: bool = False) -> str:
    """Say why an address of the network is not used, "" where it may be.

    Args:
        url:           as it was given.
        schemes:       those that are spoken, in lower case.
        allow_private: whether it may be a literal of loopback, a private network or a link.
    """
    if len(url) > _MAX_URL_CHARS or not url.isascii() or not url.isprintable() or " " in url:
        return f"it has more than {_MAX_URL_CHARS} characters" if len(url) > _MAX_URL_CHARS else "it is no plain text"
    parts = _split(url)
    if parts is None or not parts.hostname:
        return "it is no address with a host"
    if parts.scheme not in schemes:
        return f"it is not {' or '.join(sorted(schemes))}"
    if ":" not in parts.hostname and not _NAME.fullmatch(parts.hostname):
        return "its host is no name"
    if not allow_private and is_inside(parts.hostname):
        return "it points into a private network or at this machine"
    return ""


def is_inside(host: str) -> bool:
    """Tell whether a host, without looking it up, is this machine, a private network, a link, or nobody's.

    Args:
        host: name, or address of version 4 or 6 without brackets; odd spellings of numbers count as inside.
    """
    host = host.rstrip(".").lower()
    if host == "localhost" or host.endswith((".localhost", ".local")):
        return True
    try:
        address = ipaddress.ip_address(host.partition("%")[0])
    except ValueError:
        return bool(_NUMERIC.fullmatch(host.rpartition(".")[2]))  # 127.1 and 0x7f000001 are addresses to the system
    return _is_special(address)


def _is_special(address: ipaddress.IPv4Address | ipaddress.IPv6Address) -> bool:
    if isinstance(address, ipaddress.IPv6Address):
        embedded = address.ipv4_mapped or address.sixtofour
        if address in _NAT64:
            embedded = ipaddress.IPv4Address(int(address) & 0xFFFFFFFF)
        if embedded is not None:
            return _is_special(embedded)
    return not address.is_global or address.is_multicast


def plain_url(url: str) -> str:
    """Give an address as it may be shown: no user, password, query or fragment, no path part that looks like a key."""
    parts = _split(url)
    if parts is None or not parts.hostname:
        return "(no address)"
    host = f"[{parts.hostname}]" if ":" in parts.hostname else parts.hostname
    port = "" if parts.port is None else f":{parts.port}"
    path = "/".join("***" if _SECRET.fullmatch(part) else part for part in parts.path.split("/"))
    return f"{parts.scheme}://{host}{port}{path}"


def _split(url: str) -> SplitResult | None:
    try:
        parts = urlsplit(url)
        parts.port  # noqa: B018 - raises for a port that is none
    except ValueError:
        return None
    return parts
