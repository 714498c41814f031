"""Rules: what came from a file that was not recorded is cut off, and so is what a kill tore."""

from __future__ import annotations

import hashlib
from pathlib import Path

import pytest

from kilotar.errors import MachineError
from kilotar.store.piles import Piles


def add(piles: Piles, key: str, source: int, name: str, data: bytes) -> None:
    piles.add(key, source, name, data, hashlib.sha256(data).digest())


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Give piles of two classes out of three files of an export."""
    piles = Piles(tmp_path / "piles", 0)
    for source in range(3):
        add(piles, "n1", source, f"a{source}", b"x" * source)
        add(piles, "n2", source, f"b{source}", bytes([source]) * 9)
    piles.sync()
    return tmp_path / "piles"


def test_records_come_back_as_they_were_added_with_the_place_of_their_data(folder: Path) -> None:
    piles = Piles(folder, 3)
    assert piles.classes() == ("n1", "n2")
    found = piles.records("n2")
    assert [(record.name, record.size_bytes, record.source) for record in found] == [
        ("b0", 9, 0),
        ("b1", 9, 1),
        ("b2", 9, 2),
    ]
    data = piles.path("n2").read_bytes()
    assert [data[r.offset : r.offset + r.size_bytes] for r in found] == [bytes([n]) * 9 for n in range(3)]
    assert all(hashlib.sha256(data[r.offset : r.offset + r.size_bytes]).digest() == r.sha256 for r in found)


@pytest.mark.parametrize("done", range(4))
def test_what_came_from_files_that_are_not_done_is_cut_off(folder: Path, done: int) -> None:
    piles = Piles(folder, done)
    assert [record.source for record in piles.records("n1")] == list(range(done))
    add(piles, "n1", done, "again", b"!")
    piles.flush()
    assert [record.name for record in Piles(folder, done + 1).records("n1")][-1] == "again"


def test_a_torn_record_at_any_byte_costs_itself_alone(folder: Path) -> None:
    path = folder / "n2"
    whole = path.read_bytes()
    bounds = [0, *(r.offset + r.size_bytes for r in Piles(folder, 3).records("n2"))]
    for cut in range(len(whole)):
        path.write_bytes(whole[:cut])
        assert len(Piles(folder, 3).records("n2")) == sum(bound <= cut for bound in bounds) - 1
        assert path.stat().st_size in bounds


def test_piles_that_were_removed_are_empty_and_can_be_begun_again(folder: Path) -> None:
    piles = Piles(folder, 3)
    piles.remove()
    assert piles.classes() == () and [path.name for path in folder.parent.iterdir()] == ["piles"]
    add(piles, "n3", 0, "c", b"c")
    piles.flush()
    assert piles.classes() == ("n3",)


def test_a_disk_that_fails_is_named(tmp_path: Path) -> None:
    (tmp_path / "piles").write_bytes(b"a file")
    with pytest.raises(MachineError, match="piles"):
        Piles(tmp_path / "piles", 0)
