"""Rules: shards of a store lie here one after another, each with its bytes while it is held and with none otherwise; of
no object more is taken than its list says; what is begun anew believes nothing that it finds.
"""

from __future__ import annotations

import hashlib
import threading
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from kilotar.errors import DiskFull, StoreFailed
from kilotar.events import ignore
from kilotar.model.seams import Written
from kilotar.store.objects import ObjectFact
from kilotar.work import bringing
from kilotar.work.bringing import Bringing

SIZE = 64 << 10
NAMES = tuple(f"train/{number}.tar" for number in range(6))


class Memory:
    """A store that counts reads, and fails where it is told to."""

    def __init__(self, content: dict[str, bytes]) -> None:
        self.content = content
        self.reads: list[str] = []
        self.fails = ""
        self.gate: Callable[[], object] = lambda: None

    def create(self, file: Path, about: Written) -> bool:
        raise NotImplementedError

    def look_first(self) -> None:
        raise NotImplementedError

    def look(self, name: str) -> ObjectFact | None:
        return ObjectFact(len(self.content[name])) if name in self.content else None

    def read(self, name: str, offset: int, size_bytes: int) -> bytes:
        return self.content[name][offset : offset + size_bytes]

    def chunks(self, name: str) -> Iterator[bytes]:
        self.reads.append(name)
        self.gate()
        if name == self.fails:
            raise StoreFailed("it does not answer")
        for at in range(0, len(self.content[name]), 1000):
            yield self.content[name][at : at + 1000]


@pytest.fixture
def store() -> Memory:
    shards = {name: bytes([number + 1]) * SIZE for number, name in enumerate(NAMES)}
    return Memory({**shards, "index.json": b"{}"})


def listed(store: Memory) -> tuple[Written, ...]:
    return tuple(Written(n, len(c), hashlib.sha256(c).hexdigest()) for n, c in store.content.items())


def bring(store: Memory, folder: Path, files: tuple[Written, ...] = (), threads: int = 2) -> Bringing:
    return Bringing(store, folder, files or listed(store), NAMES, threads, ignore)


def allocated_bytes(folder: Path) -> int:
    return sum(512 * (folder / name).stat().st_blocks for name in NAMES)


@pytest.mark.parametrize(("ahead_bytes", "most"), [(0, 1), (2 * SIZE, 2), (1 << 30, 3)])
def test_a_shard_has_its_bytes_while_it_is_held_and_few_others_have_theirs(
    ahead_bytes: int, most: int, store: Memory, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(bringing, "_AHEAD_BYTES", ahead_bytes)
    expected = dict(store.content)
    with bring(store, tmp_path / "here") as brings:
        assert brings.begin() == ()
        assert (tmp_path / "here" / "index.json").read_bytes() == b"{}"
        for name in NAMES:
            with brings.held(name) as wrong:
                assert wrong is None and (tmp_path / "here" / name).read_bytes() == expected[name]
                assert allocated_bytes(tmp_path / "here") <= most * SIZE <= brings.room_bytes
            assert (tmp_path / "here" / name).stat().st_size == SIZE
        assert list(brings.check_unread()) == []
    assert allocated_bytes(tmp_path / "here") == 0
    assert sorted(store.reads) == sorted(expected)


def test_the_next_one_comes_while_one_is_held(store: Memory, tmp_path: Path) -> None:
    came = threading.Semaphore(0)
    store.gate = came.release
    with bring(store, tmp_path / "here") as brings:
        brings.begin()
        with brings.held(NAMES[2]):
            for _ in range(4):  # index.json, the one that is held, two that follow
                assert came.acquire(timeout=10)
    assert set(store.reads) == {"index.json", *NAMES[2:5]}


def test_they_may_be_held_in_any_order_and_again(store: Memory, tmp_path: Path) -> None:
    with bring(store, tmp_path / "here") as brings:
        brings.begin()
        for name in (NAMES[5], NAMES[0], NAMES[0], NAMES[3]):
            with brings.held(name) as wrong:
                assert wrong is None and (tmp_path / "here" / name).read_bytes() == store.content[name]
        with brings.held("another.tar") as wrong:
            assert wrong is None


def test_what_is_open_can_be_read_to_its_end(store: Memory, tmp_path: Path) -> None:
    with bring(store, tmp_path / "here") as brings:
        brings.begin()
        with brings.held(NAMES[0]):
            file = (tmp_path / "here" / NAMES[0]).open("rb")
        with file:
            assert file.read() == store.content[NAMES[0]]


def test_what_differs_is_told_and_no_more_of_it_is_taken_than_is_listed(store: Memory, tmp_path: Path) -> None:
    files = listed(store)
    store.content[NAMES[0]] += bytes(SIZE)
    store.content[NAMES[1]] = store.content[NAMES[1]][:500]
    store.content[NAMES[2]] = bytes(SIZE)
    del store.content[NAMES[3]]
    store.content[NAMES[4]] = bytes(SIZE)
    found = []
    with bring(store, tmp_path / "here", files) as brings:
        brings.begin()
        for name in NAMES[:4]:
            with brings.held(name) as wrong:
                path = tmp_path / "here" / name
                found.append((wrong.kind if wrong else "", path.stat().st_size if path.exists() else None))
        rest = [(finding.kind, finding.where) for finding in brings.check_unread()]
    assert found == [("size", SIZE), ("truncated", 500), ("digest", SIZE), ("missing", None)]
    assert rest == [("digest", NAMES[4])]


def test_a_store_that_fails_is_no_finding(store: Memory, tmp_path: Path) -> None:
    store.fails = NAMES[1]
    with bring(store, tmp_path / "here") as brings:
        brings.begin()
        with brings.held(NAMES[0]):
            pass
        with pytest.raises(StoreFailed), brings.held(NAMES[1]):
            pass


def test_a_second_run_keeps_what_stays_and_believes_no_shard(store: Memory, tmp_path: Path) -> None:
    with bring(store, tmp_path / "here") as brings:
        brings.begin()
    (tmp_path / "here" / NAMES[0]).write_bytes(bytes(SIZE))
    for left in (".1a2b.0.part", "6.tar"):
        (tmp_path / "here" / "train" / left).write_bytes(b"half")
    store.reads.clear()
    with bring(store, tmp_path / "here") as brings:
        assert brings.begin() == () and store.reads == []
        with brings.held(NAMES[0]) as wrong:
            assert wrong is None and (tmp_path / "here" / NAMES[0]).read_bytes() == store.content[NAMES[0]]
    assert {str(path.relative_to(tmp_path / "here")) for path in (tmp_path / "here").rglob("*.*")} == {*store.content}


def test_a_side_file_that_is_damaged_is_told_whatever_lies_here(store: Memory, tmp_path: Path) -> None:
    files = listed(store)
    store.content["index.json"] = b"[]"
    with bring(store, tmp_path / "here", files) as brings:
        assert [finding.kind for finding in brings.begin()] == ["digest"]
    with bring(store, tmp_path / "here", files) as brings:
        assert [finding.kind for finding in brings.begin()] == ["digest"]


def test_the_room_is_that_of_the_side_files_and_of_the_longest_shard(
    store: Memory, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(bringing, "_AHEAD_BYTES", 0)
    with bring(store, tmp_path / "here") as brings:
        assert brings.room_bytes == SIZE + 2
        brings.refuse_when_full()
        with pytest.raises(DiskFull):
            brings.refuse_when_full(1 << 60)
