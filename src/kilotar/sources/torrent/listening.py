"""The port to listen on: one of our own choice, remembered, and known to be free before the session starts.

Rules guarded: a port that cannot be bound is never handed on, because without a listener the library asks no tracker at
all and says nothing; a remembered port keeps the holes that a person made in a firewall.
Source: measured with libtorrent 2.1.1.
"""

from __future__ import annotations

import contextlib
import ipaddress
import random
import socket
from pathlib import Path

from kilotar.events import Trouble
from kilotar.model.fetching import Tell
from kilotar.model.profile import LAST_PORT, PLAIN_PORTS, ClientOptions, Profile
from kilotar.sources.torrent.keeping import keep, kept

__all__ = ["choose_port"]

TRIES = 20
_FILE = "port"


def choose_port(options: ClientOptions, profile: Profile, folder: Path, tell: Tell) -> int:
    """Give a port that could be bound a moment ago; 0, for the system to choose, where none of twenty could.

    Args:
        folder: where the port of the last run is remembered.
        tell:   hears of a port that is not the one that was asked for.
    """
    asked = profile.port or _remembered(options, folder)
    reason = ""
    for port in (asked, *random.sample(options.ports or PLAIN_PORTS, min(TRIES, len(options.ports or PLAIN_PORTS)))):
        if not port:
            continue
        error = _refusal(options.interface, port)
        if not error:
            if reason and asked:
                tell(Trouble("port", f"port {asked}", reason, f"listens on port {port} instead"))
            keep(folder / _FILE, str(port).encode())
            return port
        reason = reason or error
    tell(Trouble("port", f"{TRIES} ports", reason, "the system chooses a port; name free ones with --port"))
    return 0


def _remembered(options: ClientOptions, folder: Path) -> int:
    text = kept(folder / _FILE, 5)
    port = int(text) if text.isdigit() else 0
    return port if port in (options.ports or range(1, LAST_PORT + 1)) else 0


def _refusal(interface: str, port: int) -> str:
    """Give why a port cannot be bound, "" where it can. A device name cannot be tried here and passes."""
    try:
        address = ipaddress.ip_address(interface or "0.0.0.0")
    except ValueError:
        return ""
    family = socket.AF_INET6 if address.version == 6 else socket.AF_INET
    for kind in (socket.SOCK_STREAM, socket.SOCK_DGRAM):
        with contextlib.closing(socket.socket(family, kind)) as door:
            if kind == socket.SOCK_STREAM:
                door.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            try:
                door.bind((str(address), port))
            except OSError as error:
                return error.strerror or str(error)
    return ""
