"""Tables of positions go out and come back, and nothing else comes in."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from kilotar.errors import LayoutRefused
from kilotar.model.positions import Position, Positions
from kilotar.parse.positions import format_positions, parse_positions
from tests.plan.class_tars import synsets

WNIDS = [synset.wnid for synset in synsets(6)]
HASH = "ab" * 20


def table(*rows: Position) -> Positions:
    return Positions.of("train.tar", 102_400, HASH, rows)


ROWS = (Position(0, 512, 10_752, WNIDS[0]), Position(10_752, 11_264, 21_504, WNIDS[2]))


@given(st.sets(st.sampled_from(WNIDS)), st.lists(st.integers(0, 9), min_size=12, max_size=12), st.booleans())
def test_a_table_comes_back_as_it_went(wnids: set[str], blocks: list[int], has_hash: bool) -> None:
    at, rows = 0, []
    for number, wnid in enumerate(sorted(wnids)):
        at += 512 * blocks[2 * number]
        rows.append(Position(at, at + 512, at + 512 * (1 + blocks[2 * number + 1]), wnid))
        at = rows[-1].stop
    positions = Positions.of("train.tar", 102_400, HASH if has_hash else "", rows)
    assert parse_positions(format_positions(positions), "t.tsv", WNIDS) == positions


@pytest.mark.parametrize(
    ("row", "why"),
    [
        (Position(21_504, 22_016, 32_256, "n99999999"), "no class"),
        (Position(21_504, 22_016, 32_256, WNIDS[0]), "stood before"),
        (Position(21_504, 22_016, 32_257, WNIDS[3]), "multiples of 512"),
        (Position(21_504, 22_528, 32_256, WNIDS[3]), "behind its header"),
        (Position(20_992, 21_504, 32_256, WNIDS[3]), "not overlap"),
        (Position(21_504, 22_016, 102_912, WNIDS[3]), "inside the archive"),
        (Position(21_504, 22_016, 21_504, WNIDS[3]), "inside the archive"),
    ],
)
def test_a_row_that_cannot_be_is_refused_with_its_line(row: Position, why: str) -> None:
    text = format_positions(Positions("train.tar", 102_400, HASH, (*ROWS, row)))
    with pytest.raises(LayoutRefused, match=r"t\.tsv, line 5") as refused:
        parse_positions(text, "t.tsv", WNIDS)
    assert why in refused.value.what


@pytest.mark.parametrize(
    ("old", "new"),
    [
        (b"kilotar positions 1", b"kilotar positions 2"),
        (b"102400", b"0102400"),
        (HASH.encode(), b"abc"),
        (b"wnid\theader_at", b"wnid\tstart"),
        (b"\t10752\n", b"\t+10752\n"),
        (b"\t10752\n", b"\t10752\t\n"),
        (b"\t10752\n", b"\r\n"),
        (b"\t11264", b"\t011264"),
    ],
)
def test_a_damaged_table_is_refused(old: bytes, new: bytes) -> None:
    text = format_positions(table(*ROWS))
    assert old in text
    with pytest.raises(LayoutRefused):
        parse_positions(text.replace(old, new, 1), "t.tsv", WNIDS)


@pytest.mark.parametrize("data", [b"", b"<html>", b"\n", b"\xef\xbb\xbfkilotar", b"n" * (5 << 20)])
def test_what_is_no_table_is_refused(data: bytes) -> None:
    with pytest.raises(LayoutRefused):
        parse_positions(data, "t.tsv", WNIDS)
