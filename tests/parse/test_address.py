"""Addresses: what points inside is known however it is spelled, and secrets are not shown."""

from __future__ import annotations

import pytest

from kilotar.parse.address import check_url, is_inside, plain_url

WEB = frozenset({"http", "https"})


@pytest.mark.parametrize(
    "host",
    [
        "localhost",
        "LOCALHOST.",
        "a.localhost",
        "printer.local",
        "127.0.0.1",
        "127.0.0.1.",
        "127.1",
        "0x7f000001",
        "0x7f.1",
        "2130706433",
        "0177.0.0.1",
        "0.0.0.0",
        "10.1.2.3",
        "100.64.0.1",
        "169.254.169.254",
        "172.16.0.1",
        "192.168.0.1",
        "224.0.0.1",
        "255.255.255.255",
        "::1",
        "::",
        "fe80::1%eth0",
        "fc00::1",
        "ff02::1",
        "::ffff:10.0.0.1",
        "::ffff:7f00:1",
        "2002:7f00:1::",
        "64:ff9b::10.0.0.1",
    ],
)
def test_what_points_inside_is_known(host: str) -> None:
    assert is_inside(host)


@pytest.mark.parametrize("host", ["example.org", "8.8.8.8", "2606:4700::1111", "::ffff:8.8.8.8", "10.example.org", "a"])
def test_what_points_outside_is_let_through(host: str) -> None:
    assert not is_inside(host)


@pytest.mark.parametrize(
    ("url", "why"),
    [
        ("ftp://example.org/a", "http or https"),
        ("file:///etc/passwd", "host"),
        ("javascript:alert(1)", "host"),
        ("http://", "host"),
        ("http://example.org:99999/", "host"),
        ("http://[::1/", "host"),
        ("http://exam ple.org/", "plain text"),
        ("http://example.org/\r\nX: y", "plain text"),
        ("http://ex\u00e4mple.org/", "plain text"),
        ("http://a\\b.org/", "no name"),
        ("http://-x.org/", "no name"),
        ("http://example.org/" + "a" * 2000, "characters"),
        ("http://user@127.0.0.1/", "private"),
        ("http://[::ffff:192.168.1.1]:8080/", "private"),
    ],
)
def test_an_address_that_is_not_used_has_a_reason(url: str, why: str) -> None:
    assert why in check_url(url, WEB)


def test_a_plain_address_is_used_and_a_private_one_where_it_is_allowed() -> None:
    assert check_url("https://example.org:8443/a/b?c=d", WEB) == ""
    assert check_url("HTTPS://example.org", WEB) == ""
    assert check_url("http://127.0.0.1:1/a", WEB, allow_private=True) == ""
    assert check_url("ftp://127.0.0.1:1/a", WEB, allow_private=True) != ""


@pytest.mark.parametrize(
    ("url", "shown"),
    [
        ("https://user:word@example.org:8443/a.php?passkey=abc#x", "https://example.org:8443/a.php"),
        ("https://example.org/0123456789abcdef0123456789abcdef/announce", "https://example.org/***/announce"),
        ("https://example.org/a1B2c3D4e5F6g7H8i9J0k1L2m3/announce", "https://example.org/***/announce"),
        (f"https://example.org/download/{'ab' * 20}.torrent", f"https://example.org/download/{'ab' * 20}.torrent"),
        ("udp://example.org:1337/announce", "udp://example.org:1337/announce"),
        ("http://[2606:4700::1111]:80/x", "http://[2606:4700::1111]:80/x"),
        ("http://example.org:bad/", "(no address)"),
        ("no address at all", "(no address)"),
    ],
)
def test_an_address_is_shown_without_its_secrets(url: str, shown: str) -> None:
    assert plain_url(url) == shown
