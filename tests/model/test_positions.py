"""A table of positions is of one archive, and what is newer replaces what it contradicts."""

from __future__ import annotations

from kilotar.model.positions import Position, Positions

ONE, TWO = Position(0, 512, 2048, "n00000001"), Position(2048, 2560, 4096, "n00000002")


def test_rows_are_sorted_by_offset() -> None:
    assert Positions.of("train.tar", 9999, "", [TWO, ONE]).rows == (ONE, TWO)


def test_newer_rows_replace_those_of_the_same_class_or_place() -> None:
    table = Positions.of("train.tar", 9999, "", [ONE, TWO])
    moved = Position(4096, 4608, 5120, "n00000001")
    assert table.updated([moved]).rows == (TWO, moved)
    inside = Position(2560, 3072, 3584, "n00000003")
    assert table.updated([inside]).rows == (ONE, inside)
    assert table.updated([]) == table


def test_a_table_is_of_an_archive_by_length_and_infohash() -> None:
    table = Positions("train.tar", 9999, "ab" * 20)
    assert table.is_of(9999, "ab" * 20) and table.is_of(9999, "")
    assert not table.is_of(9998, "ab" * 20) and not table.is_of(9999, "cd" * 20)
