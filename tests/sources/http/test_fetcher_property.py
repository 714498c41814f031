"""Whatever a server does, in whatever order and chunks: what counts as verified is right, and nothing else is kept."""

from __future__ import annotations

import tempfile
from pathlib import Path

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from kilotar.model.fetching import PieceWish
from kilotar.sources.http import HttpFetcher, HttpOptions
from kilotar.sources.http.pause import Clock
from tests.doubles import servers
from tests.doubles.clocks import StillClock
from tests.doubles.landings import FileLanding, payload, table_of
from tests.doubles.servers import Behaviour, Server

DATA = payload(12 * 100 + 7)
TABLE = table_of(DATA, 100)
SOON = HttpOptions(connections=3, timeout_s=5.0, proxy="", allow_private=True)

behaviours: st.SearchStrategy[Behaviour] = st.one_of(
    st.just(servers.honest),
    st.just(servers.page),
    st.just(servers.garbage),
    st.integers(0, 130).map(servers.short),
    st.integers(-1, 130).map(servers.reset_after),
    st.integers(1, 200).map(servers.less),
    st.integers(1, 200).map(servers.chunked),
    st.integers(0, len(DATA) - 1).map(servers.corrupt),
    st.integers(-300, 300).map(lambda shift: servers.part(shift=shift)),
    st.integers(0, 3000).map(lambda total: servers.part(total=total)),
    st.integers(0, 300).map(lambda length: servers.part(length=length)),
    st.integers(0, 100).map(lambda cut: servers.without_length(cut=cut)),
    st.binary(max_size=5).map(lambda surplus: servers.without_length(surplus=surplus)),
    st.integers(0, len(DATA)).map(lambda size: servers.whole(body=DATA[:size], length=len(DATA))),
    st.booleans().map(lambda told: servers.whole(told=told)),
    st.sampled_from([200, 204, 304, 404, 416, 429, 500, 503, 599]).map(servers.status),
)


@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(st.lists(behaviours, max_size=8), st.sets(st.integers(0, TABLE.count - 1)))
def test_what_is_verified_is_right_whatever_the_server_does(script: list[Behaviour], have: set[int]) -> None:
    clock = StillClock()
    with tempfile.TemporaryDirectory() as folder, Server(DATA, script) as server:
        landing = FileLanding(TABLE, Path(folder), have)
        ended: list[str] = []

        def tell(trouble: object) -> None:
            if fetcher.facts().is_given_up:
                ended.append(str(trouble))
                landing.stir()

        fetcher = HttpFetcher(server.url, landing, SOON, tell, clock=Clock(clock.now, clock.wait, lambda: 0.5))
        fetcher.want(PieceWish(wanted=(range(TABLE.count),)))
        assert landing.wait_until(lambda: bool(ended) or len(landing.have) == TABLE.count), fetcher.facts()
        fetcher.close()
        facts, read = fetcher.facts(), landing.read()
        landing.close()
    assert facts.is_given_up or landing.have == set(range(TABLE.count))
    for piece in range(TABLE.count):
        span = slice(TABLE.start(piece), TABLE.stop(piece))
        right = DATA[span] if piece in landing.have - have else bytes(TABLE.length(piece))
        assert read[span] == right
