"""A daemon that refuses, talks nonsense, or never ends: each is told as what it is, in bounded time and memory."""

from __future__ import annotations

import base64
import http.server
import json
import threading
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from kilotar.errors import AccessDenied, ClientFailed, DiskFull, KilotarError, UsageError
from kilotar.events import Trouble
from kilotar.model.fetching import PieceWish
from kilotar.model.profile import ClientOptions
from kilotar.parse.torrent import make_torrent
from kilotar.sources import rpc
from kilotar.sources.transmission import transmission
from kilotar.sources.transmission_rpc import Daemon
from tests.doubles.landings import FileLanding, payload, table_of
from tests.peers.lab import until

DATA = payload(5 * 16384)
TORRENT = make_torrent(table_of(DATA, 16384))
Script = Callable[[str, dict[str, Any]], tuple[int, bytes]]


class Server:
    """Answers as a script says; wants a session id first, as the real one does.

    Attributes:
        answer: takes method and arguments, gives status and body.
        asked:  methods that came through.
        logins: what was sent as "Authorization".
    """

    def __init__(self) -> None:
        self.answer: Script = lambda method, arguments: (200, b"{}")
        self.asked: list[str] = []
        self.logins: set[str] = set()
        self.session_id = "one"
        outer = self

        class Handler(http.server.BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                request = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
                outer.logins.add(self.headers.get("Authorization", ""))
                if self.headers.get("X-Transmission-Session-Id") != outer.session_id:
                    self._send(409, b"<h1>409</h1>")
                    return
                outer.asked.append(request["method"])
                self._send(*outer.answer(request["method"], request["arguments"]))

            def _send(self, status: int, body: bytes) -> None:
                self.send_response(status)
                self.send_header("X-Transmission-Session-Id", outer.session_id)
                self.send_header("Content-Length", str(len(body)))
                self.send_header("Location", "http://127.0.0.1:1/")
                self.end_headers()
                self.wfile.write(body)

            def log_message(self, *words: object) -> None:
                """Say nothing."""

        self._server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self._thread = threading.Thread(target=self._server.serve_forever, args=(0.01,))
        self._thread.start()

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self._server.server_address[1]}/transmission/rpc"

    def close(self) -> None:
        self._server.shutdown()
        self._server.server_close()
        self._thread.join()


@pytest.fixture
def server() -> Iterator[Server]:
    made = Server()
    yield made
    made.close()


def good(arguments: object) -> tuple[int, bytes]:
    return 200, json.dumps({"result": "success", "arguments": arguments}).encode()


class TorrentDouble:
    """A daemon with one torrent, whose state the test sets."""

    def __init__(self, state: dict[str, Any]) -> None:
        self.state = state
        self._is_there = False

    def __call__(self, method: str, arguments: dict[str, Any]) -> tuple[int, bytes]:
        if method == "session-get":
            return good({"version": "4.0.6 (38c164933e)"})
        if method == "torrent-add":
            self._is_there = True
        if method == "torrent-remove":
            assert arguments["delete-local-data"] is False
            self._is_there = False
        if method == "torrent-get":
            return good({"torrents": [{"status": 4, **self.state}] if self._is_there else []})
        return good({})


def failure_of(server: Server, tmp_path: Path, script: Script) -> tuple[KilotarError, Trouble]:
    """Give how a transfer fails with a daemon that answers so."""
    server.answer = script
    told: list[Trouble] = []
    landing = FileLanding(TORRENT.table, tmp_path)
    fetcher = transmission(TORRENT, landing, told.append, url=server.url, patience_s=0.0)
    fetcher.want(PieceWish(wanted=(range(TORRENT.table.count),)))
    until("it was told", lambda: told)
    fetcher.close()
    assert fetcher.failure is not None
    return fetcher.failure, told[0]


@pytest.mark.parametrize(
    ("status", "body", "words"),
    [
        (200, b"<html><title>Router log-in</title></html>", "Router log-in"),
        (200, b"", "it is empty"),
        (200, b'{"result": "succ', "something else"),
        (200, b'{"result": 7}', "something else"),
        (200, b"[" * 100_000, "something else"),
        (200, b'{"result": "method name not recognized"}', "method name not recognized"),
        (200, b'{"result": "success", "arguments": [1]}', "something else"),
        (401, b"", "user and a password"),
        (403, b"", "not on its list"),
        (421, b"", "rpc-host-whitelist"),
        (302, b"", "HTTP status 302"),
        (500, b"", "HTTP status 500"),
    ],
)
def test_an_answer_that_is_none_is_told_as_what_it_is(
    status: int, body: bytes, words: str, server: Server, tmp_path: Path
) -> None:
    failure, trouble = failure_of(server, tmp_path, lambda method, arguments: (status, body))

    assert isinstance(failure, ClientFailed)
    assert words in f"{failure} {failure.fix}"
    assert trouble.kind == "client"
    assert server.asked[0] == "session-get"


def test_an_answer_without_end_is_cut(server: Server, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(rpc, "_MAX_BYTES", 1 << 20)
    server.answer = lambda method, arguments: (200, b" " * (2 << 20))
    with pytest.raises(ClientFailed, match="without end"):
        Daemon(server.url).version()


def test_a_port_where_nobody_listens_is_told(tmp_path: Path) -> None:
    with pytest.raises(ClientFailed, match="Connection refused"):
        Daemon("http://127.0.0.1:9").version()


@pytest.mark.parametrize(
    ("words", "kind"),
    [
        ("No space left on device (/archives/archive.tar.part)", DiskFull),
        ("Permission denied (/archives)", AccessDenied),
        ('No data found! Ensure your drives are connected or use "Set Location".', ClientFailed),
    ],
)
def test_what_stops_the_torrent_is_told_as_its_cause(
    words: str, kind: type[KilotarError], server: Server, tmp_path: Path
) -> None:
    failure, _ = failure_of(server, tmp_path, TorrentDouble({"status": 0, "error": 3, "errorString": words}))

    assert type(failure) is kind
    assert words.partition(" (")[0] in failure.seen
    assert "torrent-remove" in server.asked


def test_a_tracker_that_fails_stops_nothing_and_is_in_the_facts(server: Server, tmp_path: Path) -> None:
    stats = [{"announce": "http://t/announce", "hasAnnounced": True, "lastAnnounceResult": "Could not connect"}]
    server.answer = TorrentDouble({"error": 2, "errorString": "tracker", "trackerStats": stats, "rateDownload": 5})
    fetcher = transmission(TORRENT, FileLanding(TORRENT.table, tmp_path), print, url=server.url)
    fetcher.want(PieceWish(wanted=(range(5),)))
    until("it is known", lambda: fetcher.facts().trackers)
    fetcher.close()

    facts = fetcher.facts()
    assert fetcher.failure is None
    assert (facts.trackers[0].answered, facts.trackers[0].error) == (False, "Could not connect")
    assert (facts.state, facts.rate_bytes_s, facts.client) == ("downloading", 5, "Transmission 4.0.6")


@pytest.mark.parametrize(
    ("keep_seeding", "last"), [(False, ["torrent-stop", "torrent-remove"]), (True, ["torrent-rename-path"])]
)
def test_a_complete_torrent_stays_with_the_daemon_only_where_seeding_is_asked_for(
    keep_seeding: bool, last: list[str], server: Server, tmp_path: Path
) -> None:
    server.answer = TorrentDouble({"status": 6, "leftUntilDone": 0})
    fetcher = transmission(
        TORRENT, FileLanding(TORRENT.table, tmp_path), print, url=server.url, keep_seeding=keep_seeding
    )
    fetcher.want(PieceWish(wanted=(range(5),)))
    until("it is known", lambda: fetcher.facts().state == "seeding")
    fetcher.close()

    begun = server.asked.index("torrent-start-now")
    assert [method for method in server.asked[begun + 1 :] if method != "torrent-get"] == last


@pytest.mark.parametrize("pieces", ["!", "AAA"])
def test_pieces_that_are_no_base64_are_refused(pieces: str, server: Server, tmp_path: Path) -> None:
    failure, _ = failure_of(server, tmp_path, TorrentDouble({"pieces": pieces}))

    assert "something else than pieces" in str(failure)


def test_more_bits_than_pieces_mark_nothing_else(server: Server, tmp_path: Path) -> None:
    server.answer = TorrentDouble({"pieces": base64.b64encode(b"\xff" * 50).decode()})
    landing = FileLanding(TORRENT.table, tmp_path)
    landing.path.write_bytes(DATA)
    fetcher = transmission(TORRENT, landing, print, url=server.url)
    fetcher.want(PieceWish(wanted=(range(5),)))

    assert landing.wait_for()
    fetcher.close()
    assert fetcher.failure is None


def test_a_torrent_that_was_taken_out_is_told(server: Server, tmp_path: Path) -> None:
    def forgetful(method: str, arguments: dict[str, Any]) -> tuple[int, bytes]:
        return good({"torrents": []} if method == "torrent-get" else {})

    failure, _ = failure_of(server, tmp_path, forgetful)
    assert "does not have the torrent any more" in str(failure)


def test_a_daemon_that_was_restarted_is_asked_with_its_new_session_id(server: Server) -> None:
    server.answer = lambda method, arguments: good({"version": "3.00"})
    daemon = Daemon(server.url)
    assert daemon.version() == "3.00"
    server.session_id = "two"

    assert daemon.version() == "3.00"


def test_user_and_password_of_the_address_are_sent_and_not_shown(server: Server) -> None:
    server.answer = lambda method, arguments: (500, b"")
    url = server.url.replace("//", "//ann:p%40ss@")
    with pytest.raises(ClientFailed) as caught:
        Daemon(url).version()

    assert server.logins == {"Basic " + base64.b64encode(b"ann:p@ss").decode()}
    assert "p@ss" not in str(caught.value)
    assert "p%40ss" not in str(caught.value)


@pytest.mark.parametrize("url", ["ftp://h/", "nonsense", "http://", "http://h:99999/", "http://[::1"])
def test_an_address_that_is_none_is_refused(url: str) -> None:
    with pytest.raises(UsageError):
        Daemon(url)


@pytest.mark.parametrize(
    "options",
    [ClientOptions(peers=("10.0.0.1:1",)), ClientOptions(interface="eth0"), ClientOptions(encryption="forced")],
)
def test_what_is_a_setting_of_the_daemon_is_refused(options: ClientOptions, tmp_path: Path) -> None:
    with pytest.raises(UsageError):
        transmission(TORRENT, FileLanding(TORRENT.table, tmp_path), print, options=options)
