"""Rules: an order is a permutation that depends on names and seed alone; shards cover every sample once."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from kilotar.errors import UsageError
from kilotar.model.sample import Split
from kilotar.model.table import Part, RowsBuilder, SampleTable
from kilotar.plan import order as module
from kilotar.plan.order import ORDERS, cut, order_rows

names = st.lists(st.from_regex(r"n[0-9]{8}_[0-9]{1,4}\.JPEG", fullmatch=True), unique=True, max_size=40)


def table_of(found: list[str]) -> SampleTable:
    rows = RowsBuilder()
    for at, name in enumerate(found):
        rows.add(name, at * 512, 10)
    return SampleTable(Split.TRAIN, [Part("a", "train.tar", rows.rows(), ["n00000000"], [0])])


def named(table: SampleTable, order: str, seed: int = 0) -> list[str]:
    return [table[row].name for row in order_rows(table, order, seed, lambda sample: sample.name[::-1])]


@given(names, st.sampled_from(ORDERS), st.integers(0, 3))
def test_every_order_is_a_permutation(found: list[str], order: str, seed: int) -> None:
    assert sorted(named(table_of(found), order, seed)) == sorted(found)


@given(names, st.sampled_from(["shuffled", "official"]))
def test_an_archive_in_another_order_gives_the_same_output(found: list[str], order: str) -> None:
    assert named(table_of(found), order) == named(table_of(found[::-1]), order)


def test_another_seed_gives_another_order_and_the_same_one_the_same() -> None:
    table = table_of([f"n{number:08d}_1.JPEG" for number in range(100)])

    assert named(table, "shuffled", 1) == named(table, "shuffled", 1) != named(table, "shuffled", 2)


def test_a_known_order_never_changes() -> None:
    table = table_of([f"n{number:08d}_1.JPEG" for number in range(6)])

    assert [name[8] for name in named(table, "shuffled", 0)] == list("053142")


def test_windows_are_mixed_each_by_itself(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "WINDOW_ROWS", 4)
    rows = order_rows(table_of([f"n{number:08d}_1.JPEG" for number in range(10)]), "windowed", 0)

    assert [{row // 4 for row in rows[start : start + 4]} for start in (0, 4, 8)] == [{0}, {1}, {2}]
    assert list(rows) != sorted(rows)


@pytest.mark.parametrize("order", ["alphabetical", "official"])
def test_an_order_that_there_is_not_is_refused_with_those_there_are(order: str) -> None:
    with pytest.raises(UsageError, match="archive, windowed, shuffled"):
        order_rows(table_of([]), order, 0)


@given(st.integers(0, 1000), st.integers(1, 50))
def test_shards_cover_every_sample_once_and_are_of_one_length(length: int, count: int) -> None:
    runs = cut(length, count)

    assert [position for run in runs for position in run] == list(range(length))
    assert len(runs) == count and max(map(len, runs)) - min(map(len, runs)) <= 1
