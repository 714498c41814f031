"""The proxy on the way to a server.

Rules guarded: what the environment says is kept to (HTTPS_PROXY, ALL_PROXY, NO_PROXY); a proxy of a kind that is not
spoken is refused in words, never gone around; it sees the host of a tunnel, and nothing of what goes through.
"""

from __future__ import annotations

import base64
import http.client
import socket
import urllib.request

from kilotar.errors import UsageError
from kilotar.sources.http.address import Address, parse_address
from kilotar.sources.http.failing import Cause, Failure
from kilotar.sources.http.options import HttpOptions

__all__ = ["basic", "proxy_for", "proxy_headers", "tunnel"]


def proxy_for(address: Address, options: HttpOptions) -> Address | None:
    """Give the proxy to go through, None where there is none. Raises Failure for one of a kind that is not known."""
    url = options.proxy
    if url is None:
        known = urllib.request.getproxies()
        url = known.get(address.scheme) or known.get("all") or ""
        if url and urllib.request.proxy_bypass(f"{address.host}:{address.port}"):
            url = ""
    if not url:
        return None
    try:
        proxy = parse_address(url if "://" in url else f"http://{url}")
    except UsageError as error:
        kind = url.partition("://")[0]
        raise Failure(
            Cause.UNTRUSTED, f"a proxy of the kind {kind} cannot be used", advice="give an http proxy"
        ) from error
    if proxy.scheme != "http":
        raise Failure(
            Cause.UNTRUSTED, "a proxy that is itself reached by https cannot be used", advice="give an http proxy"
        )
    return proxy


def proxy_headers(proxy: Address) -> list[tuple[str, str]]:
    """Give the header that opens a proxy with user and password."""
    return [("Proxy-Authorization", basic(proxy))] if proxy.user else []


def basic(address: Address) -> str:
    """Give user and password of an address as the value of an Authorization header."""
    return "Basic " + base64.b64encode(f"{address.user}:{address.password}".encode()).decode("ascii")


def tunnel(sock: socket.socket, proxy: Address, address: Address) -> None:
    """Ask a proxy to pass bytes on to a server. Raises: Failure, OSError, http.client.HTTPException."""
    host = f"[{address.host}]" if ":" in address.host else address.host
    lines = [f"CONNECT {host}:{address.port} HTTP/1.1", f"Host: {host}:{address.port}"]
    lines += [f"{name}: {value}" for name, value in proxy_headers(proxy)]
    sock.sendall("\r\n".join((*lines, "", "")).encode("latin-1"))
    answer = http.client.HTTPResponse(sock, method="CONNECT")
    answer.begin()
    if answer.status != 200:
        text = f"the proxy {proxy.authority} answered {answer.status} {answer.reason} for {address.authority}"
        raise Failure(Cause.NETWORK, text, status=answer.status)
