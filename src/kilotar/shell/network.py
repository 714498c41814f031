"""The flags of everything that fetches or sends: written once, shared by every command that does.

Rules guarded: a rate has its unit in its word and a word that is not understood is a usage error; nothing is imported
of the library before a command runs, since help must be quick.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Literal

from cyclopts import Parameter

import kilotar
from kilotar.errors import UsageError
from kilotar.model.profile import ClientOptions
from kilotar.shell.flags import listed

if TYPE_CHECKING:
    from kilotar import Fetching, HttpOptions

__all__ = ["Network", "parse_ports", "parse_rate"]

MOST_WEB_CONNECTIONS = 16  # to one server: more is bad manners and no faster
_RATE = re.compile(r"([0-9]+(?:\.[0-9]+)?)\s*(k|M|G|)(i?)B?(?:/s)?", re.ASCII)
_STEPS = {"": 0, "k": 1, "M": 2, "G": 3}


@Parameter(name="*")
@dataclass(frozen=True, slots=True, kw_only=True)
class Network:
    """How to fetch, and how to share while doing so."""

    torrent: tuple[Path, ...] = ()
    """A .torrent file to use instead of asking for it; may be repeated."""

    url: tuple[str, ...] = ()
    """A web address of an archive, or of a folder of archives (ends in /); may be repeated."""

    cookie: str = ""
    """Cookie for web servers that ask for a log-in."""

    header: tuple[str, ...] = ()
    """A header for web servers, as "NAME: VALUE"; may be repeated."""

    proxy: str = ""
    """Go through a proxy: socks5://HOST:PORT or http://HOST:PORT."""

    port: str = ""
    """Port to listen on for peers, or a range as 6881-6889. Default: one of our own, remembered."""

    interface: str = ""
    """Address or device for all connections of the peer client."""

    encryption: Literal["", "off", "enabled", "forced"] = ""
    """Of connections to peers. Default: enabled, then whatever helps."""

    upload_limit: str = ""
    """Send at most this much a second: 500k, 2M."""

    download_limit: str = ""
    """Fetch from peers at most this much a second: 500k, 2M."""

    no_upload: bool = False
    """Send nothing to peers; some will give less."""

    seed_ratio: float = 0.0
    """End seeding when this many times the archive was sent."""

    peer: tuple[str, ...] = ()
    """A peer to connect to, as HOST:PORT; may be repeated."""

    tracker: tuple[str, ...] = ()
    """A tracker to ask beside the torrent's own; may be repeated."""

    no_dht: bool = False
    """Do not look for peers in the distributed table."""

    no_lsd: bool = False
    """Do not look for peers in the local network."""

    no_upnp: bool = False
    """Do not ask the router for an open port."""

    allow_private: bool = False
    """Trackers, web servers and peers may lie on this machine or in its network."""

    client: Literal["", "aria2", "transmission"] = ""
    """Hand the transfer to this installed program."""

    client_url: str = ""
    """Of a Transmission daemon's remote control. Default: the one of this machine."""

    positions: Path | None = None
    """A table of the places of classes in the archive, as `index --export-positions` writes."""

    give_up_after: float = 0.0
    """End with an error after so many seconds without a byte. Default: try for ever."""

    connections: int = 0
    """Most connections: to peers together (default 100), to one web server (default 4)."""

    offline: bool = False
    """Ask no site for a .torrent."""

    def fetching(self, way: str = "torrent") -> Fetching:
        """Give how to fetch, for the library; "http" is without peers. Raises: UsageError."""
        return kilotar.Fetching(
            way="http" if way == "http" else "torrent",
            client=self.client,
            client_url=self.client_url,
            torrents=tuple(path.expanduser() for path in self.torrent),
            urls=listed(self.url),
            swarm=self._swarm(),
            http=self._http(),
            positions=self.positions.expanduser() if self.positions else None,
            give_up_after_s=_not_below_zero("--give-up-after", self.give_up_after),
            allow_private=self.allow_private,
            offline=self.offline,
        )

    def _swarm(self) -> ClientOptions:
        return ClientOptions(
            ports=parse_ports(self.port) if self.port else range(0),
            interface=self.interface,
            proxy=self.proxy,
            encryption=self.encryption,
            upload_limit_bytes_s=parse_rate("--upload-limit", self.upload_limit),
            download_limit_bytes_s=parse_rate("--download-limit", self.download_limit),
            no_upload=self.no_upload,
            seed_ratio=_not_below_zero("--seed-ratio", self.seed_ratio),
            dht=not self.no_dht,
            lsd=not self.no_lsd,
            upnp=not self.no_upnp,
            peers=listed(self.peer),
            trackers=listed(self.tracker),
            allow_private=self.allow_private,
            connections=int(_not_below_zero("--connections", self.connections)) or 100,
        )

    def _http(self) -> HttpOptions:
        return kilotar.HttpOptions(
            connections=min(self.connections, MOST_WEB_CONNECTIONS) or 4,
            headers=tuple(map(_parse_header, self.header)),
            cookie=self.cookie,
            proxy=self.proxy or None,
            allow_private=self.allow_private,
        )


def parse_rate(flag: str, word: str) -> int:
    """Give bytes a second: "500k" is 500,000, "2M" 2,000,000, "1Mi" 1,048,576, "" no limit. Raises: UsageError."""
    if not word:
        return 0
    found = _RATE.fullmatch(word.strip())
    if found is None:
        raise UsageError(f"{flag} {word!r} is no rate", seen="a rate is bytes a second", fix=f"{flag} 500k, {flag} 2M")
    number, step, binary = found.groups()
    scale: int = (1024 if binary else 1000) ** _STEPS[step]
    return round(float(number) * scale)


def parse_ports(word: str) -> range:
    """Give the ports of "6881" or "6881-6889". Raises: UsageError."""
    first, dash, last = word.partition("-")
    last = last if dash else first
    if not (first.isdecimal() and last.isdecimal()):
        raise UsageError(f"--port {word!r} is no port", fix="--port 6881 or --port 6881-6889")
    ports = range(int(first), int(last) + 1)
    if not ports or not 1 <= ports[0] <= ports[-1] <= 65535:
        raise UsageError(f"--port {word} is no port", seen="ports are 1 to 65535", fix="--port 6881-6889")
    return ports


def _parse_header(text: str) -> tuple[str, str]:
    name, colon, value = text.partition(":")
    if not colon or not name.strip():
        raise UsageError("--header cannot be read", seen="a header is NAME: VALUE", fix='--header "X-Token: 123"')
    return name.strip(), value.strip()


def _not_below_zero(flag: str, number: float) -> float:
    if not 0 <= number < float("inf"):
        raise UsageError(f"{flag} cannot be {number}")
    return number
