"""Rules: a tree grows beside its final place and is moved there whole; nothing that is not ours is overwritten."""

from __future__ import annotations

import errno
import os
from collections.abc import Callable, Iterator
from contextlib import closing
from pathlib import Path

import pytest

from kilotar.errors import AccessDenied, DecisionNeeded, StorageFailed
from kilotar.store import staging as module
from kilotar.store.staging import Staging, StagingWriter, remove_tree
from tests.doubles.folders import tree

PLAN = "0123456789abcdef0123456789abcdef"
DATA = bytes(range(256)) * 20


@pytest.fixture
def staging(tmp_path: Path) -> Staging:
    made = Staging(tmp_path / "root", PLAN)
    made.open()
    return made


@pytest.fixture
def writer(staging: Staging) -> Iterator[StagingWriter]:
    with closing(staging.writer()) as made:
        yield made


@pytest.fixture
def source(tmp_path: Path) -> Path:
    (tmp_path / "source").write_bytes(DATA)
    return tmp_path / "source"


def raising(number: int) -> Callable[..., int]:
    def call(*_: object, **__: object) -> int:
        raise OSError(number, os.strerror(number))

    return call


def test_two_plans_never_share_a_staging_folder(tmp_path: Path) -> None:
    assert Staging(tmp_path, "a" * 32).folder != Staging(tmp_path, "b" * 32).folder


def test_what_was_written_stands_in_place_after_the_move_and_not_before(
    staging: Staging, writer: StagingWriter
) -> None:
    writer.write("train/n1/a.JPEG", b"a")
    writer.write("train/n2/b.JPEG", memoryview(b"b"))
    writer.write("train/n1/c.JPEG", b"c")
    writer.write("top", b"t")
    assert [name for name in os.listdir(staging.out) if not name.startswith(".kilotar-")] == []

    staging.sync()
    staging.move_into_place()

    assert tree(staging.out) == {
        "train/n1/a.JPEG": b"a",
        "train/n1/c.JPEG": b"c",
        "train/n2/b.JPEG": b"b",
        "top": b"t",
    }
    assert not staging.folder.exists()


def test_a_leftover_of_a_killed_run_is_replaced_whole(staging: Staging, writer: StagingWriter) -> None:
    writer.write("a/f", b"a long leftover")
    writer.write("a/f", b"new")

    assert (staging.folder / "a/f").read_bytes() == b"new"


def test_a_leftover_that_is_linked_from_another_tree_is_not_written_through(
    staging: Staging, writer: StagingWriter, source: Path
) -> None:
    writer.link("f", source)

    writer.write("f", DATA[::-1])

    assert source.read_bytes() == DATA
    assert (staging.folder / "f").read_bytes() == DATA[::-1]


@pytest.mark.parametrize(("leftover", "is_kept"), [(DATA[:100], True), (DATA, True), (DATA + b"x", False)])
def test_a_leftover_is_never_cut_but_completed_or_replaced(
    staging: Staging, writer: StagingWriter, leftover: bytes, is_kept: bool
) -> None:
    (staging.folder / "f").write_bytes(leftover)
    inode = (staging.folder / "f").stat().st_ino
    with open(staging.folder / "f", "rb") as rival:
        writer.write("f", DATA)

        assert rival.read().startswith(leftover[: len(DATA)])
    assert (staging.folder / "f").read_bytes() == DATA
    assert ((staging.folder / "f").stat().st_ino == inode) is is_kept


def test_a_move_makes_the_new_names_durable(
    staging: Staging, writer: StagingWriter, monkeypatch: pytest.MonkeyPatch
) -> None:
    writer.write("train/f", DATA)
    synced: list[Path] = []
    monkeypatch.setattr(module, "fsync_folder", synced.append)

    staging.move_into_place()

    assert synced == [staging.out]


def test_a_link_in_the_staging_folder_is_not_written_through(
    staging: Staging, writer: StagingWriter, source: Path
) -> None:
    (staging.folder / "f").symlink_to(source)

    writer.write("f", b"new")

    assert source.read_bytes() == DATA
    assert (staging.folder / "f").read_bytes() == b"new"
    assert not (staging.folder / "f").is_symlink()


def test_short_writes_of_an_image_are_completed(
    staging: Staging, writer: StagingWriter, monkeypatch: pytest.MonkeyPatch
) -> None:
    real = os.write
    monkeypatch.setattr(os, "write", lambda fd, data: real(fd, bytes(data)[:100]))

    writer.write("f", DATA)

    assert (staging.folder / "f").read_bytes() == DATA


def test_a_writer_leaves_no_open_file_behind(staging: Staging) -> None:
    before = set(os.listdir("/proc/self/fd"))
    with closing(staging.writer()) as writer:
        for number in range(20):
            writer.write(f"{number % 3}/{number}", b"x")

    assert set(os.listdir("/proc/self/fd")) == before


def test_names_that_are_taken_are_refused_and_left_alone(staging: Staging) -> None:
    (staging.out / "train").mkdir()
    (staging.out / "train" / "mine").write_bytes(b"mine")

    with pytest.raises(DecisionNeeded, match="train is there already") as caught:
        staging.refuse_taken(frozenset({"val", "train"}))
    assert "taken: train;" in caught.value.seen
    staging.refuse_taken(frozenset({"val"}))
    assert (staging.out / "train" / "mine").read_bytes() == b"mine"


def test_a_name_taken_by_a_dangling_link_is_taken(staging: Staging) -> None:
    (staging.out / "train").symlink_to("nowhere")

    with pytest.raises(DecisionNeeded):
        staging.refuse_taken(frozenset({"train"}))


def test_a_move_onto_a_taken_name_is_refused_with_everything_where_it_was(
    staging: Staging, writer: StagingWriter
) -> None:
    writer.write("train/a", b"a")
    writer.write("val/b", b"b")
    (staging.out / "val").mkdir()

    with pytest.raises(DecisionNeeded):
        staging.move_into_place()

    assert staging.entries() == ("train", "val")
    assert not (staging.out / "train").exists()


def test_a_move_killed_half_way_goes_on_where_it_stopped(
    staging: Staging, writer: StagingWriter, monkeypatch: pytest.MonkeyPatch
) -> None:
    for top in ("a", "b", "c"):
        writer.write(f"{top}/f", top.encode())
    real, left = os.rename, [1]

    def rename(source: Path, target: Path) -> None:
        if not left[0]:
            raise OSError(errno.EACCES, "denied")
        left[0] -= 1
        real(source, target)

    with monkeypatch.context() as patch, pytest.raises(AccessDenied, match="into place"):
        patch.setattr(os, "rename", rename)
        staging.move_into_place()
    staging.move_into_place()
    staging.move_into_place()

    assert tree(staging.out) == {"a/f": b"a", "b/f": b"b", "c/f": b"c"}


def test_a_second_tree_gets_links(staging: Staging, writer: StagingWriter, source: Path) -> None:
    assert writer.link("n1/a", source) is True

    assert (staging.folder / "n1/a").samefile(source)


def test_a_leftover_under_the_name_of_a_link_is_replaced(staging: Staging, writer: StagingWriter, source: Path) -> None:
    writer.write("n1/a", b"leftover")

    assert writer.link("n1/a", source) is True
    assert writer.link("n1/a", source) is True

    assert (staging.folder / "n1/a").samefile(source)


@pytest.mark.parametrize("number", [errno.EXDEV, errno.EPERM, errno.EMLINK, errno.EOPNOTSUPP])
def test_where_links_are_not_to_be_had_the_bytes_are_copied(
    staging: Staging, writer: StagingWriter, source: Path, monkeypatch: pytest.MonkeyPatch, number: int
) -> None:
    monkeypatch.setattr(os, "link", raising(number))

    assert writer.link("n1/a", source) is False

    assert (staging.folder / "n1/a").read_bytes() == DATA
    assert not (staging.folder / "n1/a").samefile(source)


def test_a_link_that_fails_for_another_reason_is_an_error(
    writer: StagingWriter, source: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(os, "link", raising(errno.EIO))

    with pytest.raises(OSError, match=str(errno.EIO)):
        writer.link("n1/a", source)


@pytest.mark.parametrize("number", [errno.EXDEV, errno.EINVAL, errno.ENOSYS, errno.EOPNOTSUPP])
def test_where_the_kernel_copies_nothing_the_bytes_are_read_and_written(
    staging: Staging, writer: StagingWriter, source: Path, monkeypatch: pytest.MonkeyPatch, number: int
) -> None:
    monkeypatch.setattr(os, "link", raising(errno.EXDEV))
    monkeypatch.setattr(os, "copy_file_range", raising(number))
    monkeypatch.setattr(module, "_COPY_BYTES", 100)

    writer.link("n1/a", source)

    assert (staging.folder / "n1/a").read_bytes() == DATA


@pytest.mark.parametrize("most", [0, 1000])
def test_a_kernel_that_copies_nothing_or_stops_half_way_loses_no_byte(
    staging: Staging, writer: StagingWriter, source: Path, monkeypatch: pytest.MonkeyPatch, most: int
) -> None:
    real, left = os.copy_file_range, [most]

    def copy(read_fd: int, write_fd: int, count: int) -> int:
        done = real(read_fd, write_fd, min(count, left[0])) if left[0] else 0
        left[0] -= done
        return done

    monkeypatch.setattr(os, "link", raising(errno.EXDEV))
    monkeypatch.setattr(os, "copy_file_range", copy)

    writer.link("n1/a", source)

    assert (staging.folder / "n1/a").read_bytes() == DATA


def test_a_copy_that_fails_for_another_reason_is_an_error(
    writer: StagingWriter, source: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(os, "link", raising(errno.EXDEV))
    monkeypatch.setattr(os, "copy_file_range", raising(errno.EIO))

    with pytest.raises(OSError, match=str(errno.EIO)):
        writer.link("n1/a", source)


def test_a_sync_that_fails_is_an_error_of_the_tree(staging: Staging, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "sync_file_system", raising(errno.EIO))

    with pytest.raises(StorageFailed, match="sync"):
        staging.sync()


def test_a_staging_folder_of_no_plan_can_be_removed_and_need_not_be_there(
    staging: Staging, writer: StagingWriter
) -> None:
    writer.write("a/b", b"x")

    remove_tree(staging.folder)
    remove_tree(staging.folder)

    assert os.listdir(staging.out) == []
    assert staging.entries() == ()
