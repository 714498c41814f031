"""Bencoding: one spelling a value, bounds for everything, and where each value stood."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from kilotar.errors import TorrentRefused
from kilotar.parse.bencode import MAX_BYTES, Value, decode, encode, read_dictionary

values = st.recursive(
    st.integers(-(1 << 63), (1 << 63) - 1) | st.binary(max_size=30),
    lambda inner: st.lists(inner, max_size=5) | st.dictionaries(st.binary(max_size=8), inner, max_size=5),
    max_leaves=20,
)


@given(values)
def test_what_was_encoded_is_decoded_to_the_same(value: Value) -> None:
    assert decode(encode(value)) == value


@given(st.binary(max_size=60))
def test_bytes_that_are_accepted_have_one_spelling(data: bytes) -> None:
    try:
        value = decode(data)
    except TorrentRefused:
        return
    assert encode(value) == data


@given(values, st.data())
def test_one_changed_byte_is_refused_or_is_another_value(value: Value, data: st.DataObject) -> None:
    good = encode(value)
    at = data.draw(st.integers(0, len(good) - 1))
    byte = data.draw(st.integers(0, 255).filter(lambda byte: byte != good[at]))
    bad = good[:at] + bytes([byte]) + good[at + 1 :]
    try:
        found = decode(bad)
    except TorrentRefused:
        return
    assert found != value


@given(st.dictionaries(st.binary(max_size=8), values, max_size=6))
def test_the_span_of_each_value_is_its_bytes(dictionary: dict[bytes, Value]) -> None:
    data = encode(dictionary)

    found = read_dictionary(data)

    assert found.values == dictionary
    assert {key: data[start:stop] for key, (start, stop) in found.spans.items()} == {
        key: encode(value) for key, value in dictionary.items()
    }


@pytest.mark.parametrize(
    "data",
    [
        b"",
        b"e",
        b"x",
        b"i",
        b"ie",
        b"i-e",
        b"i-0e",
        b"i01e",
        b"i-01e",
        b"i+1e",
        b"i 1e",
        b"i1_0e",
        b"i\xd9\xa1e",
        b"i1",
        b"i9223372036854775808e",
        b"i" + b"9" * 4000 + b"e",
        b"1:",
        b"01:a",
        b"-1:a",
        b"5:abcd",
        b"99999999999999999999:a",
        b"18446744073709551616:a",
        b"l",
        b"li1e",
        b"d",
        b"d1:a",
        b"d1:ae",
        b"di1ei2ee",
        b"d1:bi1e1:ai2ee",
        b"d1:ai1e1:ai2ee",
        b"i1ei2e",
        b"i1e\n",
        b"d1:ai1eex",
        b"l" * 100 + b"e" * 100,
        b"l" * 1_000_000,
        b"l" + b"i0e" * 200_000 + b"e",
    ],
    ids=lambda data: repr(data[:20]),
)
def test_what_is_not_strict_is_refused_at_its_byte(data: bytes) -> None:
    with pytest.raises(TorrentRefused, match="byte"):
        decode(data)


def test_more_than_the_most_bytes_are_not_looked_at() -> None:
    with pytest.raises(TorrentRefused, match="at most"):
        decode(b"%d:" % MAX_BYTES + bytes(MAX_BYTES))


def test_unsorted_keys_are_let_through_where_that_is_asked_for_and_doubled_ones_never() -> None:
    assert decode(b"d1:bi1e1:ai2ee", sorted_keys=False) == {b"b": 1, b"a": 2}
    with pytest.raises(TorrentRefused, match="twice"):
        decode(b"d1:ai1e1:bi2e1:ai3ee", sorted_keys=False)


def test_only_a_dictionary_has_keys() -> None:
    with pytest.raises(TorrentRefused, match="dictionary"):
        read_dictionary(b"le")
