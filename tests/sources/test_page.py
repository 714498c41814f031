"""Documents of the web: whole, in bounds, or refused with what the server said."""

from __future__ import annotations

import socket
import time
from collections.abc import Iterator

import pytest

from kilotar.errors import HttpFailed, UsageError
from kilotar.sources.http.options import HttpOptions
from kilotar.sources.page import fetch_page, walk_page
from tests.doubles.webs import Web, answer, web

HERE = HttpOptions(allow_private=True, proxy="")


@pytest.fixture
def server() -> Iterator[Web]:
    with web() as server:
        yield server


def test_a_document_comes_whole_and_in_parts(server: Web) -> None:
    body = bytes(range(256)) * 4000
    server.says["/a"] = answer(body)

    assert fetch_page(f"{server.url}/a", len(body), HERE) == body
    parts = list(walk_page(f"{server.url}/a", len(body), HERE))
    assert b"".join(parts) == body and len(parts) > 1


def test_a_document_without_a_length_or_in_chunks_comes_whole(server: Web) -> None:
    body = b"x" * 700_000
    server.says["/open"] = b"HTTP/1.1 200 OK\r\nConnection: close\r\n\r\n" + body
    server.says["/chunks"] = b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n" + b"%x\r\n%s\r\n0\r\n\r\n" % (
        len(body),
        body,
    )

    assert fetch_page(f"{server.url}/open", 1 << 20, HERE) == body
    assert fetch_page(f"{server.url}/chunks", 1 << 20, HERE) == body


def test_redirects_are_followed_and_what_was_given_for_one_host_stays_there(server: Web) -> None:
    with web() as other:
        server.says["/a"] = answer(b"", "302 Found", f"Location: {other.url}/b")
        other.says["/b"] = answer(b"good")
        options = HttpOptions(allow_private=True, proxy="", cookie="secret=1")

        assert fetch_page(f"{server.url}/a", 100, options) == b"good"

        assert "secret" in server.heads[0] and "secret" not in other.heads[0]


@pytest.mark.parametrize(
    ("says", "seen"),
    [
        (answer(b"<html><title>Bad gateway</title>", "502 Bad Gateway"), "Bad gateway"),
        (answer(b"nothing", "404 Not Found"), "404"),
        (answer(b"", "302 Found"), "without a Location"),
        (answer(b"", "302 Found", "Location: /a"), "more than 5"),
        (answer(b"", "302 Found", "Location: file:///etc/passwd"), "file"),
        (answer(b"", "302 Found", "Location: ftp://127.0.0.1/"), "ftp"),
        (answer(b"x", "200 OK", "Content-Encoding: gzip"), "gzip"),
        (answer(b"x" * 2000), "1000 bytes"),
        (b"HTTP/1.1 200 OK\r\nConnection: close\r\n\r\n" + b"x" * 2000, "1000 bytes"),
        (b"HTTP/1.1 200 OK\r\nConnection: close\r\n\r\n" + b"x" * 900_000, "1000 bytes|longer"),
        (b"HTTP/1.1 200 OK\r\nContent-Length: 500\r\n\r\nshort", "5 of 500|broke"),
        (b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nab", "broke|valid"),
        (b"SSH-2.0-OpenSSH\r\n", "valid"),
        (b"", "closed|valid"),
        (b"HTTP/1.1 200 OK\r\n" + b"A: b\r\n" * 500 + b"\r\n", "valid"),
    ],
    ids=range(15),
)
def test_what_is_no_document_is_refused_with_what_was_seen(server: Web, says: bytes, seen: str) -> None:
    server.says["/a"] = says

    with pytest.raises(HttpFailed, match=seen) as caught:
        fetch_page(f"{server.url}/a", 1000, HERE)
    assert caught.value.fix


def test_a_server_that_drips_is_cut_when_the_time_is_up(server: Web) -> None:
    def drip(connection: socket.socket, path: str) -> None:
        connection.sendall(b"HTTP/1.1 200 OK\r\n")
        while not server.ended.wait(0.01):
            connection.sendall(b"A")

    server.says["/a"] = drip
    begun = time.monotonic()

    with pytest.raises(HttpFailed):
        fetch_page(f"{server.url}/a", 1000, HERE, total_s=0.3)
    assert time.monotonic() - begun < 10


def test_a_private_address_is_refused_unless_it_is_allowed(server: Web) -> None:
    server.says["/a"] = answer(b"good")
    url = server.url.replace("127.0.0.1", "localhost")

    with pytest.raises(HttpFailed, match="public") as caught:
        fetch_page(f"{url}/a", 100, HttpOptions(proxy=""))

    assert "--allow-private" in caught.value.fix
    assert server.asked == []


def test_secrets_of_an_address_are_not_told(server: Web) -> None:
    with pytest.raises(HttpFailed) as caught:
        fetch_page(f"{server.url}/{'0123456789abcdef' * 2}/x?passkey=secret", 100, HERE)
    assert "secret" not in str(caught.value) and "0123456789abcdef" not in str(caught.value)


def test_what_is_no_address_is_an_error_of_usage() -> None:
    with pytest.raises(UsageError):
        fetch_page("file:///etc/passwd", 100)
