from __future__ import annotations

import errno
import os
import random
from collections.abc import Iterator, Sequence
from pathlib import Path

import pytest

from kilotar.errors import ArchiveRefused, MachineError, StorageFailed
from kilotar.store.reading import ArchiveFile, Single, Window, open_archive

DATA = random.Random(7).randbytes(50_000)


@pytest.fixture
def path(tmp_path: Path) -> Path:
    path = tmp_path / "train.tar"
    path.write_bytes(DATA)
    return path


class StutteringDisk:
    """Reads at most a few bytes a call, as network file systems and signals make it, and counts what was read."""

    def __init__(self, most: int) -> None:
        self.most = most
        self.read_bytes = 0

    def __call__(self, fd: int, buffers: Sequence[memoryview], offset: int) -> int:
        got = os.preadv(fd, [buffers[0][: self.most]], offset)
        self.read_bytes += got
        return got


class BadSector:
    """Fails with EIO for every read that touches one byte."""

    def __init__(self, at: int) -> None:
        self.at = at

    def __call__(self, fd: int, buffers: Sequence[memoryview], offset: int) -> int:
        if offset <= self.at < offset + len(buffers[0]):
            raise OSError(errno.EIO, os.strerror(errno.EIO))
        return os.preadv(fd, buffers, offset)


@pytest.fixture
def stuttering(path: Path) -> Iterator[tuple[ArchiveFile, StutteringDisk]]:
    disk = StutteringDisk(777)
    with ArchiveFile(os.open(path, os.O_RDONLY), path, disk) as file:
        yield file, disk


def test_a_read_gives_exactly_the_bytes_asked_for(path: Path) -> None:
    with open_archive(path) as file:
        assert (file.read(100, 0), file.read(49_000, 1000), file.size_bytes) == (b"", DATA[49_000:], 50_000)


def test_a_read_past_the_end_tells_how_many_bytes_are_missing(path: Path) -> None:
    with open_archive(path) as file, pytest.raises(ArchiveRefused) as refused:
        file.read(49_990, 25)

    assert refused.value.seen == "it ends at byte 50000; at least 15 bytes are missing"


def test_a_failing_disk_is_named_with_the_offset(path: Path) -> None:
    file = ArchiveFile(os.open(path, os.O_RDONLY), path, BadSector(30_000))
    window = Window(file, 4096).limit(len(DATA))
    with file, pytest.raises(StorageFailed, match=r"train\.tar at byte 28672") as failed:
        for offset in range(0, len(DATA), 1024):
            window.view(offset, 1024)

    assert isinstance(failed.value.__cause__, OSError)


def test_after_a_failed_read_the_window_holds_nothing_stale(path: Path) -> None:
    with ArchiveFile(os.open(path, os.O_RDONLY), path, BadSector(30_000)) as file:
        window = Window(file, 4096).limit(len(DATA))
        window.view(25_000, 100)
        with pytest.raises(StorageFailed):
            window.view(29_000, 4096)

        with pytest.raises(StorageFailed):
            window.view(29_000, 100)
        assert bytes(window.view(25_000, 100)) == DATA[25_000:25_100]


def test_a_window_gives_rising_pieces_larger_and_smaller_than_itself(
    stuttering: tuple[ArchiveFile, StutteringDisk],
) -> None:
    file, disk = stuttering
    window = Window(file, 1000).limit(len(DATA))
    chance = random.Random(1)
    offset = 0
    while offset < len(DATA):
        size = min(chance.choice([0, 1, 300, 512, 999, 1000, 1001, 9000]), len(DATA) - offset)
        assert bytes(window.view(offset, size)) == DATA[offset : offset + size]
        offset += size

    assert disk.read_bytes == len(DATA)


def test_a_window_never_reads_past_its_limit(stuttering: tuple[ArchiveFile, StutteringDisk]) -> None:
    file, disk = stuttering
    window = Window(file, 1000).limit(2500)
    for offset in range(0, 2500, 500):
        window.read(offset, 500)

    assert disk.read_bytes == 2500


def test_a_window_may_skip_ahead_and_go_back(path: Path) -> None:
    with open_archive(path) as file:
        window = Window(file, 1000).limit(len(DATA))
        for offset in (0, 40_000, 100, 150, 39_999, 49_500):
            assert window.read(offset, 500) == DATA[offset : offset + 500]


def test_memory_of_a_large_piece_is_given_back(path: Path) -> None:
    with open_archive(path) as file:
        window = Window(file, 1000).limit(len(DATA))
        large = window.view(0, 40_000)
        small = window.view(40_000, 10)

    assert (large.obj is small.obj, len(bytearray(small.obj))) == (False, 1000)


def test_a_window_at_the_end_of_a_file_cut_short_refuses(path: Path) -> None:
    with open_archive(path) as file:
        window = Window(file, 1000).limit(60_000)
        with pytest.raises(ArchiveRefused, match="cut short"):
            window.view(49_900, 200)


def test_two_extents_are_compared_byte_by_byte(tmp_path: Path) -> None:
    half = random.Random(3).randbytes((1 << 20) + 100)
    path = tmp_path / "twice"
    path.write_bytes(half + half[:-1] + bytes([half[-1] ^ 1]))
    with open_archive(path) as file:
        assert file.is_same(0, len(half), len(half) - 1)
        assert not file.is_same(0, len(half), len(half))
        assert file.is_same(0, 5, 0)


def test_a_fifo_is_refused_without_waiting_for_a_writer(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "fifo")

    with pytest.raises(ArchiveRefused, match="no regular file"):
        open_archive(tmp_path / "fifo")


def test_a_folder_and_a_missing_file_are_refused(tmp_path: Path) -> None:
    with pytest.raises(ArchiveRefused, match="no regular file"):
        open_archive(tmp_path)
    with pytest.raises(MachineError, match="open"):
        open_archive(tmp_path / "none")


def test_a_link_to_an_archive_is_followed(tmp_path: Path, path: Path) -> None:
    (tmp_path / "link.tar").symlink_to(path)

    with open_archive(tmp_path / "link.tar") as file:
        assert file.read(0, 4) == DATA[:4]


def test_single_pieces_come_in_any_order_in_one_buffer(path: Path) -> None:
    with open_archive(path) as file:
        single = Single(file)
        assert [bytes(single.view(offset, size)) for offset, size in ((500, 7), (3, 900), (900, 1))] == [
            DATA[500:507],
            DATA[3:903],
            DATA[900:901],
        ]
        assert single.view(0, 5).obj is single.view(9, 800).obj
