"""The generated archive is a real one: what the library and our walker read of it is what it says it holds."""

from __future__ import annotations

import io
import random
import tarfile

from kilotar.model.edition import Strictness
from kilotar.parse.tar import walk_members
from tests.doubles.trains import GeneratedTrain
from tests.plan.class_tars import synsets


def small() -> GeneratedTrain:
    return GeneratedTrain(synsets(4, images=30), 3, mean=6000)


def test_it_is_a_tar_of_tars_with_the_published_counts() -> None:
    train = small()
    data = train.read(0, train.size_bytes)
    assert len(data) == train.size_bytes and len(data) % 10_240 == 0
    with tarfile.open(fileobj=io.BytesIO(data)) as outer:
        for info, truth in zip(outer.getmembers(), train.tars, strict=True):
            assert (info.name, info.offset, info.offset_data) == (f"{truth.wnid}.tar", truth.header_at, truth.start)
            file = outer.extractfile(info)
            assert file is not None and info.size == truth.stop - truth.start
            with tarfile.open(fileobj=file) as inner:
                assert len(inner.getmembers()) == 30


def test_the_strict_walker_accounts_for_every_byte() -> None:
    train = small()
    data = train.read(0, train.size_bytes)

    def read(offset: int, size: int) -> bytes:
        return data[offset : offset + size]

    assert len(list(walk_members(read, 0, train.size_bytes, Strictness()))) == 4
    for truth in train.tars:
        assert len(list(walk_members(read, truth.start, truth.stop, Strictness()))) == 30


def test_any_stretch_is_a_slice_of_the_whole() -> None:
    train = GeneratedTrain(synsets(4, images=9), 3, mean=300_000)
    data = train.read(0, train.size_bytes)
    drawn = random.Random(8)
    for _ in range(300):
        start = drawn.randrange(train.size_bytes)
        stop = start + drawn.randrange(1, 200_000)
        assert train.read(start, stop) == data[start:stop]
