"""Rules: replay gives the records before the first damage, never raises, never invents; what was acknowledged stays."""

from __future__ import annotations

import errno
import os
import zlib
from pathlib import Path

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from kilotar.errors import DiskFull, MachineError, StorageFailed
from kilotar.store import files
from kilotar.store import journal as journal_module
from kilotar.store.journal import Journal, Recollection, read_journal, replay


class Fact(msgspec.Struct, frozen=True):
    key: str
    images: int = 0


class Other(msgspec.Struct, frozen=True):
    something: int


FACTS = [Fact("train/n01440764", 3), Fact("val/00000", 12), Fact("ä\n\u2028\0", 1)]


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "plan.jsonl"


@pytest.fixture
def content(path: Path) -> bytes:
    with Journal(path, Fact) as journal:
        journal.append(FACTS[:1])
        journal.append(FACTS[1:])
    return path.read_bytes()


def test_what_was_appended_is_read_back(path: Path, content: bytes) -> None:
    assert content.count(b"\n") == len(FACTS)
    assert read_journal(path, Fact) == tuple(FACTS)
    with Journal(path, Fact) as journal:
        assert journal.records == FACTS


def test_a_journal_cut_at_any_byte_gives_the_records_that_are_whole(content: bytes) -> None:
    for length in range(len(content) + 1):
        records, good = replay(content[:length], Fact)

        assert records == FACTS[: content[:length].count(b"\n")]
        assert good == content.rfind(b"\n", 0, length) + 1


def test_a_journal_with_any_byte_changed_gives_the_records_before_it(content: bytes) -> None:
    for at in range(len(content)):
        for flip in (0x01, 0x20, 0xFF):
            damaged = content[:at] + bytes([content[at] ^ flip]) + content[at + 1 :]

            records, good = replay(damaged, Fact)

            assert records == FACTS[: content.count(b"\n", 0, at)]
            assert damaged[:good] == content[:good]


@given(st.binary(max_size=200))
def test_no_bytes_make_replay_raise_or_invent_a_record(noise: bytes) -> None:
    assert replay(noise, Fact) == ([], 0)


def test_a_line_with_a_right_checksum_that_is_no_such_record_ends_the_replay(content: bytes) -> None:
    for text in (b"{}", b"[1]", b'{"key": 7}', b"\xff", b""):
        line = b"%08x %s\n" % (zlib.crc32(text), text)

        assert replay(content + line + content, Fact) == (FACTS, len(content))


@pytest.mark.parametrize("lost", [1, 5, 30])
def test_after_a_cut_the_tail_is_kept_beside_and_new_records_follow_the_good_ones(
    path: Path, content: bytes, lost: int
) -> None:
    path.write_bytes(content[:-lost])

    with Journal(path, Fact) as journal:
        journal.append([Fact("new")])

    assert read_journal(path, Fact) == (*FACTS[:2], Fact("new"))
    cut = path.with_name(path.name + ".cut").read_bytes()
    assert path.read_bytes().startswith(content[: -lost - len(cut)])
    assert (content[:-lost]).endswith(cut)
    assert cut


def test_a_whole_journal_is_not_touched_by_opening_it(path: Path, content: bytes) -> None:
    Journal(path, Fact).close()

    assert path.read_bytes() == content
    assert not path.with_name(path.name + ".cut").exists()


def test_reading_never_cuts(path: Path, content: bytes) -> None:
    path.write_bytes(content[:-3])

    assert read_journal(path, Fact) == tuple(FACTS[:2])
    assert path.read_bytes() == content[:-3]


def test_a_journal_that_is_not_there_has_no_records(path: Path) -> None:
    assert read_journal(path, Fact) == ()
    assert not path.exists()


def test_several_records_are_one_write_and_one_sync(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    calls: list[str] = []
    with Journal(path, Fact) as journal:
        real_write, real_sync = os.write, os.fdatasync
        monkeypatch.setattr(os, "write", lambda fd, data: (calls.append("write"), real_write(fd, data))[1])
        monkeypatch.setattr(os, "fdatasync", lambda fd: (calls.append("sync"), real_sync(fd))[1])
        journal.append(FACTS)

    assert calls == ["write", "sync"]


def test_the_name_of_a_new_journal_is_durable_before_anything_is_acknowledged(
    path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    synced: list[Path] = []
    monkeypatch.setattr(journal_module, "fsync_folder", synced.append)

    Journal(path, Fact).close()

    assert synced == [path.parent]


def _full_after(size_bytes: int) -> object:
    """Give an `os.write` that takes so many bytes in all and then finds the disk full."""
    left = [size_bytes]
    real = os.write

    def write(fd: int, data: bytes) -> int:
        if not left[0]:
            raise OSError(errno.ENOSPC, "full")
        done = real(fd, bytes(data)[: left[0]])
        left[0] -= done
        return done

    return write


@pytest.mark.parametrize("taken", [0, 1, 20])
def test_a_record_that_did_not_fit_does_not_hide_the_ones_that_follow(
    path: Path, monkeypatch: pytest.MonkeyPatch, taken: int
) -> None:
    with Journal(path, Fact) as journal:
        journal.append(FACTS[:1])
        with monkeypatch.context() as patch, pytest.raises(DiskFull):
            patch.setattr(files.os, "write", _full_after(taken))
            journal.append(FACTS[1:2])
        assert journal.records == FACTS[:1]
        journal.append(FACTS[2:])

    assert read_journal(path, Fact) == (FACTS[0], FACTS[2])


def test_a_record_that_could_not_be_synced_is_not_acknowledged(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(fd: int) -> None:
        raise OSError(errno.EIO, "bad")

    with Journal(path, Fact) as journal:
        with monkeypatch.context() as patch, pytest.raises(StorageFailed):
            patch.setattr(os, "fdatasync", fail)
            journal.append(FACTS[:1])
        assert journal.records == []
        journal.append(FACTS[1:])

    assert read_journal(path, Fact) == tuple(FACTS[1:])


def test_an_interrupted_append_does_not_hide_the_ones_that_follow(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    real = os.write

    def write(fd: int, data: bytes) -> int:
        real(fd, bytes(data)[:9])
        raise KeyboardInterrupt

    with Journal(path, Fact) as journal:
        with monkeypatch.context() as patch, pytest.raises(KeyboardInterrupt):
            patch.setattr(files.os, "write", write)
            journal.append(FACTS[:1])
        journal.append(FACTS[1:])

    assert read_journal(path, Fact) == tuple(FACTS[1:])


EQUAL = [Fact(key) for key in ("a", "b", "c", "d")]


def test_a_record_behind_a_damaged_one_does_not_come_back_when_its_place_is_written_over(path: Path) -> None:
    with Journal(path, Fact) as journal:
        journal.append(EQUAL[:3])
    line = path.stat().st_size // 3
    content = bytearray(path.read_bytes())
    content[line + 12] ^= 1
    path.write_bytes(content)

    with Journal(path, Fact) as journal:
        journal.append(EQUAL[3:])

    assert read_journal(path, Fact) == (EQUAL[0], EQUAL[3])


def test_records_that_could_not_be_synced_do_not_come_back_behind_later_ones(
    path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(fd: int) -> None:
        raise OSError(errno.EIO, "bad")

    with Journal(path, Fact) as journal:
        with monkeypatch.context() as patch, pytest.raises(StorageFailed):
            patch.setattr(os, "fdatasync", fail)
            journal.append(EQUAL[:3])
        journal.append(EQUAL[3:])

    assert read_journal(path, Fact) == (EQUAL[3],)


def test_a_journal_leaves_no_file_open(path: Path, content: bytes) -> None:
    path.write_bytes(content[:-1])
    before = os.listdir("/proc/self/fd")

    with Journal(path, Fact):
        pass

    assert len(os.listdir("/proc/self/fd")) == len(before)


def test_who_only_looks_knows_what_was_recorded_and_writes_nothing(path: Path, content: bytes) -> None:
    path.write_bytes(content[:-1])
    looked = Recollection(path, Fact)

    looked.append([Fact("mine")])

    assert looked.records == [*FACTS[:2], Fact("mine")]
    assert path.read_bytes() == content[:-1]
    assert os.listdir(path.parent) == [path.name]


def test_a_journal_behind_a_link_or_in_a_missing_folder_is_refused(tmp_path: Path) -> None:
    (tmp_path / "target").write_bytes(b"precious")
    (tmp_path / "link").symlink_to(tmp_path / "target")

    with pytest.raises(MachineError, match="open the journal"):
        Journal(tmp_path / "link", Fact)
    with pytest.raises(MachineError, match="open the journal"):
        Journal(tmp_path / "no" / "journal", Fact)
    assert (tmp_path / "target").read_bytes() == b"precious"


def test_records_of_another_kind_are_not_taken(path: Path, content: bytes) -> None:
    assert replay(content, Other) == ([], 0)
