"""The walker against the standard library, on honest archives and on archives with one thing changed.

Rules checked: an honest archive gives the same members; a changed one is refused, or the standard library sees the same
members in it. (The reverse is not asked for: it stops early and says nothing.)
"""

from __future__ import annotations

import io
import tarfile

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from kilotar.errors import ArchiveRefused
from kilotar.model.edition import Strictness
from kilotar.parse.tar import RawMember
from tests.doubles import tars

DIALECTS = st.sampled_from([tarfile.USTAR_FORMAT, tarfile.GNU_FORMAT])
LONG = Strictness(long_names=True, ustar_prefix=True, directories=True)
NAMES = st.text(st.characters(min_codepoint=33, max_codepoint=126, exclude_characters="/"), min_size=1, max_size=99)
LONG_NAMES = st.lists(NAMES.filter(lambda n: n not in (".", "..")), min_size=1, max_size=4).map("/".join)
MEMBERS = st.lists(st.tuples(NAMES, st.binary(max_size=2000)), max_size=8)
LONG_MEMBERS = st.lists(st.tuples(LONG_NAMES, st.binary(max_size=700)), max_size=5)


def build(members: list[tuple[str, bytes]], dialect: int) -> bytes:
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w", format=dialect) as archive:
        for name, data in members:
            info = tarfile.TarInfo(name)
            info.size = len(data)
            archive.addfile(info, io.BytesIO(data))
    return buffer.getvalue()


def listed(data: bytes) -> list[RawMember]:
    """Give what the standard library sees: name, data offset, size of each plain file."""
    try:
        with tarfile.open(fileobj=io.BytesIO(data), mode="r:", encoding="latin-1") as archive:
            return [(m.name.encode("latin-1"), m.offset_data, m.size) for m in archive if m.isreg()]
    except tarfile.ReadError:
        return []


@settings(max_examples=150, deadline=None)
@given(MEMBERS, DIALECTS)
def test_an_honest_archive_gives_the_members_that_the_standard_library_sees(
    members: list[tuple[str, bytes]], dialect: int
) -> None:
    data = build(members, dialect)

    found, counted = tars.run(data)

    assert found == listed(data)
    assert [data[at : at + size] for _, at, size in found] == [content for _, content in members]
    assert (counted.members, counted.total_bytes) == (len(members), len(data))


@settings(max_examples=80, deadline=None)
@given(LONG_MEMBERS)
def test_long_names_are_read_as_the_standard_library_reads_them(members: list[tuple[str, bytes]]) -> None:
    data = build(members, tarfile.GNU_FORMAT)

    found, counted = tars.run(data, LONG)

    assert [(name, at, size) for name, at, size in found] == listed(data)
    assert counted.total_bytes == len(data)


@settings(max_examples=80, deadline=None)
@given(MEMBERS, st.integers(0, 5000), st.integers(0, 3))
def test_an_archive_inside_a_file_is_read_wherever_it_begins(
    members: list[tuple[str, bytes]], start: int, gap: int
) -> None:
    data = build(members, tarfile.GNU_FORMAT)

    moved, _ = tars.run(bytes(start) + data, start=start)
    found, _ = tars.run(data)

    assert moved == [(name, at + start, size) for name, at, size in found]


@settings(max_examples=80, deadline=None)
@given(MEMBERS.filter(bool), DIALECTS, st.data())
def test_any_run_of_whole_members_can_be_walked_alone(
    members: list[tuple[str, bytes]], dialect: int, data: st.DataObject
) -> None:
    archive = build(members, dialect)
    found, _ = tars.run(archive)
    ends = [0, *(at + size + -size % 512 for _, at, size in found)]
    first = data.draw(st.integers(0, len(members)))
    last = data.draw(st.integers(first, len(members)))

    part, counted = tars.run(archive[: ends[last]], start=ends[first], slice_only=True)

    assert part == found[first:last]
    assert counted.total_bytes == ends[last] - ends[first]


SMALL = build([("n01440764_1.JPEG", b"x" * 700), ("n01440764_2.JPEG", b"y" * 512), ("n3", b"")], tarfile.GNU_FORMAT)[
    : 512 * 6 + 1024
]
BOTH = [Strictness(), Strictness(True, True, True, True, True, True)]


def accepted(data: bytes, rules: Strictness) -> list[RawMember] | None:
    try:
        found, counted = tars.run(data, rules)
    except ArchiveRefused:
        return None
    assert counted.total_bytes == len(data)
    return found


@pytest.mark.parametrize("rules", BOTH)
@pytest.mark.parametrize("mask", [0x01, 0x80, 0xFF])
def test_a_changed_byte_is_refused_or_changes_nothing_that_the_standard_library_sees(
    mask: int, rules: Strictness
) -> None:
    taken = 0
    for at in range(len(SMALL)):
        changed = SMALL[:at] + bytes([SMALL[at] ^ mask]) + SMALL[at + 1 :]
        found = accepted(changed, rules)
        if found is not None:
            assert found == listed(changed), at
            taken += 1

    assert taken < 700 + 512 + 3 * 16 + (324 if rules.nonzero_padding else 0)  # data, and spellings of a checksum


@settings(max_examples=400, deadline=None)
@given(st.integers(0, 5), st.lists(st.tuples(st.integers(0, 511), st.integers(0, 255)), min_size=1, max_size=4))
def test_a_forged_header_is_refused_or_read_as_the_standard_library_reads_it(
    block: int, changes: list[tuple[int, int]]
) -> None:
    forged = bytearray(SMALL)
    at = (0, 2 * 512 + 512, 5 * 512)[block % 3]
    for offset, byte in changes:
        if (
            not 100 <= offset < 124 and not 136 <= offset < 148 and not 257 <= offset < 345
        ):  # owner, time: not read here
            forged[at + offset] = byte
    forged[at : at + 512] = tars.seal(forged[at : at + 512])
    for rules in BOTH:
        found = accepted(bytes(forged), rules)
        if found is not None:
            assert found == listed(bytes(forged))


@settings(max_examples=300, deadline=None)
@given(st.binary(max_size=3000), st.sampled_from(BOTH))
def test_junk_is_refused_or_zero_and_never_anything_else(junk: bytes, rules: Strictness) -> None:
    found = accepted(junk, rules)

    assert found in (None, [])


def test_an_archive_cut_at_any_byte_is_refused() -> None:
    assert [length for length in range(len(SMALL)) if accepted(SMALL[:length], Strictness()) is not None] == []
