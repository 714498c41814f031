"""Records made here and read by the parser; TensorFlow reads them in tests/interop."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from kilotar.errors import LayoutRefused
from kilotar.parse.example import parse_example
from kilotar.sinks.example import example, example_bytes, features_bytes, floats, ints, padding, text, wide_int


def test_a_record_is_these_bytes() -> None:
    record = b"".join(example({"a": ints([3, -1])}, "b", b"xy"))
    assert record == bytes.fromhex(
        "0a23 0a14 0a0161 120f 1a0d 0a0b 03 ffffffffffffffffff01 0a0b 0a0162 1206 0a04 0a02 7879"
    )


@given(
    st.dictionaries(
        st.text("abc/", min_size=1),
        st.one_of(
            st.text(max_size=200),
            st.lists(st.integers(-(1 << 63), (1 << 63) - 1)),
            st.lists(st.floats(width=32, allow_nan=False)).map(tuple),
        ),
        max_size=6,
    ),
    st.text("ABCabc/", min_size=1),
    st.sampled_from([0, 1, 100, 127, 128, 200, 16_383, 16_384, 2_097_152]),
)
def test_what_is_written_is_read(
    values: dict[str, str | list[int] | tuple[float, ...]], name: str, size_bytes: int
) -> None:
    features = {}
    for name, value in values.items():
        made = text(value) if isinstance(value, str) else ints(value) if isinstance(value, list) else floats(value)
        features[name] = made
    features.pop(name, None)
    image = bytes(size_bytes)
    data = b"".join(example(features, name, image))
    assert example_bytes(features_bytes(features), name, size_bytes) == len(data)
    found = parse_example(data)
    assert set(found.lists) == {*features, name}
    span = found.span(name)
    assert data[span.start : span.stop] == image
    for name in features:
        value = values[name]
        if isinstance(value, str):
            assert found.text(name) == value
        elif isinstance(value, list):
            assert found.ints(name) == tuple(value)
        else:
            assert found.floats(name) == value


@pytest.mark.parametrize("value", [0, 1, 127, 128, 65_535, (1 << 21) - 1])
def test_a_wide_number_takes_the_same_room_whatever_it_is(value: int) -> None:
    data = b"".join(example({"n": wide_int(value)}, "i", b""))
    assert parse_example(data).ints("n") == (value,)
    assert len(data) == len(b"".join(example({"n": wide_int(0)}, "i", b"")))


@pytest.mark.parametrize("size_bytes", [2, 3, 17, 128, 129, 130, 131, 132, 500, 16_385, 16_386, 16_387, 16_388])
def test_padding_has_its_length_and_is_passed_over(size_bytes: int) -> None:
    pad = padding(size_bytes)
    assert len(pad) == size_bytes
    assert parse_example(b"".join(example({"n": ints([7])}, "i", b"x")) + pad).ints("n") == (7,)


@given(st.binary(max_size=300))
def test_any_bytes_are_read_or_refused(data: bytes) -> None:
    try:
        found = parse_example(data)
        for name in found.lists:
            found.ints(name)
    except LayoutRefused:
        pass


@given(st.data())
def test_a_record_that_is_cut_off_is_refused(data: st.DataObject) -> None:
    record = b"".join(example({"a": text("some text"), "b": ints([1, 2])}, "i", b"an image"))
    with pytest.raises(LayoutRefused):
        parse_example(record[: data.draw(st.integers(1, len(record) - 1))])


def test_a_feature_that_is_not_there_or_of_another_kind_is_refused_with_those_that_are() -> None:
    found = parse_example(b"".join(example({"b": floats([1.0])}, "a", b"x")))
    for ask in (lambda: found.span("c"), lambda: found.ints("a"), lambda: found.text("b")):
        with pytest.raises(LayoutRefused, match="no feature") as refusal:
            ask()
        assert refusal.value.seen == "a, b"
