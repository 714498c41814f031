"""What a person may ask of the way to a web server.

Rules guarded: nothing given by a person can break out of the line of a request in which it is sent.
"""

from __future__ import annotations

from dataclasses import dataclass

from kilotar.errors import UsageError

__all__ = ["HttpOptions"]


@dataclass(frozen=True, slots=True)
class HttpOptions:
    """How to ask.

    Attributes:
        connections: to one host at a time, in this process, at least 1.
        timeout_s:   without any byte, until a connection counts as dead.
        min_rate_bytes_s: of one connection, over a minute of waiting for bytes; a slower one is cut and opened again.
        headers:     sent to the host of the address itself, never to another.
        cookie:      the same, as the value of the header Cookie.
        proxy:       address of an HTTP proxy; "" for none, None for what the environment says (HTTPS_PROXY, NO_PROXY).
        allow_private: loopback, private and link-local addresses may be connected to (a mirror in the own network).
        user_agent:  who asks.
    Raises: UsageError.
    """

    connections: int = 4
    timeout_s: float = 60.0
    min_rate_bytes_s: int = 1024
    headers: tuple[tuple[str, str], ...] = ()
    cookie: str = ""
    proxy: str | None = None
    allow_private: bool = False
    user_agent: str = "kilotar"

    def __post_init__(self) -> None:
        if self.connections < 1 or self.timeout_s <= 0:
            raise UsageError("a web server needs at least 1 connection and more than 0 seconds")
        for name, value in (*self.headers, ("Cookie", self.cookie), ("User-Agent", self.user_agent)):
            if not name.replace("-", "").replace("_", "").isalnum() or not f"{name}{value}".isascii():
                raise UsageError(f"{name!r} cannot be the name of a header", fix="give it as NAME: VALUE, in ASCII")
            if any((ord(letter) < 32 and letter != "\t") or ord(letter) == 127 for letter in value):
                raise UsageError(f"the value of {name} holds control characters", fix="give it without line ends")
