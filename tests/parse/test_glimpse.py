"""What a stretch out of the middle of an archive shows, and what it does not fall for."""

from __future__ import annotations

import random

import pytest

from kilotar.errors import ArchiveRefused
from kilotar.parse.glimpse import Glimpser, Mark
from tests.doubles.tars import END, header, member, padded
from tests.plan.class_tars import archive, class_tar, synsets, tar_of_tars

WNIDS = frozenset(synset.wnid for synset in synsets(5))
ONE, TWO, THREE = sorted(WNIDS)[:3]
NOISE = random.Random(2).randbytes(5000)


def glimpse(data: bytes, start: int = 0, size_bytes: int = 1 << 30, **strictness: bool) -> list[tuple[int, str, bool]]:
    marks = Glimpser(archive(**strictness), size_bytes, WNIDS).glimpse(memoryview(data), start)
    return [(mark.at, mark.wnid, mark.is_outer) for mark in marks]


def image(wnid: str, data: bytes = NOISE) -> bytes:
    return member(f"{wnid}_7.JPEG".encode(), data)


def test_a_stretch_over_the_end_of_a_class_shows_both_classes() -> None:
    data, truth = tar_of_tars([(ONE, class_tar(ONE, [NOISE] * 3)), (TWO, class_tar(TWO, [NOISE] * 2))])
    step = 512 + 5120
    assert glimpse(data[512 + step :], 512 + step) == [
        (512 + step, ONE, False),
        (512 + 2 * step, ONE, False),
        (truth[TWO].header_at, TWO, True),
        (truth[TWO].start, TWO, False),
        (truth[TWO].start + step, TWO, False),
    ]


def test_the_rest_of_an_image_before_the_first_header_does_not_matter() -> None:
    assert glimpse(NOISE[:4096] + image(ONE), 512_000) == [(516_096, ONE, False)]


def test_an_image_that_goes_beyond_the_stretch_is_seen() -> None:
    assert glimpse(image(TWO)[:1024]) == [(0, TWO, False)]


def test_a_header_without_what_must_follow_is_not_believed() -> None:
    fake = header(f"{TWO}_1.JPEG".encode(), 600)
    assert glimpse(fake + NOISE[:4096]) == []
    assert glimpse(fake + NOISE[:2048] + image(TWO)) == [(2560, TWO, False)]


def test_of_an_image_that_holds_a_tar_the_longer_chain_is_believed() -> None:
    bait = NOISE[:1024] + header(f"{THREE}.tar".encode(), 90_000) + image(THREE)
    shown = glimpse(image(ONE) + image(ONE, bait) + image(ONE) + image(ONE))
    assert [wnid for _, wnid, _ in shown] == [ONE] * 4


def test_an_image_of_another_class_cannot_follow_inside_a_class_tar() -> None:
    assert glimpse(image(ONE) + image(TWO) + image(TWO)) == [(5632, TWO, False), (11_264, TWO, False)]


def test_names_of_no_class_are_passed_over() -> None:
    assert glimpse(member(b"README", b"odd") + image(ONE)) == [(1024, ONE, False)]
    assert glimpse(member(b"n99999999_1.JPEG", NOISE) + image(ONE)) == [(5632, ONE, False)]


def test_an_old_header_without_the_magic_word_is_seen() -> None:
    old = header(f"{ONE}_1.JPEG".encode(), 10, magic=bytes(8))
    assert glimpse(old + padded(bytes(10)) + END) == [(0, ONE, False)]


def test_names_below_the_current_folder_are_seen() -> None:
    inner = member(f"./{ONE}/{ONE}_1.JPEG".encode(), NOISE)
    assert glimpse(header(f"./{ONE}.tar".encode(), 90_000) + inner) == [(0, ONE, True), (512, ONE, False)]


def test_records_and_folders_that_the_edition_allows_are_links_of_the_chain() -> None:
    folder = header(b"train/", 0, kind=b"5")
    record = header(b"././@LongLink", 200, kind=b"L") + padded(b"x" * 200)
    assert glimpse(folder + record + image(ONE), directories=True, long_names=True) == [(1536, ONE, False)]
    assert glimpse(image(TWO) + folder + image(TWO), directories=True)[0] == (0, TWO, False)
    assert glimpse(image(TWO) + folder + image(TWO)) == [(6144, TWO, False)]


def test_an_image_beyond_the_end_or_of_impossible_size_is_none() -> None:
    assert glimpse(image(ONE), size_bytes=5120) == []
    assert glimpse(header(f"{ONE}_1.JPEG".encode(), 65 << 20)) == []


def test_a_piece_of_zeros_or_shorter_than_a_block_shows_nothing() -> None:
    assert glimpse(bytes(8192)) == glimpse(b"") == glimpse(b"n" * 100) == []


def test_one_header_is_read_strictly() -> None:
    glimpser = Glimpser(archive(), 1 << 30, WNIDS)
    assert glimpser.read(header(f"{ONE}.tar".encode(), 1000), 512) == Mark(512, ONE, True, 2024, 1024)
    assert glimpser.read(header(f"{ONE}.tar".encode(), 1000), 512).beyond == 2048
    with pytest.raises(ArchiveRefused):
        glimpser.read(header(b"x", 0, checksum=1), 512)
    with pytest.raises(ArchiveRefused):
        glimpser.read(header(f"{ONE}.tar".encode(), 1 << 30), 512)
