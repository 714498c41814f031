"""What a reader makes of files that somebody cut, changed or forged: a refusal of our tree, in little memory."""

from __future__ import annotations

import itertools
import tracemalloc
from collections.abc import Callable, Iterator
from dataclasses import fields
from pathlib import Path
from random import Random

import pytest

from kilotar.errors import KilotarError
from kilotar.sinks.base import Sink, find_sinks
from tests.doubles.collections import make_small
from tests.doubles.folders import lay

MOST_BYTES = 48 << 20  # what a reader may hold of files of some kB
MAPPED = ("lmdb", "h5py")  # their libraries map files and may die of damage

Spoil = Callable[[bytes, Random], bytes]


def cut(data: bytes, rng: Random) -> bytes:
    return data[: rng.randrange(len(data) + 1)]


def flip(data: bytes, rng: Random) -> bytes:
    spoilt = bytearray(data)
    for _ in range(rng.randrange(1, 4)):
        spoilt[rng.randrange(len(spoilt))] ^= 1 << rng.randrange(8)
    return bytes(spoilt)


def promise(data: bytes, rng: Random) -> bytes:
    """Put the largest numbers where a length may stand, near the begin more often."""
    width = rng.choice((1, 2, 4, 8))
    at = min(rng.randrange(len(data)), rng.randrange(len(data)))
    return data[:at] + rng.choice((b"\xff", b"\x7f", b"9")) * width + data[at + width :]


def swap(data: bytes, rng: Random) -> bytes:
    """Move a piece of the file to another place of it."""
    a, b, c = sorted(rng.randrange(len(data) + 1) for _ in range(3))
    return data[:a] + data[b:c] + data[a:b] + data[c:]


def damages(folder: Path, rng: Random, rounds: int) -> Iterator[None]:
    """Spoil one file after the other, each in every way, and give it back its bytes."""
    files = [path for path in sorted(folder.rglob("*")) if path.is_file() and path.stat().st_size]
    chosen = files if len(files) < 9 else rng.sample(files, 9)
    for path, spoil in itertools.product(chosen, (cut, flip, promise, swap)):
        data = path.read_bytes()
        for _ in range(rounds):
            path.write_bytes(spoil(data, rng))
            yield
        path.write_bytes(data)


@pytest.mark.parametrize("sink", find_sinks(), ids=lambda sink: sink.ABOUT.name)
def test_damage_is_refused_by_name_and_in_bounded_memory(sink: Sink, tmp_path: Path) -> None:
    if set(sink.ABOUT.needs) & set(MAPPED):
        return
    small = make_small(per_class=2, val=3, test=1)
    asked = {field.name: True for field in fields(sink.Options) if field.name == "boxes"}
    lay(sink, small, tmp_path, sink.Options(**asked))
    refused = 0
    for _ in damages(tmp_path, Random(7), rounds=3):
        tracemalloc.start()
        try:
            for row in sink.read(tmp_path, small.collection.edition):
                if row.read is not None:
                    row.read()
                if row.boxes is not None:
                    row.boxes()
        except KilotarError as error:
            refused += 1
            assert error.exit_code in (3, 5, 7, 8), error
        finally:
            held = tracemalloc.get_traced_memory()[1]
            tracemalloc.stop()
        assert held < MOST_BYTES
    assert refused or not sink.ABOUT.shards
