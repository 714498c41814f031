"""Pieces are read back until the file agrees, and only then called lost."""

from __future__ import annotations

import queue
import threading
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from kilotar.errors import StorageFailed
from kilotar.events import Trouble
from kilotar.sources.torrent import verifying
from kilotar.sources.torrent.verifying import Verifier
from tests.doubles.landings import FileLanding, payload, table_of

DATA = payload(40_000)
TABLE = table_of(DATA, 10_000)


class Bench:
    """A verifier over a file that nobody has written yet."""

    def __init__(self, folder: Path) -> None:
        self.landing = FileLanding(TABLE, folder)
        self.flushed = threading.Event()
        self.lost: queue.SimpleQueue[int] = queue.SimpleQueue()
        self.told: queue.SimpleQueue[Trouble] = queue.SimpleQueue()
        self.verifier = Verifier(self.landing, "peers", self.flushed.set, self.lost.put, self.told.put)

    def write(self, piece: int) -> None:
        with self.landing.path.open("r+b") as file:
            file.seek(TABLE.start(piece))
            file.write(DATA[TABLE.start(piece) : TABLE.stop(piece)])


@pytest.fixture
def bench(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Bench]:
    for name in ("FIRST_WAIT_S", "LONGEST_WAIT_S", "DISK_WAIT_S"):
        monkeypatch.setattr(verifying, name, 0.005)
    monkeypatch.setattr(verifying, "PATIENCE_S", 0.2)
    made = Bench(tmp_path)
    yield made
    made.verifier.close()


def test_a_piece_that_is_there_lands(bench: Bench) -> None:
    bench.write(1)
    bench.verifier.add(1)

    assert bench.landing.wait_for({1})
    assert bench.verifier.drain(1)
    assert bench.landing.sources == {"peers": 1}


def test_a_piece_that_comes_late_lands_when_it_is_there(bench: Bench) -> None:
    bench.verifier.add(1)
    while not bench.landing.bad:
        time.sleep(0.001)
    bench.write(1)

    assert bench.landing.wait_for({1})
    assert bench.lost.empty()


def test_a_piece_that_only_a_flush_brings_is_not_lost(bench: Bench) -> None:
    bench.verifier.add(1)
    assert bench.flushed.wait(5)
    bench.write(1)

    assert bench.landing.wait_for({1})
    assert bench.lost.empty()


def test_a_piece_that_never_comes_is_lost_once_after_a_flush(bench: Bench) -> None:
    bench.verifier.add(1)
    bench.verifier.add(1)

    assert bench.lost.get(timeout=5) == 1
    assert bench.flushed.is_set()
    assert bench.verifier.drain(1)
    assert bench.lost.empty()


def test_one_late_piece_holds_up_no_other(bench: Bench) -> None:
    bench.write(2)
    bench.verifier.add(1)
    bench.verifier.add(2)

    assert bench.landing.wait_for({2})
    assert bench.lost.empty()


def test_a_piece_that_another_source_brought_is_not_read(bench: Bench) -> None:
    bench.landing.take(1, DATA[10_000:20_000], "a web server")
    bench.verifier.add(1)

    assert bench.verifier.drain(1)
    assert [call.verb for call in bench.landing.calls] == ["take"]


def test_a_disk_that_cannot_be_read_is_told_and_tried_again(bench: Bench) -> None:
    bench.landing.failure = StorageFailed("could not read", seen="EIO")
    bench.write(1)
    bench.verifier.add(1)
    assert bench.told.get(timeout=5).kind == "disk"
    bench.landing.failure = None

    assert bench.landing.wait_for({1})


def test_nothing_lands_after_the_end(bench: Bench) -> None:
    bench.verifier.add(1)
    bench.verifier.close()
    bench.write(1)
    calls = len(bench.landing.calls)
    bench.verifier.add(2)

    assert not bench.verifier.drain(0.05)
    assert len(bench.landing.calls) == calls
