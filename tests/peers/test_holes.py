"""Networks that drop what they do not like: large UDP, all UDP, the plain handshake, whole ports.

The first is that of the person who waited a day: small UDP passes, so a client that prefers µTP finds its peer, and
nothing ever comes.
"""

from __future__ import annotations

import time
from pathlib import Path

import pytest

from kilotar.model.profile import Profile
from tests.doubles.landings import FileLanding
from tests.peers.conftest import Join
from tests.peers.lab import Archive, Lab, until

HOLE = "OUTPUT -p udp -m length --length 501: -j DROP"
FIRST_BYTE_S = 5.0


def test_where_large_udp_is_dropped_the_first_piece_comes_at_once(
    here: Lab, archive: Archive, join: Join, tmp_path: Path
) -> None:
    here.filter(HOLE)
    here.tracker(archive)
    here.seed(archive, utp=True)
    landing = FileLanding(archive.torrent.table, tmp_path)
    fetcher = join(archive, landing)

    until("a piece", lambda: landing.have, FIRST_BYTE_S)
    assert landing.wait_for(timeout_s=20), fetcher.facts()


def test_there_a_client_that_tries_utp_first_gets_nothing(
    here: Lab, archive: Archive, join: Join, tmp_path: Path
) -> None:
    here.filter(HOLE)
    here.tracker(archive)
    here.seed(archive, utp=True)
    landing = FileLanding(archive.torrent.table, tmp_path)
    fetcher = join(archive, landing, profile=Profile(name="TCP and µTP", utp=True))

    until("a peer over µTP", lambda: fetcher.facts().peers)
    time.sleep(FIRST_BYTE_S)  # the thing to see is that nothing happens
    assert not landing.have
    assert fetcher.facts().received_bytes == 0
    until("a connection that went silent", lambda: fetcher.facts().utp_read_timeouts)


def test_all_udp_dropped_takes_nothing_away(here: Lab, archive: Archive, join: Join, tmp_path: Path) -> None:
    here.filter("OUTPUT -p udp -j DROP")
    here.tracker(archive)
    here.seed(archive, utp=True)
    landing = FileLanding(archive.torrent.table, tmp_path)
    fetcher = join(archive, landing)

    until("a piece", lambda: landing.have, FIRST_BYTE_S)
    assert landing.wait_for(timeout_s=20), fetcher.facts()


@pytest.mark.slow
def test_where_tcp_is_dropped_it_is_seen_and_the_next_profile_gets_through(
    here: Lab, archive: Archive, join: Join, tmp_path: Path
) -> None:
    here.filter("OUTPUT -p tcp --dport 7000 -j DROP")
    here.tracker(archive)
    here.seed(archive, utp=True)
    landing = FileLanding(archive.torrent.table, tmp_path)
    fetcher = join(archive, landing)
    until("connects that time out", lambda: fetcher.facts().tcp_timeouts, 20)
    assert not landing.have
    fetcher.close()

    join(archive, landing, profile=Profile(name="TCP and µTP", utp=True))
    until("a piece", lambda: landing.have, 20)


def test_a_filter_on_plain_handshakes_is_passed_by_the_encrypted_profile(
    here: Lab, archive: Archive, join: Join, tmp_path: Path
) -> None:
    here.filter("OUTPUT -p tcp -m string --string BitTorrent --algo bm -j REJECT --reject-with tcp-reset")
    here.tracker(archive)
    here.seed(archive)
    landing = FileLanding(archive.torrent.table, tmp_path)
    fetcher = join(archive, landing)
    until("connections that are cut", lambda: fetcher.facts().resets)
    fetcher.close()

    fetcher = join(archive, landing, profile=Profile("encrypted", encryption="forced"))
    assert landing.wait_for(timeout_s=20), fetcher.facts()
