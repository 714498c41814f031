"""Pieces from web servers that do everything wrong: what is verified is right, and what went wrong is told."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import pytest

from kilotar.errors import DiskFull, UsageError
from kilotar.events import Trouble
from kilotar.model.fetching import HttpFacts, PieceWish
from kilotar.model.pieces import PieceTable
from kilotar.sources.http import HttpFetcher, HttpOptions
from kilotar.sources.http.pause import Clock
from tests.doubles import servers
from tests.doubles.clocks import StillClock
from tests.doubles.landings import FileLanding, payload, table_of
from tests.doubles.servers import Behaviour, Exchange, Server, honest, part

PIECE = 1000
DATA = payload(20 * PIECE + 123)
TABLE = table_of(DATA, PIECE)
PLAIN = PieceTable("archive.tar", len(DATA), PIECE)
ALL = PieceWish(wanted=(range(TABLE.count),))
QUICK = HttpOptions(connections=2, timeout_s=5.0, proxy="", allow_private=True)


@dataclass
class Fetching:
    """A fetcher at work, with all that it touches."""

    fetcher: HttpFetcher
    landing: FileLanding
    clock: StillClock
    troubles: list[Trouble]
    changed: threading.Event

    def facts_when(self, true: Callable[[HttpFacts], bool]) -> HttpFacts:
        """Wait for a trouble after which the facts are so."""
        while not true(facts := self.fetcher.facts()):
            assert self.changed.wait(20), (facts, self.troubles)
            self.changed.clear()
        return facts

    def given_up(self) -> HttpFacts:
        return self.facts_when(lambda facts: facts.is_given_up)

    def said(self) -> str:
        return "\n".join(f"{it.kind} {it.where} {it.seen} {it.advice}" for it in self.troubles)


@contextmanager
def fetching(
    url: str,
    folder: Path,
    *,
    table: PieceTable = TABLE,
    options: HttpOptions = QUICK,
    wish: PieceWish = ALL,
    have: tuple[int, ...] = (),
    clock: StillClock | None = None,
    identity: str = "",
) -> Iterator[Fetching]:
    landing, clock, troubles, changed = FileLanding(table, folder, have), clock or StillClock(), [], threading.Event()

    def tell(trouble: Trouble) -> None:
        troubles.append(trouble)
        changed.set()

    still = Clock(clock.now, clock.wait, lambda: 0.5)
    fetcher = HttpFetcher(url, landing, options, tell, identity=identity, clock=still)
    try:
        fetcher.want(wish)
        yield Fetching(fetcher, landing, clock, troubles, changed)
    finally:
        fetcher.close()
        landing.close()


def test_an_honest_server_gives_every_byte(tmp_path: Path) -> None:
    with Server(DATA) as server, fetching(server.url, tmp_path) as it:
        assert it.landing.wait_for()
        assert it.landing.read() == DATA
        assert it.landing.sources == {f"web seed 127.0.0.1:{server.port}": TABLE.count}
        facts = it.fetcher.facts()
    assert (facts.received_bytes, facts.wasted_bytes, facts.failures, facts.error) == (len(DATA), 0, 0, "")
    assert it.troubles == []


def test_only_what_is_wished_for_and_missing_is_asked_for(tmp_path: Path) -> None:
    wish = PieceWish(urgent=(7,), wanted=(range(2, 6), range(9, 11)))
    with Server(DATA) as server, fetching(server.url, tmp_path, wish=wish, have=(3,)) as it:
        assert it.landing.wait_for({2, 4, 5, 7, 9, 10})
        assert it.landing.calls[0].piece == 7
        assert it.landing.have == {2, 3, 4, 5, 7, 9, 10}
    asked = sum(exchange.stop - exchange.start for exchange in server.asked)
    assert asked == 6 * PIECE


def test_a_new_wish_replaces_the_old_one(tmp_path: Path) -> None:
    with Server(DATA) as server, fetching(server.url, tmp_path, wish=PieceWish()) as it:
        it.fetcher.want(PieceWish(wanted=(range(3, 5),)))
        assert it.landing.wait_for({3, 4})
        it.fetcher.want(PieceWish(urgent=(20,)))
        assert it.landing.wait_for({20})
        assert it.landing.have == {3, 4, 20}


def test_no_wish_means_no_request(tmp_path: Path) -> None:
    with Server(DATA) as server, fetching(server.url, tmp_path, wish=PieceWish()):
        pass
    assert server.asked == []


MENDED: dict[str, tuple[Behaviour, ...]] = {
    "row 70: reset before the answer": (servers.reset_after(-1),),
    "row 70: reset after k bytes": (honest, servers.reset_after(400)),
    "row 70: reset at 99 percent": (honest, servers.reset_after(990)),
    "row 73: a stall before the answer": (servers.silent(-1),),
    "row 73: a stall in the body": (servers.silent(100),),
    "row 75: body shorter than Content-Length": (servers.short(999),),
    "row 75: no body at all": (servers.short(0),),
    "row 76: Content-Length longer than the range": (part(length=PIECE + 1),),
    "row 76: body without length goes on too long": (servers.without_length(surplus=b"x"),),
    "row 77: no Content-Length, cut": (servers.without_length(cut=1),),
    "row 79: 206 from another byte": (part(shift=1),),
    "row 79: 206 from before it": (honest, part(shift=-1)),
    "row 79: 206 without Content-Range": (part(told=False),),
    "row 80: 429": (servers.status(429, Retry_After=2),),
    "row 80: 503": (servers.status(503),),
    "row 80: 500": (servers.status(500),),
    "row 80: 416 of a range that is there": (servers.status(416, Content_Range=f"bytes */{len(DATA)}"),),
    "row 83: gzip": (part(more=(("Content_Encoding", "gzip"),)),),
    "row 83: gzip as transfer": (part(more=(("Transfer_Encoding", "gzip, chunked"),)),),
    "3.7: two lengths": (part(more=(("content-length", 5),)),),
    "3.7: negative length": (part(length=-5),),
    "3.7: huge length": (part(length=10**30),),
    "3.7: header flood": (servers.many_headers,),
    "3.7: a head without end": (servers.endless_head,),
    "3.7: 100 Continue for ever": (servers.many_continues,),
    "3.7: no HTTP": (servers.garbage,),
    "3.7: surplus chunk": (servers.chunked(100, surplus=b"more"),),
    "3.7: a status without a meaning": (servers.status(299),),
    "not found, but only once": (honest, servers.status(404)),
}


@pytest.mark.parametrize("table", [TABLE, PLAIN], ids=["hashes", "plain"])
@pytest.mark.parametrize("script", MENDED.values(), ids=MENDED.keys())
def test_what_goes_wrong_once_is_asked_for_again(
    script: tuple[Behaviour, ...], table: PieceTable, tmp_path: Path
) -> None:
    options = HttpOptions(connections=2, timeout_s=0.3, proxy="", allow_private=True)
    with Server(DATA, script) as server, fetching(server.url, tmp_path, table=table, options=options) as it:
        assert it.landing.wait_for()
        assert it.landing.read() == DATA
        assert it.clock.waits, "a failure is followed by a pause"
        assert not it.landing.bad
        assert not it.fetcher.facts().is_given_up


ALL_THE_TIME: dict[str, tuple[Behaviour, str]] = {
    "row 73": (servers.silent(10), "no byte from 127.0.0.1 for 0.2 s"),
    "row 75": (servers.short(10), "the answer ended 990 bytes before the end of piece 0"),
    "row 76": (part(length=PIECE + 1), "206 with other bytes"),
    "row 79": (part(shift=1), "206 with other bytes than were asked for: 1-1000, not 0-999"),
    "row 79b": (part(told=False), "206 without a valid Content-Range"),
    "row 80": (servers.status(503), "503 Service Unavailable"),
    "row 80b": (servers.status(416), "416 Requested Range Not Satisfiable"),
    "row 83": (part(more=(("Content_Encoding", "gzip"),)), "an encoded answer (gzip), though identity was asked for"),
    "3.7 lengths": (part(more=(("content-length", 5),)), "an answer with two lengths"),
    "3.7 negative": (part(length=-5), "an answer with the length '-5'"),
    "3.7 headers": (servers.many_headers, "gave no valid HTTP answer"),
    "3.7 head": (servers.endless_head, "gave no valid HTTP answer"),
    "3.7 continue": (servers.many_continues, "the answer is longer than it may be"),
    "3.7 chunks": (servers.flood_of_chunks, "the answer is longer than it may be"),
    "3.7 garbage": (servers.garbage, "gave no valid HTTP answer"),
    "row 70": (servers.reset_after(10), "127.0.0.1: Connection reset by peer"),
    "a stingy server": (servers.less(999), "less than a piece at a time"),
}


@pytest.mark.parametrize(("behaviour", "words"), ALL_THE_TIME.values(), ids=ALL_THE_TIME.keys())
def test_a_server_that_never_gets_it_right_is_given_up_in_words(
    behaviour: Behaviour, words: str, tmp_path: Path
) -> None:
    options = HttpOptions(connections=2, timeout_s=0.2, proxy="", allow_private=True)
    with Server(DATA, then=behaviour) as server, fetching(server.url, tmp_path, options=options) as it:
        facts = it.given_up()
        assert words in facts.error
        assert facts.failures == len(server.asked) == 12
        assert it.troubles[-1].kind == "web-seed"
        assert words in it.troubles[-1].seen
        assert it.landing.calls == []
        assert sum(it.clock.waits) > 120, "a router that starts again is waited for"


FOR_GOOD: dict[str, tuple[Behaviour, str]] = {
    "row 79: another total": (part(total=len(DATA) + 1), f"{len(DATA) + 1} bytes there, {len(DATA)} expected"),
    "row 80: 416 of a shorter file": (servers.status(416, Content_Range="bytes */77"), "77 bytes there"),
    "row 82: a log-in page": (servers.page, "--cookie"),
    "row 82: a page that hides": (
        servers.whole(body=b" <html>" + bytes(len(DATA) - 7)),
        "a web page instead of the archive",
    ),
    "row 78: another whole": (servers.whole(body=b"x" * 99), "another size: 99 bytes"),
    "401": (servers.status(401), "401 Unauthorized"),
    "403": (servers.status(403), "403 Forbidden"),
    "404": (servers.status(404), "404 Not Found"),
    "row 84: to a file": (servers.redirect("file:///etc/passwd"), "not an address of the web"),
    "row 84: to ftp": (servers.redirect("ftp://127.0.0.1/x"), "not an address of the web"),
    "row 84: to data": (servers.redirect("data:,hello"), "not an address of the web"),
    "row 84: in a loop": (servers.redirect("/archive.tar"), "more than 5 redirects"),
}


@pytest.mark.parametrize(("behaviour", "words"), FOR_GOOD.values(), ids=FOR_GOOD.keys())
def test_what_cannot_be_mended_is_asked_for_once(behaviour: Behaviour, words: str, tmp_path: Path) -> None:
    with Server(DATA, then=behaviour) as server, fetching(server.url, tmp_path) as it:
        facts = it.given_up()
        assert words in it.said()
        assert facts.error
        assert len(server.asked) <= 6
        assert it.landing.calls == []


def test_nobody_listens(tmp_path: Path) -> None:
    with Server(DATA) as server:
        url = server.url
    with fetching(url, tmp_path) as it:  # row 69
        assert "Connection refused" in it.given_up().error


def test_a_name_that_does_not_exist(tmp_path: Path) -> None:
    with fetching("http://nobody.invalid/archive.tar", tmp_path) as it:  # row 69
        assert "the name nobody.invalid could not be resolved" in it.given_up().error


def test_a_link_that_comes_back_is_used_again(tmp_path: Path) -> None:
    """Row 71: the server goes away in the middle, and is there again when the fifth pause has passed."""

    def vanish(exchange: Exchange) -> bool:
        server.stop()
        return False

    clock = StillClock(on_wait=lambda count: server.listen(server.port) if count == 5 else None)
    alone = HttpOptions(connections=1, proxy="", allow_private=True)
    with Server(DATA, [honest, vanish]) as server, fetching(server.url, tmp_path, clock=clock, options=alone) as it:
        assert it.landing.wait_for()
        assert it.landing.read() == DATA
        assert [trouble.kind for trouble in it.troubles] == ["web-seed"] * 4
        assert it.fetcher.facts().failures == 0


def test_a_drip_is_cut_by_its_rate_over_a_minute(tmp_path: Path) -> None:
    """Row 74: each single byte comes in time, and all of them together do not."""
    clock = StillClock(step_s=1.0)
    dripping = servers.drip(clock.wait_for_look)
    with Server(DATA, [dripping]) as server, fetching(server.url, tmp_path, clock=clock) as it:
        assert it.landing.wait_for()
        assert it.landing.read() == DATA
        assert server.asked[1].connection != server.asked[0].connection
        cut = len({asked.connection for asked in server.asked}) - 1  # a busy machine's answers come in drips as well
        assert 0 < it.fetcher.facts().wasted_bytes < cut * PIECE


def test_a_drip_for_ever_is_given_up(tmp_path: Path) -> None:
    clock = StillClock(step_s=1.0)
    dripping = servers.drip(clock.wait_for_look)
    with Server(DATA, then=dripping) as server, fetching(server.url, tmp_path, clock=clock) as it:
        assert "bytes a second arrived over" in it.given_up().error


@pytest.mark.parametrize("table", [TABLE, PLAIN], ids=["hashes", "plain"])
@pytest.mark.parametrize("told", [True, False], ids=["length", "no length"])
def test_a_server_without_ranges_is_read_from_its_first_byte(table: PieceTable, told: bool, tmp_path: Path) -> None:
    wish = PieceWish(urgent=(12,), wanted=(range(4, 9),))
    with (
        Server(DATA, then=servers.whole(told=told)) as server,
        fetching(server.url, tmp_path, table=table, wish=wish) as it,
    ):  # row 78
        assert it.landing.wait_for({4, 5, 6, 7, 8, 12})
        assert [call.piece for call in it.landing.calls] == [4, 5, 6, 7, 8, 12]
        assert it.landing.read()[4 * PIECE : 9 * PIECE] == DATA[4 * PIECE : 9 * PIECE]
    assert len(server.asked) == 1
    assert it.fetcher.facts().wasted_bytes == 7 * PIECE


def test_a_whole_that_breaks_off_is_begun_again_and_never_appended(tmp_path: Path) -> None:
    broken = servers.whole(body=DATA[: 7 * PIECE + 5], length=len(DATA))
    with Server(DATA, [broken], servers.whole()) as server, fetching(server.url, tmp_path) as it:
        assert it.landing.wait_for()
        assert it.landing.read() == DATA
        assert [call.piece for call in it.landing.calls] == list(range(TABLE.count))


def test_a_whole_that_goes_on_too_long_is_noticed(tmp_path: Path) -> None:
    longer = servers.whole(body=DATA + b"x", told=False)
    with Server(DATA, then=longer) as server, fetching(server.url, tmp_path, table=PLAIN) as it:
        assert it.landing.wait_for()
        assert "longer than what was asked for" in it.facts_when(lambda facts: facts.failures > 0).error
        assert it.landing.read() == DATA


def test_less_than_asked_for_is_taken_piece_by_piece(tmp_path: Path) -> None:
    with Server(DATA, then=servers.less(PIECE + 1)) as server, fetching(server.url, tmp_path) as it:
        assert it.landing.wait_for()
        assert it.landing.read() == DATA


@pytest.mark.parametrize("behaviour", [servers.chunked(7), servers.chunked(5000), servers.without_length()])
def test_a_range_of_untold_length_is_good_when_it_has_the_bytes(behaviour: Behaviour, tmp_path: Path) -> None:
    with Server(DATA, then=behaviour) as server, fetching(server.url, tmp_path) as it:  # row 77
        assert it.landing.wait_for()
        assert it.landing.read() == DATA
        assert it.clock.waits == []


def test_a_wrong_piece_is_asked_for_once_more(tmp_path: Path) -> None:
    with Server(DATA, [servers.corrupt(500)]) as server, fetching(server.url, tmp_path) as it:
        assert it.landing.wait_for()
        assert it.landing.read() == DATA
        assert [call.piece for call in it.landing.bad] == [0]
        assert [trouble.seen for trouble in it.troubles] == ["piece 0 has a wrong hash"]
        facts = it.fetcher.facts()
    assert facts.wasted_bytes == PIECE
    assert not facts.is_given_up


def test_two_wrong_pieces_are_enough(tmp_path: Path) -> None:
    with Server(DATA, then=servers.corrupt(4500)) as server, fetching(server.url, tmp_path) as it:
        facts = it.given_up()
        assert facts.error == "piece 4 has a wrong hash"
        assert it.troubles[-1].kind == "web-seed"
        assert "not asked again" in it.troubles[-1].advice
        assert [call.piece for call in it.landing.bad] == [4, 4]
        assert 4 not in it.landing.have


def test_another_date_is_told_and_judged_by_hashes(tmp_path: Path) -> None:
    """Row 81: with hashes nothing good is lost."""
    new = servers.named('"two"', "Tue, 03 Jan 2012 00:00:00 GMT")
    with Server(DATA, [honest, honest], new) as server, fetching(server.url, tmp_path) as it:
        assert it.landing.wait_for()
        assert it.landing.read() == DATA
        assert not it.fetcher.is_changed
        assert {trouble.kind for trouble in it.troubles} == {"changed"}


def test_another_object_without_hashes_is_a_new_beginning(tmp_path: Path) -> None:
    """Row 81: what came from the old one cannot be told from the new one."""
    options = HttpOptions(connections=1, proxy="", allow_private=True)
    with (
        Server(DATA, [honest, honest], servers.named('"two"')) as server,
        fetching(server.url, tmp_path, table=PLAIN, options=options) as it,
    ):
        facts = it.given_up()
        assert facts.error == "the file on the server is another than before"
        assert it.troubles[-1].kind == "changed"
        assert it.fetcher.is_changed
        assert '"one"' in it.fetcher.identity


def test_why_a_server_was_given_up_stays_when_more_pieces_arrive(tmp_path: Path) -> None:
    given_up = threading.Event()

    def late(exchange: Exchange) -> bool:
        given_up.wait(10)
        return honest(exchange)

    script = [honest, late, servers.named('"two"')]
    with Server(DATA, script) as server, fetching(server.url, tmp_path, table=PLAIN) as it:
        facts = it.given_up()
        given_up.set()
        assert it.landing.wait_until(lambda: len(it.landing.have) == 2)  # which is late depends on who asks first
        it.fetcher.close()
        assert it.fetcher.facts().error == facts.error == "the file on the server is another than before"


def test_the_identity_of_a_run_before_is_kept_to(tmp_path: Path) -> None:
    with Server(DATA) as server, fetching(server.url, tmp_path, table=PLAIN) as it:
        assert it.landing.wait_for()
        identity = it.fetcher.identity
    with Server(DATA) as server, fetching(server.url, tmp_path, table=PLAIN, identity=identity) as it:
        assert it.landing.wait_for()
    with (
        Server(DATA, then=servers.named('"two"')) as server,
        fetching(server.url, tmp_path, table=PLAIN, identity=identity) as it,
    ):
        it.given_up()
        assert it.landing.calls == []


def test_what_the_server_asks_to_wait_is_waited(tmp_path: Path) -> None:
    busy = servers.status(503, Retry_After=120)
    far = servers.status(429, Retry_After=86400)
    with Server(DATA, [busy, far]) as server, fetching(server.url, tmp_path) as it:  # row 80
        assert it.landing.wait_for()
        assert it.clock.waits[0] == 120
        assert 300 in it.clock.waits
        assert "503 Service Unavailable" in it.said()


class Crowd:
    """A behaviour that sees how many requests are answered at once.

    Each waits until there were as many as `places`, and then a moment for more.
    """

    def __init__(self, places: int, too_many: Behaviour = honest) -> None:
        self.places, self.too_many = places, too_many
        self.most = self.now = self.turned_away = 0
        self.changed = threading.Condition()

    def __call__(self, exchange: Exchange) -> bool:
        with self.changed:
            self.now += 1
            self.most = max(self.most, self.now)
            self.changed.notify_all()
            self.changed.wait_for(lambda: self.most >= self.places, 10)
            is_crowded = self.changed.wait_for(lambda: self.now > self.places, 0.02)
            # One that was answered leaves a moment after its client has gone on: only a crowd that stays is one.
            is_crowded = is_crowded and not self.changed.wait_for(lambda: self.now <= self.places, 0.2)
            self.turned_away += is_crowded
        try:
            return (self.too_many if is_crowded else honest)(exchange)
        finally:
            with self.changed:
                self.now -= 1
                self.changed.notify_all()


def test_all_connections_are_used_and_no_more(tmp_path: Path) -> None:
    crowd = Crowd(2)
    with Server(DATA, [honest], crowd) as server, fetching(server.url, tmp_path) as it:
        assert it.landing.wait_for()
    assert crowd.most == 2


def test_two_archives_of_one_host_share_its_connections(tmp_path: Path) -> None:
    first, second, crowd = tmp_path / "1", tmp_path / "2", Crowd(2)
    first.mkdir()
    second.mkdir()
    with Server(DATA, then=crowd) as server, fetching(server.url, first) as one, fetching(server.url, second) as two:
        assert one.landing.wait_for()
        assert two.landing.wait_for()
    assert crowd.most >= 2 and not crowd.turned_away


def test_a_busy_server_gets_fewer_connections(tmp_path: Path) -> None:
    options = HttpOptions(connections=4, proxy="", allow_private=True)
    crowd = Crowd(1, too_many=servers.status(503))
    with Server(DATA, then=crowd) as server, fetching(server.url, tmp_path, options=options) as it:
        assert it.landing.wait_for()
        assert it.landing.read() == DATA
    assert 2 <= crowd.turned_away <= 6


def test_a_new_wish_ends_a_range_at_the_next_piece(tmp_path: Path) -> None:
    begun, changed = threading.Event(), threading.Event()

    def slowly(exchange: Exchange) -> bool:
        begun.set()
        changed.wait(10)
        return honest(exchange)

    alone = HttpOptions(connections=1, proxy="", allow_private=True)
    with Server(DATA, [honest, slowly]) as server, fetching(server.url, tmp_path, options=alone) as it:
        assert begun.wait(10)
        it.fetcher.want(PieceWish(urgent=(20,)))
        changed.set()
        assert it.landing.wait_for({20})
        assert it.landing.have == {0, 1, 20}
        assert server.asked[1].stop - server.asked[1].start > PIECE


def test_a_full_disk_is_told_once_and_rested_until_the_next_wish(tmp_path: Path) -> None:
    """Row 88."""
    with Server(DATA) as server, fetching(server.url, tmp_path, wish=PieceWish()) as it:
        it.landing.failure = DiskFull("could not write archive.tar.part", seen="ENOSPC", fix="make room")
        it.fetcher.want(ALL)
        facts = it.facts_when(lambda facts: "ENOSPC" in facts.error)
        assert not facts.is_given_up
        assert [trouble.kind for trouble in it.troubles] == ["disk-full"]
        it.landing.failure = None
        it.fetcher.want(ALL)
        assert it.landing.wait_for()
        assert it.landing.read() == DATA


def test_closing_does_not_wait_for_a_silent_server(tmp_path: Path) -> None:
    asked = threading.Event()

    def hang(exchange: Exchange) -> bool:
        asked.set()
        return servers.silent(500)(exchange)

    patient = HttpOptions(connections=2, timeout_s=600.0, proxy="", allow_private=True)
    with Server(DATA, then=hang) as server, fetching(server.url, tmp_path, options=patient) as it:
        assert asked.wait(10)
        it.fetcher.close(grace_s=10)
        it.fetcher.close()
        assert not [thread for thread in threading.enumerate() if thread.name.startswith("http ")]
        assert it.landing.calls == []
        assert it.troubles == []


def test_a_bug_in_a_thread_is_told(tmp_path: Path) -> None:
    with Server(DATA) as server, fetching(server.url, tmp_path, wish=PieceWish()) as it:
        it.landing.take = None  # type: ignore[assignment,method-assign]
        it.fetcher.want(ALL)
        assert it.changed.wait(10)
        assert it.troubles[0].kind == "bug"


def test_a_url_with_a_line_end_is_refused_without_a_request(tmp_path: Path) -> None:
    with pytest.raises(UsageError):
        HttpFetcher("http://host/\r\nX: 1", FileLanding(TABLE, tmp_path), QUICK, print)


def test_secrets_of_the_address_are_sent_and_never_shown(tmp_path: Path) -> None:
    with Server(DATA, [servers.status(503)]) as server:
        url = server.url.replace("http://", "http://anna:s3cret@") + "?token=t0ken"
        with fetching(url, tmp_path) as it:
            assert it.landing.wait_for()
            shown = f"{it.fetcher.name}{it.fetcher.facts()}{it.said()}"
    assert not [word for word in ("anna", "s3cret", "t0ken") if word in shown]
    assert server.asked[0].headers["authorization"] == "Basic YW5uYTpzM2NyZXQ="
    assert server.asked[0].target == "/archive.tar?token=t0ken"
