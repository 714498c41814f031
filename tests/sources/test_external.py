"""A fetcher over an installed client, with a client that does what the test says."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from kilotar.errors import ClientFailed, DiskFull, KilotarError
from kilotar.events import Trouble
from kilotar.model.fetching import PieceWish, SwarmFacts
from kilotar.sources import claims
from kilotar.sources.claims import bits_of, pieces_of
from kilotar.sources.client_words import machine_error
from kilotar.sources.external import External, Reading
from tests.doubles.landings import FileLanding, payload, table_of
from tests.peers.lab import until

DATA = payload(10 * 1000 + 7)
TABLE = table_of(DATA, 1000)
ALL = PieceWish(wanted=(range(TABLE.count),))


class ClientDouble:
    """A client that says what it is told to, and remembers what was asked of it."""

    name = "client"
    trusts_us = True

    def __init__(self) -> None:
        self.asked: list[str] = []
        self.began_with = b""
        self.reading = Reading()
        self.failure: KilotarError | None = None

    def start(self, bits: bytes) -> None:
        self.asked.append("start")
        self.began_with = bits

    def read(self) -> Reading:
        if self.failure is not None:
            raise self.failure
        return self.reading

    def pause(self) -> None:
        self.asked.append("pause")

    def resume(self) -> None:
        self.asked.append("resume")

    def stop(self, grace_s: float) -> None:
        self.asked.append("stop")

    def kill(self) -> None:
        self.asked.append("kill")


@pytest.fixture
def client() -> ClientDouble:
    return ClientDouble()


@pytest.fixture
def told() -> list[Trouble]:
    return []


@pytest.fixture
def landing(tmp_path: Path) -> FileLanding:
    return FileLanding(TABLE, tmp_path, have=(0, 9))


@pytest.fixture
def fetcher(client: ClientDouble, landing: FileLanding, told: list[Trouble]) -> Iterator[External]:
    made = External(client, landing, told.append, poll_s=0.005, stall_s=0.05)
    yield made
    made.close()


def write(landing: FileLanding, *pieces: int) -> None:
    """Write pieces into the file as a client does."""
    with landing.path.open("r+b") as file:
        for piece in pieces:
            file.seek(TABLE.start(piece))
            file.write(DATA[TABLE.start(piece) : TABLE.stop(piece)])


def bits(*pieces: int) -> bytes:
    return bytes(sum(0x80 >> (p & 7) for p in pieces if p >> 3 == at) for at in range(2))


def test_nothing_runs_before_something_is_wanted(fetcher: External, client: ClientDouble) -> None:
    fetcher.want(PieceWish())
    fetcher.close()

    assert client.asked == ["stop"]


def test_the_client_is_told_what_was_verified(fetcher: External, client: ClientDouble) -> None:
    fetcher.want(ALL)
    until("it began", lambda: client.began_with)

    assert client.began_with == bits(0, 9)


def test_only_what_the_file_holds_lands(fetcher: External, client: ClientDouble, landing: FileLanding) -> None:
    write(landing, 3, 10)
    client.reading = Reading(bits(0, 3, 4, 9, 10))
    fetcher.want(ALL)

    assert landing.wait_for({3, 10})
    assert landing.have == {0, 3, 9, 10}
    assert landing.sources == {"client": 2}


def test_a_piece_that_the_client_still_holds_back_lands_when_it_is_written(
    fetcher: External, client: ClientDouble, landing: FileLanding, told: list[Trouble]
) -> None:
    client.reading = Reading(bits(4))
    fetcher.want(ALL)
    until("it was looked for", lambda: landing.bad)

    write(landing, 4)
    assert landing.wait_for({4})
    assert {trouble.kind for trouble in told} <= {"stalled"}
    assert fetcher.failure is None


def test_a_client_that_writes_elsewhere_is_found_out(
    fetcher: External, client: ClientDouble, told: list[Trouble], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(claims, "_LATE_S", 0.05)
    client.reading = Reading(b"\xff\xe0", is_done=True)
    fetcher.want(ALL)

    until("it was told", lambda: told)
    assert "not in the file" in told[0].seen
    assert isinstance(fetcher.failure, ClientFailed)
    fetcher.close()
    assert client.asked == ["start", "stop"]


def test_a_client_that_never_ends_but_writes_elsewhere_is_found_out(
    fetcher: External, client: ClientDouble, told: list[Trouble], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(claims, "_LOST_BYTES", 3000)
    client.reading = Reading(bits(1, 2, 3, 4))
    fetcher.want(ALL)

    until("it was told", lambda: told)
    assert "4 pieces" in told[0].seen


def test_a_part_is_refused_and_never_begun(fetcher: External, client: ClientDouble, told: list[Trouble]) -> None:
    fetcher.want(PieceWish(urgent=(1,), wanted=(range(2, 9),)))  # 10 is missing too

    until("it was told", lambda: told)
    fetcher.close()
    assert "whole archives only" in told[0].seen
    assert client.asked == ["stop"]


def test_all_that_is_missing_is_a_whole_whatever_was_there(fetcher: External, client: ClientDouble) -> None:
    fetcher.want(PieceWish(urgent=(10,), wanted=(range(1, 9),)))

    until("it began", lambda: "start" in client.asked)


def test_nothing_wanted_pauses_and_something_resumes(fetcher: External, client: ClientDouble) -> None:
    fetcher.want(ALL)
    until("it began", lambda: "start" in client.asked)
    fetcher.want(PieceWish())
    until("it pauses", lambda: "pause" in client.asked)
    fetcher.want(ALL)

    until("it goes on", lambda: "resume" in client.asked)
    assert client.asked == ["start", "pause", "resume"]


def test_a_piece_that_was_handed_over_and_is_found_bad_makes_it_begin_again(
    fetcher: External, client: ClientDouble, landing: FileLanding
) -> None:
    fetcher.want(ALL)
    until("it began", lambda: client.began_with == bits(0, 9))
    landing.forget({9})
    fetcher.want(PieceWish(wanted=(range(TABLE.count),)))

    until("it began again", lambda: client.began_with == bits(0))
    assert client.asked == ["start", "stop", "start"]
    write(landing, 9)
    client.reading = Reading(bits(9))
    assert landing.wait_for({9})


def test_a_client_that_reads_for_itself_goes_on(fetcher: External, client: ClientDouble, landing: FileLanding) -> None:
    client.trusts_us = False
    fetcher.want(ALL)
    until("it began", lambda: client.began_with)
    landing.forget({9})
    write(landing, 5)
    client.reading = Reading(bits(5))
    fetcher.want(PieceWish(wanted=(range(TABLE.count),)))

    assert landing.wait_for({5})
    assert client.asked == ["start"]


def test_a_client_pauses_while_others_bring_a_part_and_goes_on_when_they_gave_up(
    fetcher: External, client: ClientDouble, told: list[Trouble]
) -> None:
    fetcher.want(ALL)
    until("it began", lambda: "start" in client.asked)
    fetcher.want(PieceWish(wanted=(range(1, 5),)))
    until("it pauses", lambda: "pause" in client.asked)
    fetcher.want(PieceWish(wanted=(range(TABLE.count),)))

    until("it goes on", lambda: "resume" in client.asked)
    assert [trouble.advice for trouble in told if trouble.kind == "client"] == [
        "it pauses while others bring some of them"
    ]
    assert fetcher.failure is None


def test_a_client_that_gives_up_is_told_with_its_own_words(
    fetcher: External, client: ClientDouble, told: list[Trouble]
) -> None:
    client.reading = Reading(failure=ClientFailed("it ended", seen="its last words", fix="again"))
    fetcher.want(ALL)

    until("it was told", lambda: told)
    assert told == [Trouble("client", "archive.tar", "it ended; its last words", "again")]


def test_what_landed_is_kept_when_the_client_fails_in_the_same_moment(
    fetcher: External, client: ClientDouble, landing: FileLanding, told: list[Trouble]
) -> None:
    write(landing, 5)
    client.reading = Reading(bits(5), failure=ClientFailed("it ended"))
    fetcher.want(ALL)

    until("it was told", lambda: told)
    assert 5 in landing.have


def test_a_disk_that_fails_our_own_reading_is_told(
    fetcher: External, client: ClientDouble, landing: FileLanding, told: list[Trouble]
) -> None:
    landing.failure = DiskFull("no room")
    client.reading = Reading(bits(5))
    fetcher.want(ALL)

    until("it was told", lambda: told)
    assert told[0].kind == "disk-full"
    assert fetcher.failure is landing.failure


def test_silence_is_told_ever_less_often_and_bytes_end_it(
    fetcher: External, client: ClientDouble, told: list[Trouble]
) -> None:
    client.reading = Reading(facts=SwarmFacts(received_bytes=7, peers=2, state="downloading"))
    fetcher.want(ALL)

    until("it was told twice", lambda: len(told) == 2)
    assert {trouble.kind for trouble in told} == {"stalled"}
    assert "peers: 2, downloading" in told[0].seen
    assert fetcher.failure is None


def test_nothing_lands_after_close(fetcher: External, client: ClientDouble, landing: FileLanding) -> None:
    fetcher.want(ALL)
    until("it began", lambda: "start" in client.asked)
    fetcher.close()
    write(landing, 6)
    client.reading = Reading(bits(6))
    fetcher.close()

    assert 6 not in landing.have
    assert client.asked[-1] == "stop"


@pytest.mark.parametrize(
    ("data", "count", "pieces"), [(b"", 9, []), (b"\x80\x80", 9, [0, 8]), (b"\xff\xff", 9, list(range(9)))]
)
def test_bits_name_pieces_and_padding_names_none(data: bytes, count: int, pieces: list[int]) -> None:
    assert list(pieces_of(data, count)) == pieces


def test_bits_of_a_landing_are_those_that_name_its_pieces(landing: FileLanding) -> None:
    assert list(pieces_of(bits_of(landing), TABLE.count)) == [0, 9]


@pytest.mark.parametrize(
    ("words", "code"),
    [
        ("No space left on device (/d/a.part)", "E-DISK"),
        ("fallocate failed. cause: Permission denied", "E-PERM"),
        ("Disk quota exceeded", "E-QUOTA"),
        ("READ-ONLY FILE SYSTEM", "E-READONLY"),
    ],
)
def test_words_of_the_c_library_name_their_cause(words: str, code: str) -> None:
    found = machine_error(words, "write")
    assert found is not None
    assert found.code == code


def test_other_words_name_no_cause_of_the_machine() -> None:
    assert machine_error("unregistered torrent", "write") is None
