"""What the doctor says of networks that are really broken, and the ladder that gets through them by itself."""

from __future__ import annotations

import time
from collections.abc import Callable
from pathlib import Path

import pytest

from kilotar.model.checkup import Line, Mark
from kilotar.model.fetching import SwarmFacts
from kilotar.model.profile import FIRST, Profile
from kilotar.plan.diagnose import diagnose
from kilotar.plan.ladder import Ladder, UseProfile
from tests.doubles.landings import FileLanding
from tests.peers.conftest import Join
from tests.peers.lab import Archive, Lab, until

UTP = Profile("TCP and µTP", utp=True)
Breaks = Callable[[Lab, Archive], object]


def hole(here: Lab, archive: Archive) -> None:
    here.filter("OUTPUT -p udp -m length --length 501: -j DROP")
    here.tracker(archive)
    here.seed(archive, utp=True)


def dropped(here: Lab, archive: Archive) -> None:
    here.filter("OUTPUT -p tcp --dport 7000 -j DROP")
    here.tracker(archive)
    here.seed(archive)


def inspected(here: Lab, archive: Archive) -> None:
    here.filter("OUTPUT -p tcp -m string --string BitTorrent --algo bm -j REJECT --reject-with tcp-reset")
    here.tracker(archive)
    here.seed(archive)


def nobody(here: Lab, archive: Archive) -> None:
    here.tracker(archive)


def no_tracker(here: Lab, archive: Archive) -> None:
    pass


@pytest.mark.parametrize(
    ("breaks", "profile", "what", "seen"),
    [
        (hole, UTP, "µTP", "large UDP is dropped"),
        (dropped, FIRST, "connections", "time out"),
        (inspected, FIRST, "handshake", "cut before the BitTorrent handshake"),
        (nobody, FIRST, "seeds", "nobody who has all of it"),
        (no_tracker, FIRST, "peer sources", "0 of 1 trackers answered"),
    ],
    ids=["hole", "dropped", "inspected", "nobody", "no-tracker"],
)
def test_the_broken_link_is_named(
    breaks: Breaks, profile: Profile, what: str, seen: str, here: Lab, archive: Archive, join: Join, tmp_path: Path
) -> None:
    breaks(here, archive)
    fetcher = join(archive, FileLanding(archive.torrent.table, tmp_path), profile=profile)

    def broken() -> Line | None:
        first = diagnose(fetcher.facts())[0]
        return first if first.state is Mark.PROBLEM else None

    line = until(f"a problem with {what}", broken, 40)

    assert (line.what, seen in line.seen) == (what, True), (line, fetcher.facts())


def test_a_swarm_in_which_bytes_come_has_no_problem(here: Lab, archive: Archive, join: Join, tmp_path: Path) -> None:
    here.tracker(archive)
    here.seed(archive, rate_bytes_s=500_000)
    landing = FileLanding(archive.torrent.table, tmp_path)
    fetcher = join(archive, landing)
    until("bytes at a rate", lambda: landing.have and fetcher.facts().rate_bytes_s > 0)

    assert [line for line in diagnose(fetcher.facts()) if line.state is Mark.PROBLEM] == []


@pytest.mark.parametrize("breaks", [dropped, inspected], ids=["dropped", "inspected"])
def test_the_ladder_climbs_to_the_rung_that_gets_through(
    breaks: Breaks, here: Lab, archive: Archive, join: Join, tmp_path: Path
) -> None:
    """With a clock that runs 20 times as fast, so that 90 s of silence are 4.5."""
    if breaks is dropped:
        here.filter("OUTPUT -p tcp --dport 7000 -j DROP")
        here.tracker(archive)
        here.seed(archive, utp=True)
    else:
        breaks(here, archive)
    landing = FileLanding(archive.torrent.table, tmp_path)
    ladder, began_s, used = Ladder(), time.monotonic(), list[str]()
    fetcher = None
    while len(landing.have) < archive.torrent.table.count and time.monotonic() - began_s < 60:
        facts: SwarmFacts | None = fetcher.facts() if fetcher else None
        now_s = (time.monotonic() - began_s) * 20
        for move in ladder.on(now_s, len(landing.have), facts, ()):
            if isinstance(move, UseProfile):
                used.append(move.profile.name)
                if fetcher is not None:
                    fetcher.close()
                fetcher = join(archive, landing, profile=move.profile)
        time.sleep(0.1)  # the pace at which a caller asks

    assert len(landing.have) == archive.torrent.table.count, (used, facts)
    assert used[-1] == ("TCP and µTP" if breaks is dropped else "TCP, encrypted, on another port")
