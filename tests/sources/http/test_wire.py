"""The way to a server: certificates, proxies, redirects, and where a connection must not lead."""

from __future__ import annotations

import socket
from collections.abc import Iterator
from pathlib import Path

import pytest

from kilotar.errors import HttpFailed, UsageError
from kilotar.sources.http import HttpOptions, Probed, probe
from kilotar.sources.http.address import parse_address
from kilotar.sources.http.answer import judge
from kilotar.sources.http.asking import Asking
from kilotar.sources.http.failing import Failure
from kilotar.sources.http.wire import Wire
from tests.doubles import servers
from tests.doubles.certificates import Authority
from tests.doubles.landings import payload
from tests.doubles.servers import Exchange, Server

DATA = payload(5000)
HERE = HttpOptions(timeout_s=5.0, proxy="", allow_private=True)
PUBLIC = HttpOptions(timeout_s=5.0, proxy="")
PROXY_VARIABLES = ("http_proxy", "https_proxy", "all_proxy", "no_proxy")


@pytest.fixture(autouse=True)
def _no_variables_from_outside(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in PROXY_VARIABLES:
        monkeypatch.delenv(name, raising=False)
        monkeypatch.delenv(name.upper(), raising=False)
    for name in ("REQUESTS_CA_BUNDLE", "SSL_CERT_FILE"):
        monkeypatch.delenv(name, raising=False)


@pytest.fixture(scope="module")
def authority(tmp_path_factory: pytest.TempPathFactory) -> Authority:
    return Authority(tmp_path_factory.mktemp("ca"))


@pytest.fixture
def other() -> Iterator[Server]:
    """Another host: the same machine by another address."""
    with Server(DATA, host="127.0.0.2") as server:
        yield server


def failure_of(url: str, options: HttpOptions = HERE) -> str:
    with pytest.raises(HttpFailed) as caught:
        probe(url, options)
    return "\n".join(caught.value.lines())


def test_a_probe_tells_what_the_server_has() -> None:
    with Server(DATA) as server:
        found = probe(server.url, HERE)
        assert found == Probed(server.url, 5000, '"one"', "Mon, 02 Jan 2012 00:00:00 GMT", True)
        assert server.asked[0].headers["range"] == "bytes=0-0"
        assert server.asked[0].headers["accept-encoding"] == "identity"


def test_a_probe_tells_that_ranges_are_ignored() -> None:
    with Server(DATA, then=servers.whole()) as server:
        found = probe(server.url, HERE)
        assert (found.size_bytes, found.has_ranges) == (5000, False)


@pytest.mark.parametrize(
    ("behaviour", "words"),
    [
        (servers.status(404), "404 Not Found"),
        (servers.status(403), "403 Forbidden"),
        (servers.status(503, Retry_After=3), "503 Service Unavailable"),
        (servers.page, "log in"),
        (servers.whole(body=b"<html>", kind=""), "a web page instead of the archive"),
        (servers.garbage, "no valid HTTP answer"),
        (servers.reset_after(-1), "reset by peer"),
        (servers.part(told=False), "206 without a valid Content-Range"),
    ],
)
def test_a_probe_that_fails_has_the_true_cause(behaviour: servers.Behaviour, words: str) -> None:
    with Server(DATA, then=behaviour) as server:
        lines = failure_of(server.url)
    assert words in lines
    assert "Success" not in lines


def test_a_probe_shows_no_secrets() -> None:
    with Server(DATA, then=servers.status(401)) as server:
        lines = failure_of(server.url.replace("//", "//anna:s3cret@") + "?t0ken=1")
    assert not [word for word in ("anna", "s3cret", "t0ken") if word in lines]


# Certificates, row 85


def test_a_certificate_of_the_users_own_authority_is_believed(
    authority: Authority, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SSL_CERT_FILE", str(authority.bundle))
    with Server(DATA, tls=authority.server("good")) as server:
        assert probe(server.url, HERE).size_bytes == 5000


def test_requests_ca_bundle_goes_before_ssl_cert_file(
    authority: Authority, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setenv("REQUESTS_CA_BUNDLE", str(authority.bundle))
    monkeypatch.setenv("SSL_CERT_FILE", str(tmp_path / "none"))
    with Server(DATA, tls=authority.server("good")) as server:
        assert probe(server.url, HERE).size_bytes == 5000


def test_an_unknown_authority_is_refused(authority: Authority) -> None:
    with Server(DATA, tls=authority.server("good")) as server:
        assert "certificate of 127.0.0.1 is not valid" in failure_of(server.url)
        assert server.asked == []


def test_an_expired_certificate_is_refused(authority: Authority, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SSL_CERT_FILE", str(authority.bundle))
    with Server(DATA, tls=authority.server("old", is_expired=True)) as server:
        assert "certificate has expired" in failure_of(server.url)


def test_a_certificate_of_another_host_is_refused(authority: Authority, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SSL_CERT_FILE", str(authority.bundle))
    with Server(DATA, tls=authority.server("other", "DNS:other.example")) as server:
        assert "certificate of 127.0.0.1 is not valid: IP address mismatch" in failure_of(server.url)


def test_a_bundle_that_is_not_there_is_named(authority: Authority, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SSL_CERT_FILE", "/nowhere/ca.pem")
    with Server(DATA, tls=authority.server("good")) as server:
        assert "'/nowhere/ca.pem' cannot be read" in failure_of(server.url)


def test_https_that_is_http_is_told() -> None:
    with Server(DATA) as server:
        assert "wrong version number" in failure_of(server.url.replace("http:", "https:")).lower().replace("_", " ")


# Redirects and private addresses, row 84


def test_a_redirect_to_another_host_takes_no_secrets_along(other: Server) -> None:
    secret = HttpOptions(proxy="", allow_private=True, headers=(("X-Token", "t0ken"),), cookie="session=1")
    with Server(DATA, then=servers.redirect(other.url)) as server:
        assert probe(server.url.replace("//", "//anna:s3cret@"), secret).size_bytes == 5000
    assert {"authorization", "cookie", "x-token"} <= server.asked[0].headers.keys()
    assert not {"authorization", "cookie", "x-token"} & other.asked[0].headers.keys()


def test_a_redirect_on_the_same_host_takes_them_along() -> None:
    secret = HttpOptions(proxy="", allow_private=True, cookie="session=1")
    with Server(DATA, [servers.redirect("/there")]) as server:
        probe(server.url.replace("//", "//anna:s3cret@"), secret)
    assert server.asked[1].target == "/there"
    assert server.asked[1].headers["cookie"] == "session=1"
    assert server.asked[1].headers["authorization"] == server.asked[0].headers["authorization"]


def test_a_redirect_from_https_to_http_is_refused(
    other: Server, authority: Authority, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SSL_CERT_FILE", str(authority.bundle))
    with Server(DATA, then=servers.redirect(other.url), tls=authority.server("good")) as server:
        assert "leads from https to http" in failure_of(server.url)
    assert other.asked == []


def test_five_redirects_are_followed_and_six_are_not() -> None:
    ways = [servers.redirect(f"/{number}") for number in range(6)]
    with Server(DATA, ways[:5]) as server:
        assert probe(server.url, HERE).size_bytes == 5000
    with Server(DATA, ways) as server:
        assert "more than 5 redirects" in failure_of(server.url)


def test_where_a_redirect_led_is_asked_directly_until_it_is_refused() -> None:
    with Server(DATA, [servers.redirect("/signed?1"), servers.honest, servers.honest]) as server:
        server.then = servers.honest
        asking, wire = Asking(parse_address(server.url), HERE), Wire(HERE)
        for _ in range(2):
            asking.get(wire, 0, 1)
            wire.close()
        script = [servers.status(403), servers.redirect("/signed?2"), servers.honest]
        server.resume(script)
        asking.get(wire, 0, 1)
        wire.close()
    targets = [exchange.target for exchange in server.asked]
    assert targets == ["/archive.tar", "/signed?1", "/signed?1", "/signed?1", "/archive.tar", "/signed?2"]


@pytest.mark.parametrize("host", ["127.0.0.1", "localhost", "0.0.0.0", "127.1", "2130706433", "[::ffff:127.0.0.1]"])
def test_loopback_is_not_connected_to_unless_allowed(host: str) -> None:
    with Server(DATA) as server:
        url = server.url.replace("127.0.0.1", host)
        assert "--allow-private" in failure_of(url, PUBLIC)
        assert server.connections == 0


@pytest.mark.parametrize(
    "ip", ["10.0.0.1", "169.254.169.254", "192.168.1.1", "172.16.0.1", "100.64.0.1", "[fe80::1]", "[fc00::1]"]
)
def test_private_and_link_local_addresses_are_refused_before_anything_is_sent(ip: str) -> None:
    assert "not an address of the public internet" in failure_of(f"http://{ip}/x", PUBLIC)


def test_a_public_name_that_leads_inside_is_refused_by_its_address(monkeypatch: pytest.MonkeyPatch) -> None:
    """The address that is connected to is judged, not the name, which may lead elsewhere a second later."""
    with Server(DATA) as server:
        place = (socket.AF_INET, socket.SOCK_STREAM, 6, "", ("127.0.0.1", server.port))
        monkeypatch.setattr(socket, "getaddrinfo", lambda *_, **__: [place])
        assert "mirror.example is 127.0.0.1" in failure_of(f"http://mirror.example:{server.port}/x", PUBLIC)
        assert server.connections == 0
        assert probe(f"http://mirror.example:{server.port}/x", HERE).size_bytes == 5000


# Proxies and IPv6, row 86


def test_a_proxy_of_the_environment_is_asked_for_http(monkeypatch: pytest.MonkeyPatch) -> None:
    with Server(DATA) as proxy:
        monkeypatch.setenv("http_proxy", f"http://anna:s3cret@127.0.0.1:{proxy.port}")
        assert probe("http://mirror.example/a?b", HttpOptions()).size_bytes == 5000
    assert proxy.asked[0].target == "http://mirror.example/a?b"
    assert proxy.asked[0].headers["host"] == "mirror.example"
    assert proxy.asked[0].headers["proxy-authorization"] == "Basic YW5uYTpzM2NyZXQ="


def test_no_proxy_is_kept_to(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("http_proxy", "http://127.0.0.1:1")
    monkeypatch.setenv("no_proxy", "127.0.0.1")
    with Server(DATA) as server:
        assert probe(server.url, HttpOptions(allow_private=True)).size_bytes == 5000


def test_https_goes_through_a_tunnel_and_secrets_stay_inside(
    authority: Authority, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SSL_CERT_FILE", str(authority.bundle))
    with Server(DATA, tls=authority.server("good")) as server, Server(b"", then=servers.tunnel) as proxy:
        options = HttpOptions(proxy=f"http://127.0.0.1:{proxy.port}", allow_private=True, cookie="session=1")
        assert probe(server.url, options).size_bytes == 5000
        assert proxy.asked[0].target == f"127.0.0.1:{server.port}"
        assert "cookie" not in proxy.asked[0].headers
        assert server.asked[0].headers["cookie"] == "session=1"


def test_a_proxy_that_refuses_is_named() -> None:
    with Server(b"", then=servers.status(407)) as proxy:
        options = HttpOptions(proxy=f"http://anna:s3cret@127.0.0.1:{proxy.port}")
        lines = failure_of("https://mirror.example/x", options)
    assert f"the proxy 127.0.0.1:{proxy.port} answered 407" in lines
    assert "s3cret" not in lines


@pytest.mark.parametrize("proxy", ["socks5://127.0.0.1:1", "https://127.0.0.1:1"])
def test_a_proxy_of_another_kind_is_refused_in_words(proxy: str) -> None:
    assert "cannot be used" in failure_of("http://mirror.example/x", HttpOptions(proxy=proxy))


@pytest.mark.parametrize("host", ["127.0.0.1", "localhost", "10.0.0.1", "[::1]", "127.1"])
def test_a_proxy_is_not_asked_for_private_addresses(host: str) -> None:
    with Server(DATA) as proxy:
        options = HttpOptions(proxy=f"http://127.0.0.1:{proxy.port}")
        assert "--allow-private" in failure_of(f"http://{host}/x", options)
        assert proxy.asked == []


def test_ipv6_alone_works() -> None:
    with Server(DATA, host="::1") as server:
        assert probe(server.url, HERE).size_bytes == 5000


# One connection


def test_a_connection_is_used_again_and_its_idle_end_is_no_failure() -> None:
    with Server(DATA) as server:
        asking, wire, buffer = Asking(parse_address(server.url), HERE), Wire(HERE), memoryview(bytearray(100))
        for start in (0, 100):
            asking.get(wire, start, start + 100)
            assert wire.read(buffer, "host") == 100
            assert bytes(buffer) == DATA[start : start + 100]
        assert server.connections == 1
        server.stop()
        server.listen(server.port)
        asking.get(wire, 200, 300)
        wire.close()
    assert server.connections == 2


def test_a_connection_with_bytes_left_over_is_not_used_again() -> None:
    span = "HTTP/1.1 206 Partial Content\r\nContent-Range: bytes %d-%d/5000\r\nContent-Length: 1\r\n\r\n"
    forged = (span % (0, 0)).encode() + DATA[:1] + (span % (5, 5)).encode() + b"X"

    def at_once(exchange: Exchange) -> bool:
        exchange.send(forged)
        return True

    with Server(DATA, [at_once]) as server:
        asking, wire, one = Asking(parse_address(server.url), HERE), Wire(HERE), memoryview(bytearray(1))
        for start in (0, 5):
            asking.get(wire, start, start + 1)
            assert wire.read(one, "host") == 1
            assert bytes(one) == DATA[start : start + 1]
        wire.close()
    assert server.connections == 2


def test_a_cut_connection_stays_closed() -> None:
    with Server(DATA) as server:
        wire = Wire(HERE)
        wire.cut()
        with pytest.raises(Failure):
            wire.ask(parse_address(server.url), ())
    assert server.asked == []


@pytest.mark.parametrize(
    "headers",
    [(("X", "a\r\nb"),), (("X\r\nY", "a"),), (("X Y", "a"),), (("", "a"),), (("X", "\x00"),), (("X", "ü"),)],
)
def test_headers_that_break_out_of_their_line_are_refused(headers: tuple[tuple[str, str], ...]) -> None:
    with pytest.raises(UsageError):
        HttpOptions(headers=headers)


def test_a_cookie_that_breaks_out_of_its_line_is_refused() -> None:
    with pytest.raises(UsageError):
        HttpOptions(cookie="a\r\nX: b")


def test_the_judge_is_not_fooled_by_two_ranges() -> None:
    with Server(DATA, then=servers.part(more=(("content-range", "bytes 0-0/5000"),))) as server:
        wire = Wire(HERE)
        response = wire.ask(parse_address(server.url), [("Range", "bytes=0-0")])
        with pytest.raises(Failure, match="without a valid Content-Range"):
            judge(response, 0, 1, 5000)
        wire.close()
