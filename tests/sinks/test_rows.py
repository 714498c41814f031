"""The orders of lists, and lists as streams."""

from __future__ import annotations

from collections.abc import Iterator

from kilotar.model.sample import Split
from kilotar.model.table import Part, RowsBuilder, SampleTable
from kilotar.sinks.rows import by_class, by_name, chunks, rank


def table_of(*parts: tuple[str, list[str], list[str]]) -> SampleTable:
    """Make a table out of (key, names, wnids)."""
    made = []
    for key, names, wnids in parts:
        rows = RowsBuilder()
        for name in names:
            rows.add(name, 0, 1)
        made.append(Part(key, "a.tar", rows.rows(), wnids, [0]))
    return SampleTable(Split.TRAIN, made)


def test_classes_come_by_wnid_and_names_as_text_whatever_the_order_of_parts() -> None:
    table = table_of(("n2", ["n2_9.JPEG", "n2_10.JPEG"], ["n2"]), ("n1", ["n1_1.JPEG"], ["n1"]))
    assert [entry.name for entry in by_class(table)] == ["n1_1.JPEG", "n2_10.JPEG", "n2_9.JPEG"]


def test_classes_that_are_spread_over_parts_come_together() -> None:
    table = table_of(("00000", ["c", "a"], ["n2", "n1"]), ("00001", ["b", "d"], ["n2", "n2"]), ("n1", ["0"], ["n1"]))
    assert list(by_class(table)) == [("n1", "0"), ("n1", "a"), ("n2", "b"), ("n2", "c"), ("n2", "d")]


def test_flat_images_come_by_name() -> None:
    table = table_of(("00000", ["c", "a"], ["n2", "n1"]), ("00001", ["b"], ["n2"]))
    assert list(by_name(table)) == [("n1", "a"), ("n2", "b"), ("n2", "c")]


def test_a_rank_counts_the_sorted_wnids_from_0_and_each_once() -> None:
    assert rank(["n3", "n1", "n3"]) == {"n1": 0, "n3": 1}


def test_a_list_is_written_while_it_is_made() -> None:
    taken = 0

    def pieces() -> Iterator[bytes]:
        nonlocal taken
        while taken < 100_000:
            taken += 1
            yield b"x"

    stream = chunks(pieces())
    first = next(stream)
    assert len(first) == taken < 10_000
    assert len(first) + sum(map(len, stream)) == 100_000


def test_nothing_gives_no_chunk() -> None:
    assert list(chunks([])) == []
