"""Tables of positions on disk: ours may be lost, a person's is refused aloud."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from kilotar.errors import LayoutRefused, StorageFailed
from kilotar.model.positions import Position, Positions
from kilotar.store.index import Outline, PartSpan
from kilotar.store.positions import positions_file, positions_of, read_positions, take_positions, write_positions

WNIDS = ("n00000010", "n00000020")
TABLE = Positions.of("train.tar", 102_400, "ab" * 20, [Position(512, 1024, 10_240, WNIDS[1])])


def test_what_is_written_is_read(tmp_path: Path) -> None:
    path = positions_file(tmp_path, TABLE.infohash)
    assert read_positions(path, WNIDS) is None
    write_positions(path, TABLE)
    assert read_positions(path, WNIDS) == take_positions(path, WNIDS) == TABLE
    assert os.listdir(tmp_path / "positions") == [f"{TABLE.infohash}.tsv"]


def test_a_damaged_table_of_ours_is_as_none_and_one_that_is_given_is_refused(tmp_path: Path) -> None:
    path = positions_file(tmp_path, "train.tar")
    write_positions(path, TABLE)
    path.write_bytes(path.read_bytes()[:-3])
    assert read_positions(path, ("n00000010",)) is None
    with pytest.raises(LayoutRefused, match="line 3"):
        take_positions(path, ("n00000010",))


def test_a_table_of_another_archive_is_refused_when_given(tmp_path: Path) -> None:
    path = tmp_path / "mine.tsv"
    write_positions(path, TABLE)
    assert take_positions(path, WNIDS, 102_400, TABLE.infohash) == take_positions(path, WNIDS, 102_400) == TABLE
    for size_bytes, infohash in ((102_401, TABLE.infohash), (102_400, "cd" * 20)):
        with pytest.raises(LayoutRefused, match="another archive") as refused:
            take_positions(path, WNIDS, size_bytes, infohash)
        assert str(size_bytes) in refused.value.seen and infohash in refused.value.seen


def test_a_table_that_is_not_there_or_endless_is_an_error(tmp_path: Path) -> None:
    with pytest.raises(StorageFailed):
        take_positions(tmp_path / "none.tsv", WNIDS)
    with pytest.raises(LayoutRefused):
        take_positions(Path("/dev/zero"), WNIDS)


@pytest.mark.parametrize("key", ["", "../x", "a/b", ".hidden"])
def test_a_key_that_is_no_name_is_an_error_of_the_caller(key: str) -> None:
    with pytest.raises(ValueError, match="neither"):
        positions_file(Path(), key)


def test_the_outline_of_a_local_archive_is_a_table() -> None:
    spans = (
        PartSpan(WNIDS[0], WNIDS[0], 512, 5120, is_slice=False),
        PartSpan(WNIDS[1], WNIDS[1], 5632, 10_240, is_slice=False, members=3),
    )
    table = positions_of(Outline(spans), "train.tar", 102_400, "")
    assert table.rows == (Position(0, 512, 5120, WNIDS[0]), Position(5120, 5632, 10_240, WNIDS[1]))
    flat = Outline((PartSpan("00000", "", 0, 10_240, is_slice=True),))
    assert positions_of(flat, "val.tar", 102_400, "").rows == ()
