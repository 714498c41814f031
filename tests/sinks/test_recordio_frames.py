"""Frames of records: parts, cuts at the magic word, and where records begin."""

from __future__ import annotations

import struct
from collections.abc import Iterator

import pytest
from hypothesis import given
from hypothesis import strategies as st

from kilotar.errors import ArchiveRefused, LayoutRefused
from kilotar.sinks.recordio_frames import MAGIC, find_starts, frame, framed_bytes, payload

HEAD = bytes(range(24))
Parts = list[tuple[int, bytes]]


def framed(data: bytes, head: bytes = HEAD) -> bytes:
    return b"".join(frame(head, data))


def parts(record: bytes) -> Parts:
    """Give flag and bytes of each part, by dmlc's description alone."""
    found, at = [], 0
    while at < len(record):
        magic, word = struct.unpack_from("<II", record, at)
        length = word & 0x1FFFFFFF
        padded = (length + 3) // 4 * 4
        assert magic == 0xCED7230A
        assert record[at + 8 + length : at + 8 + padded] == bytes(padded - length)
        found.append((word >> 29, record[at + 8 : at + 8 + length]))
        at += 8 + padded
    assert at == len(record)
    return found


@pytest.mark.parametrize(
    ("data", "expected"),
    [
        (b"", [(0, HEAD)]),
        (b"a", [(0, HEAD + b"a")]),
        (b"abcd", [(0, HEAD + b"abcd")]),
        (b"a" + MAGIC + b"bcd", [(0, HEAD + b"a" + MAGIC + b"bcd")]),
        (MAGIC[:3], [(0, HEAD + MAGIC[:3])]),
        (MAGIC, [(1, HEAD), (3, b"")]),
        (b"abcd" + MAGIC, [(1, HEAD + b"abcd"), (3, b"")]),
        (MAGIC + b"abcde", [(1, HEAD), (3, b"abcde")]),
        (MAGIC + MAGIC + b"e", [(1, HEAD), (2, b""), (3, b"e")]),
        (b"abcd" + MAGIC + b"efgh" + MAGIC + b"i", [(1, HEAD + b"abcd"), (2, b"efgh"), (3, b"i")]),
        (b"ab" + MAGIC + b"cd" + MAGIC, [(1, HEAD + b"ab" + MAGIC + b"cd"), (3, b"")]),
    ],
)
def test_a_payload_is_cut_at_each_magic_word_at_a_multiple_of_four(data: bytes, expected: Parts) -> None:
    record = framed(data)
    assert parts(record) == expected
    assert payload(record) == HEAD + data
    assert len(record) == framed_bytes(len(HEAD + data)) + 4 * (len(expected) - 1)


pieces = st.lists(st.one_of(st.just(MAGIC), st.just(MAGIC[:2]), st.binary(max_size=9)), max_size=12).map(b"".join)


@given(pieces)
def test_what_is_framed_is_read_back_and_the_magic_word_stands_before_parts_only(data: bytes) -> None:
    record = framed(data)
    assert payload(record) == HEAD + data
    words = [record[at : at + 4] for at in range(0, len(record), 4)]
    assert words.count(MAGIC) == len(parts(record))


def test_an_image_too_long_or_full_of_magic_words_is_refused() -> None:
    assert len(parts(framed(MAGIC * 4096))) == 4097
    with pytest.raises(ArchiveRefused, match="magic words"):
        framed(MAGIC * 4097)


@pytest.mark.parametrize(
    "record",
    [
        b"",
        b"abc",
        MAGIC,
        MAGIC + b"\x09\0\0\0" + bytes(8),
        framed(b"abcd")[:-4],
        framed(b"abcd") + b"x",
        framed(b"abcd") * 2,
        framed(MAGIC + b"abcd")[:32],
        framed(MAGIC + b"abcd")[32:],
        MAGIC + b"\xff\xff\xff\xff",
    ],
)
def test_what_is_no_record_is_refused(record: bytes) -> None:
    with pytest.raises(LayoutRefused):
        payload(record)


@given(st.binary(max_size=100))
def test_no_bytes_break_the_reader_of_a_record(record: bytes) -> None:
    try:
        payload(MAGIC + record)
    except LayoutRefused:
        return


def numbered(contents: list[bytes]) -> Iterator[bytes]:
    return (framed(data, number.to_bytes(24, "little")) for number, data in enumerate(contents))


@given(st.lists(pieces, max_size=30))
def test_records_are_found_by_their_lengths_and_a_look_at_few(contents: list[bytes]) -> None:
    records = list(numbered(contents))
    file = b"".join(records)
    looks = []

    def shift_of(row: int, at: int, most: int) -> int | None:
        looks.append(row)
        found = file.find(row.to_bytes(24, "little"), at + 8, at + 8 + most + 24) - at - 8
        return found if found >= 0 else None

    lengths = [framed_bytes(24 + len(data)) for data in contents]
    starts = list(find_starts(lengths, len(file), shift_of))
    assert starts == [sum(map(len, records[:number])) for number in range(len(records))]
    cuts = (len(file) - sum(lengths)) // 4
    assert len(looks) == len(set(looks)) <= cuts * 6


def test_a_file_without_cuts_is_not_looked_at() -> None:
    def shift_of(row: int, at: int, most: int) -> int | None:
        raise AssertionError("looked at")

    assert list(find_starts([12, 16, 20], 48, shift_of)) == [0, 12, 28]
    assert list(find_starts([], 0, shift_of)) == []


def test_a_file_that_is_not_what_was_written_is_refused() -> None:
    with pytest.raises(LayoutRefused, match="too short"):
        list(find_starts([12, 16], 24, lambda row, at, most: 0))
    with pytest.raises(LayoutRefused, match="not where"):
        list(find_starts([12, 16], 32, lambda row, at, most: None))
