"""An address of the web: taken apart, judged, and shown without its secrets.

Rules guarded: what holds a control character is no address (it would break out of the request); only http and https,
and never from https back to http; user, password, query and passkey are never shown.
"""

from __future__ import annotations

from dataclasses import dataclass
from urllib.parse import SplitResult, quote, unquote, urljoin, urlsplit

from kilotar.errors import HttpFailed, UsageError
from kilotar.parse.address import plain_url

__all__ = ["Address", "follow", "parse_address"]

_PORTS = {"http": 80, "https": 443}
_FIX = "give an address as https://HOST/PATH"
_SAFE = "%/:=&?~#+!$,;'@()*[]"


@dataclass(frozen=True, slots=True)
class Address:
    """Where a request goes: `target` is path and query as sent; user and password are those of the URL, decoded."""

    scheme: str
    host: str
    port: int
    target: str
    user: str = ""
    password: str = ""

    @property
    def authority(self) -> str:
        """Give the host, and the port unless it is the usual one, as the header Host has them."""
        host = f"[{self.host}]" if ":" in self.host else self.host
        return host if self.port == _PORTS[self.scheme] else f"{host}:{self.port}"

    @property
    def url(self) -> str:
        """Give it without user and password, but with the query: for requests through a proxy."""
        return f"{self.scheme}://{self.authority}{self.target}"

    @property
    def shown(self) -> str:
        """Give it as it may be shown and kept: without user, password, query and passkey."""
        return plain_url(self.url)

    def trusts(self, other: Address) -> bool:
        """Tell whether another address may see what was meant for this one: the same host, not less protected."""
        same = (self.scheme, self.port) == (other.scheme, other.port)
        upgraded = (self.scheme, self.port, other.scheme, other.port) == ("http", 80, "https", 443)
        return self.host == other.host and (same or upgraded)


def parse_address(url: str) -> Address:
    """Take an address of the web apart.

    Raises: UsageError, without the secrets that it may hold.
    """
    try:
        parts = urlsplit(_without_controls(url))
        port = parts.port
    except ValueError as error:
        raise UsageError("an address cannot be read", fix=_FIX) from error
    if parts.scheme not in _PORTS or not parts.hostname:
        raise UsageError(f"not an address of the web: {parts.scheme or 'no scheme'}://{parts.hostname or ''}", fix=_FIX)
    return _from_parts(parts, _ascii_host(parts.hostname), _PORTS[parts.scheme] if port is None else port)


def _without_controls(url: str) -> str:
    if any(ord(letter) <= 32 or ord(letter) == 127 for letter in url):  # which `urllib` would drop in silence
        raise UsageError("an address holds blanks, line ends or control characters", fix=_FIX)
    return url


def _ascii_host(host: str) -> str:
    try:
        return host.encode("idna").decode("ascii") if ":" not in host else host
    except UnicodeError as error:
        raise UsageError("the host of an address is no host name", fix="give the name in ASCII") from error


def _from_parts(parts: SplitResult, host: str, port: int) -> Address:
    target = quote(parts.path, safe=_SAFE) or "/"
    target += f"?{quote(parts.query, safe=_SAFE)}" if parts.query else ""
    user, password = unquote(parts.username or ""), unquote(parts.password or "")
    return Address(parts.scheme, host, port, target, user, password)


def follow(here: Address, location: str) -> Address:
    """Give the address that a redirect leads to.

    Raises: HttpFailed where it leads out of the web, or from https to http.
    """
    try:
        there = parse_address(urljoin(here.url, _without_controls(location)))
    except (UsageError, ValueError) as error:
        raise HttpFailed(
            f"{here.shown} leads to something that is not an address of the web", seen=location.partition(":")[0][:20]
        ) from error
    if here.scheme == "https" and there.scheme == "http":
        raise HttpFailed(f"{here.shown} leads from https to http", seen=f"Location: {there.shown}")
    return there
