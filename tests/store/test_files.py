"""Rules: a file appears whole or not at all, every write is checked, a failed sync starts anew."""

from __future__ import annotations

import errno
import hashlib
import os
import re
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from kilotar.errors import AccessDenied, DiskFull, ReadOnly, StorageFailed
from kilotar.store import files
from kilotar.store.files import (
    Folder,
    file_sha256,
    fsync_folder,
    publish,
    publish_built,
    sweep,
    sync_file_system,
    write_all,
)

OLD, NEW = b"old", [b"new ", memoryview(b"content"), b""]
JOINED = b"new content"


def failing(number: int, times: int, real: Callable[..., object]) -> Callable[..., object]:
    """Give a double of a system call that fails so many times and then works."""
    left = [times]

    def call(*args: object, **kwargs: object) -> object:
        if left[0]:
            left[0] -= 1
            raise OSError(number, os.strerror(number))
        return real(*args, **kwargs)

    return call


def test_a_published_file_is_told_with_length_and_digest(tmp_path: Path) -> None:
    written = publish(tmp_path / "f", NEW)

    assert (tmp_path / "f").read_bytes() == JOINED
    assert (written.path, written.size_bytes) == (str(tmp_path / "f"), len(JOINED))
    assert written.sha256 == hashlib.sha256(JOINED).hexdigest()
    assert os.listdir(tmp_path) == ["f"]


def test_a_published_file_can_be_read_by_everyone_and_written_by_its_owner(tmp_path: Path) -> None:
    mask = os.umask(0o022)
    try:
        publish(tmp_path / "f", NEW)
    finally:
        os.umask(mask)

    assert (tmp_path / "f").stat().st_mode & 0o777 == 0o644


@pytest.mark.parametrize("most", [1, 2, 5])
def test_short_writes_are_completed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, most: int) -> None:
    real = os.write
    monkeypatch.setattr(files.os, "write", lambda fd, data: real(fd, bytes(data)[:most]))

    written = publish(tmp_path / "f", NEW)

    assert (tmp_path / "f").read_bytes() == JOINED
    assert written.size_bytes == len(JOINED)


def test_write_all_gives_the_length_of_what_it_wrote(tmp_path: Path) -> None:
    fd = os.open(tmp_path / "f", os.O_WRONLY | os.O_CREAT)

    assert write_all(fd, memoryview(b"abc")) == 3
    os.close(fd)


@pytest.mark.parametrize("call", ["fsync", "write", "close"])
def test_an_io_error_that_comes_once_is_written_anew(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, call: str
) -> None:
    (tmp_path / "f").write_bytes(OLD)
    monkeypatch.setattr(files.os, call, failing(errno.EIO, 1, getattr(os, call)))

    publish(tmp_path / "f", NEW)

    assert (tmp_path / "f").read_bytes() == JOINED
    assert os.listdir(tmp_path) == ["f"]


def test_after_a_failed_sync_the_same_temporary_file_is_never_synced_again(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    opened: list[str] = []
    real = os.open

    def remember(path: object, flags: int, *args: object, **kwargs: object) -> int:
        opened.append(str(path))
        return real(path, flags, *args, **kwargs)  # type: ignore[arg-type]

    monkeypatch.setattr(files.os, "open", remember)
    monkeypatch.setattr(files.os, "fsync", failing(errno.EIO, 1, os.fsync))

    publish(tmp_path / "f", NEW)

    temporary = [path for path in opened if path.endswith(".part")]
    assert len(temporary) == len(set(temporary)) == 2


@pytest.mark.parametrize(
    ("call", "number", "times", "kind"),
    [
        ("fsync", errno.EIO, 2, StorageFailed),
        ("fsync", errno.ENOSPC, 1, DiskFull),
        ("write", errno.ENOSPC, 1, DiskFull),
        ("open", errno.EROFS, 1, ReadOnly),
        ("rename", errno.EACCES, 1, AccessDenied),
    ],
)
def test_a_disk_that_fails_leaves_the_old_file_and_nothing_else(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, call: str, number: int, times: int, kind: type[Exception]
) -> None:
    (tmp_path / "f").write_bytes(OLD)
    with monkeypatch.context() as patch, pytest.raises(kind, match=re.escape(f"write {tmp_path / 'f'}")):
        patch.setattr(files.os, call, failing(number, times, getattr(os, call)))
        publish(tmp_path / "f", NEW)

    assert (tmp_path / "f").read_bytes() == OLD
    assert os.listdir(tmp_path) == ["f"]


def test_content_that_can_be_read_only_once_is_not_tried_twice(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(files.os, "fsync", failing(errno.EIO, 1, os.fsync))

    with pytest.raises(StorageFailed):
        publish(tmp_path / "f", iter(NEW))

    assert os.listdir(tmp_path) == []


@pytest.mark.parametrize("stop", [ValueError("bad"), KeyboardInterrupt()])
def test_content_that_raises_leaves_nothing_behind(tmp_path: Path, stop: BaseException) -> None:
    def chunks() -> Iterator[bytes]:
        yield b"half"
        raise stop

    with pytest.raises(type(stop)):
        publish(tmp_path / "f", chunks())

    assert os.listdir(tmp_path) == []


def test_a_link_at_the_final_name_is_replaced_and_not_followed(tmp_path: Path) -> None:
    (tmp_path / "precious").write_bytes(OLD)
    (tmp_path / "f").symlink_to("precious")

    publish(tmp_path / "f", NEW)

    assert not (tmp_path / "f").is_symlink()
    assert (tmp_path / "precious").read_bytes() == OLD


def test_the_file_is_synced_before_it_gets_its_name_and_the_folder_after(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    order: list[str] = []
    real_fsync, real_rename = os.fsync, os.rename

    def fsync(fd: int) -> None:
        order.append("folder" if os.path.isdir(f"/proc/self/fd/{fd}") else "file")
        real_fsync(fd)

    def rename(source: Path, target: Path) -> None:
        order.append("rename")
        real_rename(source, target)

    monkeypatch.setattr(files.os, "fsync", fsync)
    monkeypatch.setattr(files.os, "rename", rename)
    publish(tmp_path / "f", NEW)

    assert order == ["file", "rename", "folder"]


@pytest.mark.parametrize("number", [errno.EINVAL, errno.ENOTSUP])
def test_a_file_system_that_cannot_sync_a_folder_is_taken_as_it_is(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, number: int
) -> None:
    monkeypatch.setattr(files.os, "fsync", failing(number, 1, os.fsync))

    fsync_folder(tmp_path)


def test_a_folder_that_fails_to_sync_is_an_error(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(files.os, "fsync", failing(errno.EIO, 1, os.fsync))

    with pytest.raises(OSError, match=str(errno.EIO)):
        fsync_folder(tmp_path)


def test_a_failed_syncfs_is_an_error_with_its_errno(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(fd: int) -> int:
        files.ctypes.set_errno(errno.ENOSPC)
        return -1

    monkeypatch.setattr(files, "_syncfs", fail)

    with pytest.raises(OSError) as caught:
        sync_file_system(tmp_path)
    assert caught.value.errno == errno.ENOSPC


def test_without_syncfs_all_file_systems_are_synced(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    called: list[str] = []
    monkeypatch.setattr(files, "_syncfs", None)
    monkeypatch.setattr(files.os, "sync", lambda: called.append("sync"))

    sync_file_system(tmp_path)

    assert called == ["sync"]


@pytest.fixture
def early(monkeypatch: pytest.MonkeyPatch) -> list[tuple[int, int]]:
    """Give what is sent to the disk early: begins and lengths."""
    sent: list[tuple[int, int]] = []
    monkeypatch.setattr(files, "_EARLY_BYTES", 1000)
    monkeypatch.setattr(
        files, "_sync_file_range", lambda fd, start, size, how: sent.append((start.value, size.value)) or how.value - 2
    )
    return sent


def test_a_long_file_is_sent_to_the_disk_while_it_is_written(tmp_path: Path, early: list[tuple[int, int]]) -> None:
    runs = iter([bytes(files._JOINED_BYTES - 5), b"1" * files._JOINED_BYTES, b"2" * 500])

    written = publish(tmp_path / "data", runs)

    assert early == [(0, files._JOINED_BYTES - 5), (files._JOINED_BYTES - 5, files._JOINED_BYTES)]
    assert written.size_bytes == 2 * files._JOINED_BYTES + 495 == (tmp_path / "data").stat().st_size


def test_a_built_file_is_sent_to_the_disk_before_it_is_hashed(tmp_path: Path, early: list[tuple[int, int]]) -> None:
    publish_built(tmp_path / "data", lambda path: path.write_bytes(JOINED) and None)
    assert early == [(0, len(JOINED))]


def test_where_nothing_can_be_sent_early_files_are_the_same(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(files, "_EARLY_BYTES", 1)
    sent = publish(tmp_path / "data", [JOINED])
    monkeypatch.setattr(files, "_sync_file_range", None)
    assert publish(tmp_path / "data", [JOINED]) == sent


def test_a_built_file_is_synced_before_it_gets_its_name(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    target, synced = tmp_path / "data", []
    real = os.fsync
    monkeypatch.setattr(os, "fsync", lambda fd: (synced.append(target.exists()), real(fd)))

    written = publish_built(target, lambda path: path.write_bytes(JOINED) and None)

    assert (written.size_bytes, written.sha256) == (len(JOINED), hashlib.sha256(JOINED).hexdigest())
    assert synced == [False, True]  # the file, then its folder
    assert [path.name for path in tmp_path.iterdir()] == ["data"]


@pytest.mark.parametrize("stop", [ValueError("of a library"), KeyboardInterrupt()])
def test_a_build_that_raises_leaves_the_old_file_and_nothing_else(tmp_path: Path, stop: BaseException) -> None:
    target = tmp_path / "data"
    target.write_bytes(OLD)

    def build(path: Path) -> None:
        path.write_bytes(b"half")
        raise stop

    with pytest.raises(type(stop)):
        publish_built(target, build)

    assert [(path.name, path.read_bytes()) for path in tmp_path.iterdir()] == [("data", OLD)]


def test_a_build_that_the_disk_refuses_is_an_error_of_the_tree(tmp_path: Path) -> None:
    def build(path: Path) -> None:
        raise OSError(errno.ENOSPC, "full")

    with pytest.raises(DiskFull):
        publish_built(tmp_path / "data", build)


def test_a_sweep_removes_temporary_files_of_dead_runs_and_nothing_else(tmp_path: Path) -> None:
    for name in (".12ab34cd.0.part", ".99.7.part", "keep.part", ".keep", "keep", ".1.part"):
        (tmp_path / name).touch()

    assert sweep(tmp_path) == 2
    assert sorted(os.listdir(tmp_path)) == [".1.part", ".keep", "keep", "keep.part"]


def test_what_a_library_left_is_swept_where_nobody_else_writes(tmp_path: Path) -> None:
    for name in (".tmpA1b2C3", ".tmpA1b2C", ".tmp-A1b2C3", "tmpA1b2C3"):
        (tmp_path / name).touch()

    assert sweep(tmp_path) == 0
    assert sweep(tmp_path, ours=True) == 1
    assert sorted(os.listdir(tmp_path)) == [".tmp-A1b2C3", ".tmpA1b2C", "tmpA1b2C3"]


def test_the_digest_of_a_file_is_that_of_all_its_bytes(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(files, "_READ_BYTES", 7)
    data = bytes(range(256))
    (tmp_path / "f").write_bytes(data)

    assert file_sha256(tmp_path / "f") == (256, hashlib.sha256(data).hexdigest())


def test_the_digest_of_a_link_is_not_taken(tmp_path: Path) -> None:
    (tmp_path / "f").write_bytes(OLD)
    (tmp_path / "link").symlink_to("f")

    with pytest.raises(OSError, match=str(errno.ELOOP)):
        file_sha256(tmp_path / "link")


def test_a_folder_of_files_makes_the_folders_on_the_way(tmp_path: Path) -> None:
    written = Folder(tmp_path).publish("a/b/c.txt", [b"x"])

    assert written.path == "a/b/c.txt"
    assert (tmp_path / "a/b/c.txt").read_bytes() == b"x"


def test_a_file_where_a_folder_should_be_is_an_error_of_the_tree(tmp_path: Path) -> None:
    (tmp_path / "a").write_bytes(OLD)

    with pytest.raises(StorageFailed, match=re.escape("make the folder of a/b.txt")):
        Folder(tmp_path).publish("a/b.txt", [b"x"])


def test_a_folder_gives_bytes_of_its_files_and_fewer_at_their_end(tmp_path: Path) -> None:
    folder = Folder(tmp_path)
    folder.publish("a/b.bin", [bytes(range(10))])

    assert folder.read("a/b.bin", 3, 4) == bytes((3, 4, 5, 6))
    assert folder.read("a/b.bin", 8, 4) == bytes((8, 9))
    with pytest.raises(StorageFailed, match=r"read .*c\.bin"):
        folder.read("a/c.bin", 0, 1)
