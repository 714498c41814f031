"""Rule: a set of ranges is sorted, disjoint and not touching, and behaves as the set of its bytes."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from kilotar.model.ranges import ByteRange, Ranges

SPAN = st.tuples(st.integers(0, 40), st.integers(1, 12)).map(lambda pair: ByteRange(pair[0], pair[0] + pair[1]))
SPANS = st.lists(SPAN, max_size=8)


def bytes_of(spans: Ranges | list[ByteRange]) -> set[int]:
    return {byte for span in spans for byte in range(span.start, span.stop)}


def is_normal(ranges: Ranges) -> bool:
    return all(left.stop < right.start for left, right in zip(ranges.parts, ranges.parts[1:], strict=False))


@given(SPANS)
def test_a_set_covers_the_bytes_of_its_spans_once(spans: list[ByteRange]) -> None:
    ranges = Ranges.of(spans)

    assert bytes_of(ranges) == bytes_of(spans)
    assert ranges.size_bytes == len(bytes_of(spans))
    assert bool(ranges) == bool(spans)
    assert is_normal(ranges)


@given(SPANS, SPANS)
def test_union_difference_and_intersection_are_those_of_the_bytes(a: list[ByteRange], b: list[ByteRange]) -> None:
    one, other = Ranges.of(a), Ranges.of(b)

    for found, expected in (
        (one | other, bytes_of(a) | bytes_of(b)),
        (one - other, bytes_of(a) - bytes_of(b)),
        (one & other, bytes_of(a) & bytes_of(b)),
    ):
        assert bytes_of(found) == expected
        assert is_normal(found)


@given(SPANS, SPANS)
def test_sets_are_equal_exactly_when_their_bytes_are(a: list[ByteRange], b: list[ByteRange]) -> None:
    assert (Ranges.of(a) == Ranges.of(b)) == (bytes_of(a) == bytes_of(b))


@given(SPANS, SPANS)
def test_a_set_holds_another_exactly_when_its_bytes_do(a: list[ByteRange], b: list[ByteRange]) -> None:
    assert (Ranges.of(a) >= Ranges.of(b)) == (bytes_of(a) >= bytes_of(b))


@given(st.permutations([ByteRange(0, 3), ByteRange(3, 5), ByteRange(9, 12), ByteRange(4, 6)]))
def test_the_order_of_the_spans_does_not_matter(spans: list[ByteRange]) -> None:
    assert Ranges.of(spans).parts == (ByteRange(0, 6), ByteRange(9, 12))


@pytest.mark.parametrize(("start", "stop"), [(0, 0), (5, 5), (7, 3), (-1, 4)])
def test_an_empty_or_backward_range_is_refused(start: int, stop: int) -> None:
    with pytest.raises(ValueError, match=r"not a range: \["):
        ByteRange(start, stop)
