"""Numbers as a person reads them."""

from __future__ import annotations

import pytest

from kilotar.shell.units import both_units, count, counted, duration, percent, share_of, size


@pytest.mark.parametrize(
    ("size_bytes", "text"),
    [(0, "0 B"), (999, "999 B"), (1000, "1.00 kB"), (147_897_477_120, "147.90 GB"), (3 * 10**12, "3.00 TB")],
)
def test_sizes_are_decimal_as_sites_print_them(size_bytes: int, text: str) -> None:
    assert size(size_bytes) == text


def test_both_units_stand_side_by_side() -> None:
    assert both_units(147_897_477_120) == "147.90 GB (137.74 GiB)"


@pytest.mark.parametrize(
    ("seconds", "text"),
    [
        (-1, "-"),
        (0, "0.0 s"),
        (0.44, "0.4 s"),
        (9.96, "10 s"),
        (59.4, "59 s"),
        (59.6, "1 m 00"),
        (3599.7, "1 h 00"),
        (4140, "1 h 09"),
        (86_399, "23 h 59"),
        (180_000, "2 d 02 h"),
    ],
)
def test_times_have_two_parts(seconds: float, text: str) -> None:
    assert duration(seconds) == text


def test_a_share_is_never_above_100_nor_made_up() -> None:
    assert (percent(1, 2), percent(3, 2), percent(1, 0)) == (50.0, 100.0, 0.0)


def test_one_is_singular() -> None:
    assert [counted(number, "problem") for number in (0, 1, 2000)] == ["0 problems", "1 problem", "2,000 problems"]


def test_counts_have_commas() -> None:
    assert count(1_281_167) == "1,281,167"


def test_a_part_has_the_unit_of_its_whole() -> None:
    assert share_of(105e9, 147_897_477_120) == "105.0/147.9 GB"
    assert share_of(3, 5) == "3/5 B"
