"""Addresses of the web: what is refused, what is shown, who is trusted with secrets."""

from __future__ import annotations

import pytest

from kilotar.errors import HttpFailed, UsageError
from kilotar.sources.http.address import follow, parse_address


@pytest.mark.parametrize(
    "url",
    [
        "http://host/a\r\nX-Evil: 1",
        "http://host/a\nb",
        "http://ho\tst/",
        "http://host/a b",
        "http://host/\x7f",
        "file:///etc/passwd",
        "ftp://host/a",
        "data:,a",
        "host/a",
        "http://",
        "http://host:99999/",
        "http://host:x/",
        "http://[::1/",
        "http://" + "a" * 70 + "/",
        "",
    ],
)
def test_what_is_no_address_of_the_web_is_refused(url: str) -> None:
    with pytest.raises(UsageError):
        parse_address(url)


def test_a_refused_address_does_not_show_its_password() -> None:
    with pytest.raises(UsageError) as caught:
        parse_address("ftp://anna:s3cret@host/?t0ken")
    assert not [word for word in ("anna", "s3cret", "t0ken") if word in " ".join(caught.value.lines())]


def test_an_address_is_taken_apart() -> None:
    address = parse_address("https://an%40na:p%3Aw@Host.org:8443/a/b%20c?x=1#frag")
    assert (address.scheme, address.host, address.port) == ("https", "host.org", 8443)
    assert (address.user, address.password) == ("an@na", "p:w")
    assert address.target == "/a/b%20c?x=1"
    assert address.authority == "host.org:8443"
    assert address.shown == "https://host.org:8443/a/b%20c"


@pytest.mark.parametrize(
    ("url", "authority", "target"),
    [
        ("http://host", "host", "/"),
        ("http://host:80/", "host", "/"),
        ("https://[2001:db8::1]/x", "[2001:db8::1]", "/x"),
        ("https://[2001:db8::1]:444/x", "[2001:db8::1]:444", "/x"),
        ("http://bücher.example/ä", "xn--bcher-kva.example", "/%C3%A4"),
        ("http://host/?q=ü", "host", "/?q=%C3%BC"),
    ],
)
def test_host_and_target_are_as_they_are_sent(url: str, authority: str, target: str) -> None:
    address = parse_address(url)
    assert (address.authority, address.target) == (authority, target)


@pytest.mark.parametrize(
    ("location", "url"),
    [
        ("/c", "https://host/c"),
        ("c?d", "https://host/a/c?d"),
        ("//other/c", "https://other/c"),
        ("https://other:444/c", "https://other:444/c"),
    ],
)
def test_a_redirect_is_followed(location: str, url: str) -> None:
    assert follow(parse_address("https://host/a/b"), location).url == url


@pytest.mark.parametrize(
    "location", ["http://host/a", "file:///a", "ftp://host/", "data:,x", "javascript:x", "https://[/", "/a\r\nb"]
)
def test_a_redirect_out_of_the_web_or_to_http_is_refused(location: str) -> None:
    with pytest.raises(HttpFailed):
        follow(parse_address("https://anna:s3cret@host/a/b"), location)


@pytest.mark.parametrize(
    ("other", "trusted"),
    [
        ("http://host/elsewhere", True),
        ("https://host/", True),
        ("http://host:8080/", False),
        ("https://host:444/", False),
        ("http://evil.host/", False),
        ("http://host.evil/", False),
    ],
)
def test_only_the_same_host_is_trusted(other: str, trusted: bool) -> None:
    assert parse_address("http://host/a").trusts(parse_address(other)) is trusted


def test_https_does_not_trust_http() -> None:
    assert not parse_address("https://host/").trusts(parse_address("http://host/"))
