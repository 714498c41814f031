from __future__ import annotations

import pytest

from kilotar.errors import ArchiveRefused
from kilotar.model.edition import Strictness
from tests.doubles import tars

TWO = [(b"a.JPEG", b"x" * 700), (b"b.JPEG", b"y" * 512)]


def test_members_are_reported_with_the_place_of_their_data() -> None:
    members, counted = tars.run(tars.tar(TWO))

    assert members == [(b"a.JPEG", 512, 700), (b"b.JPEG", 2048, 512)]
    assert (
        counted.members,
        counted.data_bytes,
        counted.header_bytes,
        counted.padding_bytes,
        counted.tail_bytes,
    ) == (2, 1212, 1024, 324, 1024)


def test_every_byte_is_accounted_for_wherever_the_extent_begins() -> None:
    data = b"q" * 37 + tars.tar(TWO, end=bytes(10240))

    members, counted = tars.run(data, start=37)

    assert members[0][1] == 37 + 512
    assert len(data) - 37 == counted.total_bytes


def test_a_zero_block_in_the_middle_is_refused() -> None:
    data = tars.member(*TWO[0]) + bytes(512) + tars.tar(TWO[1:])

    with pytest.raises(ArchiveRefused, match="byte 2048: data after the end of the archive at 1536"):
        tars.run(data)


def test_an_empty_archive_of_two_zero_blocks_has_no_members() -> None:
    members, counted = tars.run(tars.END)

    assert (members, counted.total_bytes) == ([], 1024)


@pytest.mark.parametrize("rules", [Strictness(), Strictness(short_end=True)])
def test_a_checksum_that_does_not_hold_is_refused_at_its_offset(rules: Strictness) -> None:
    data = tars.member(*TWO[0]) + tars.header(b"b", 0, checksum=4711) + tars.END

    with pytest.raises(ArchiveRefused, match="byte 1536: the checksum"):
        tars.run(data, rules)
