"""How to speak with a swarm: what the ladder changes when nothing comes, and what the person asked for.

Rules guarded: a profile is a value, so that the ladder can be tested without a client; a new profile means a new
session; options are the person's and no rung of the ladder overrides them. µTP is off unless a rung asks for it.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

__all__ = ["FIRST", "LAST_PORT", "PLAIN_PORTS", "ClientOptions", "Encryption", "Profile"]

Encryption = Literal["off", "enabled", "forced"]
LAST_PORT = 65535
PLAIN_PORTS = range(20000, 60000)  # above what needs a right, below most systems' ports for outgoing connections


@dataclass(frozen=True, slots=True)
class Profile:
    """One rung of the ladder.

    Attributes:
        name:       as a person reads it: "TCP", "TCP and µTP", ...
        utp:        µTP beside TCP. Off first: where large UDP is dropped, a client that tries it gets nothing.
        encryption: "enabled" speaks both; "forced" wants the handshake and the stream obfuscated (RC4).
        port:       to listen on; 0 for the remembered one, a random one of `PLAIN_PORTS` the first time.
    """

    name: str = "TCP"
    utp: bool = False
    encryption: Encryption = "enabled"
    port: int = 0


FIRST = Profile()


@dataclass(frozen=True, slots=True)
class ClientOptions:
    """What the person asked of a BitTorrent client.

    Attributes:
        ports:      to listen on, half-open; empty for the profile's. One is chosen and remembered.
        interface:  address or device name to listen on and to go out from; "" for all.
        proxy:      "socks5://[USER:PASSWORD@]HOST:PORT" or "http://..."; "" for none. Then all connections use it.
        encryption: "" leaves it to the profile.
        upload_limit_bytes_s, download_limit_bytes_s: 0 for no limit.
        no_upload:  send nothing. Seeds that count will give less.
        seed_ratio: sent over the archive's size at which seeding ends by itself; 0 for never.
        dht, lsd, upnp: the distributed table; peers on the same network; ask the gateway for a port (NAT-PMP too).
        peers:      "HOST:PORT" to connect to whatever trackers say.
        trackers:   announce addresses to try beside the torrent's.
        allow_private: trackers may lie on loopback and in private networks.
        connections: of all torrents together, at most.
        tls_roots:  a bundle of certificates for trackers over HTTPS; "" for the system's.
    """

    ports: range = range(0)
    interface: str = ""
    proxy: str = ""
    encryption: Encryption | Literal[""] = ""
    upload_limit_bytes_s: int = 0
    download_limit_bytes_s: int = 0
    no_upload: bool = False
    seed_ratio: float = 0.0
    dht: bool = True
    lsd: bool = True
    upnp: bool = True
    peers: tuple[str, ...] = ()
    trackers: tuple[str, ...] = ()
    allow_private: bool = False
    connections: int = 100
    tls_roots: str = ""

    def __post_init__(self) -> None:
        if self.ports and not 1 <= self.ports[0] <= self.ports[-1] <= LAST_PORT:
            raise ValueError(f"no such ports: {self.ports}")
        if min(self.upload_limit_bytes_s, self.download_limit_bytes_s, self.seed_ratio) < 0:
            raise ValueError("a limit is below 0")
