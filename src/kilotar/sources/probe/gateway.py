"""Whether the router opens ports when it is asked: NAT-PMP and UPnP, one question each; nothing is opened.

Rules guarded: only the own gateway and the own network are asked; an answer is a few bytes and nothing in it is
followed.
Source: RFC 6886, 3.2 (NAT-PMP, outer address); UPnP Device Architecture 1.1, 1.3.2 (M-SEARCH).
"""

from __future__ import annotations

import ipaddress
import socket
from pathlib import Path

from kilotar.model.checkup import NatFact
from kilotar.sources.probe.at_once import at_once

__all__ = ["ask_gateway", "default_gateway"]

NAT_PMP_PORT = 5351
SSDP = ("239.255.255.250", 1900)
_SEARCH = (
    b'M-SEARCH * HTTP/1.1\r\nHOST: 239.255.255.250:1900\r\nMAN: "ssdp:discover"\r\nMX: 1\r\n'
    b"ST: urn:schemas-upnp-org:device:InternetGatewayDevice:1\r\n\r\n"
)


def ask_gateway(
    gateway: str = "", *, timeout_s: float = 2.0, nat_pmp_port: int = NAT_PMP_PORT, ssdp: tuple[str, int] = SSDP
) -> NatFact:
    """Ask the gateway; "" takes the one of the default route."""
    there = gateway or default_gateway()
    outer, upnp = at_once(
        [lambda: _nat_pmp(there, nat_pmp_port, timeout_s), lambda: _ssdp(ssdp, timeout_s)], timeout_s + 0.5
    )
    names = (("UPnP", upnp), ("NAT-PMP", outer))
    return NatFact(tuple(name for name, answer in names if answer), outer if outer and outer != "?" else "")


def default_gateway(routes: Path = Path("/proc/net/route")) -> str:
    """Give the address of the default route, "" where there is none. Source: proc(5), /proc/net/route (Linux)."""
    try:
        rows = [line.split() for line in routes.read_text(encoding="ascii").splitlines()[1:]]
    except (OSError, UnicodeDecodeError):
        return ""
    found = [row[2] for row in rows if len(row) > 2 and row[1] == "00000000" and row[2] != "00000000"]
    return str(ipaddress.IPv4Address(bytes.fromhex(found[0])[::-1])) if found else ""


def _nat_pmp(gateway: str, port: int, timeout_s: float) -> str:
    """Give the outer address, "?" where the gateway answers without one, "" where it does not answer."""
    answer = _one_packet((gateway, port), b"\0\0", timeout_s) if gateway else b""
    if len(answer) < 12 or answer[:2] != b"\0\x80":
        return ""
    return str(ipaddress.IPv4Address(answer[8:12])) if answer[2:4] == b"\0\0" else "?"


def _ssdp(there: tuple[str, int], timeout_s: float) -> str:
    return "yes" if _one_packet(there, _SEARCH, timeout_s).startswith(b"HTTP/1.1 200") else ""


def _one_packet(there: tuple[str, int], packet: bytes, timeout_s: float) -> bytes:
    """Send a packet and give the first that comes back, b"" for none."""
    try:
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as sock:
            sock.settimeout(timeout_s)
            sock.sendto(packet, there)
            return sock.recv(2048)
    except OSError:  # no answer, whatever the reason, is the answer
        return b""
