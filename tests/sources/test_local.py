"""Rules: a file is believed by name and length, proved in one pass that runs no further ahead than it may."""

from __future__ import annotations

import errno
import hashlib
import os
import threading
from pathlib import Path
from queue import SimpleQueue

import pytest

from kilotar.errors import AccessDenied, ArchiveRefused, DigestMismatch, LayoutRefused, MachineError, StorageFailed
from kilotar.model.edition import Archive, ArchiveRole
from kilotar.sources import local
from kilotar.sources.local import LocalArchive, Proof, find_archives, identify, refuse_unpublished

DATA = bytes(range(256)) * 40
CHUNK = 1000
WAIT_S = 20.0


@pytest.fixture(autouse=True)
def _small_reads(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(local, "_READ_BYTES", CHUNK)
    monkeypatch.setattr(local, "_PROGRESS_BYTES", 4 * CHUNK)


def archive(name: str = "train.tar", size_bytes: int | None = len(DATA)) -> Archive:
    return Archive(name, ArchiveRole.IMAGES, size_bytes=size_bytes)


def found(folder: Path, about: Archive | None = None) -> LocalArchive:
    (folder / "train.tar").write_bytes(DATA)
    return find_archives(folder, (about or archive(),))[0]


class Running:
    """A proof in a thread of its own; `landed` are the places it told of."""

    def __init__(self, proof: Proof) -> None:
        self.proof = proof
        self.landed: SimpleQueue[int] = SimpleQueue()
        self._answers: SimpleQueue[object] = SimpleQueue()
        self._thread = threading.Thread(target=self._run, daemon=True)
        self._thread.start()

    def _run(self) -> None:
        try:
            self._answers.put(self.proof.run(self.landed.put))
        except (ArchiveRefused, MachineError) as error:
            self._answers.put(error)

    def answer(self) -> object:
        return self._answers.get(timeout=WAIT_S)

    def next_landed(self) -> int:
        return self.landed.get(timeout=WAIT_S)


def test_archives_are_found_by_name_in_the_order_asked(tmp_path: Path) -> None:
    for name in ("a.tar", "b.tar", "stray.tar"):
        (tmp_path / name).write_bytes(b"x")
    wanted = (archive("b.tar"), archive("none.tar"), archive("a.tar"))

    assert [one.name for one in find_archives(tmp_path, wanted)] == ["b.tar", "a.tar"]


def test_an_archive_may_be_a_link_to_a_file_elsewhere(tmp_path: Path) -> None:
    (tmp_path / "elsewhere").write_bytes(DATA)
    (tmp_path / "train.tar").symlink_to("elsewhere")

    assert find_archives(tmp_path, (archive(),))[0].size_bytes == len(DATA)


@pytest.mark.parametrize(("make", "words"), [("file", "it is a file"), ("none", "there is no such folder")])
def test_a_source_that_is_no_folder_is_refused_with_what_it_is(tmp_path: Path, make: str, words: str) -> None:
    if make == "file":
        (tmp_path / "x").touch()

    with pytest.raises(LayoutRefused) as caught:
        find_archives(tmp_path / "x", (archive(),))
    assert words in caught.value.seen


def test_an_archive_that_may_not_be_looked_at_is_not_taken_for_a_missing_one(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "train.tar").write_bytes(DATA)
    real = Path.stat

    def stat(path: Path, **kwargs: bool) -> os.stat_result:
        if path.name == "train.tar":
            raise PermissionError(errno.EACCES, "Permission denied", str(path))
        return real(path, **kwargs)

    monkeypatch.setattr(Path, "stat", stat)

    with pytest.raises(AccessDenied):
        find_archives(tmp_path, (archive(),))


def test_a_fifo_in_the_place_of_an_archive_is_refused_at_once(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "train.tar")

    with pytest.raises(LayoutRefused, match="not a regular file"):
        find_archives(tmp_path, (archive(),))


def test_a_folder_in_the_place_of_an_archive_is_refused(tmp_path: Path) -> None:
    (tmp_path / "train.tar").mkdir()

    with pytest.raises(LayoutRefused, match="not a regular file"):
        find_archives(tmp_path, (archive(),))


@pytest.mark.parametrize(
    ("published", "words"),
    [(len(DATA) + 1500, "1,500 bytes are missing"), (len(DATA) - 1, "1 bytes too many")],
)
def test_a_file_of_another_length_is_not_the_published_one(tmp_path: Path, published: int, words: str) -> None:
    with pytest.raises(DigestMismatch) as caught:
        refuse_unpublished(found(tmp_path, archive(size_bytes=published)))
    assert words in caught.value.seen


@pytest.mark.parametrize("published", [len(DATA), None])
def test_a_file_of_the_published_or_an_unknown_length_is_let_through(tmp_path: Path, published: int | None) -> None:
    refuse_unpublished(found(tmp_path, archive(size_bytes=published)))


def test_a_file_changed_or_copied_has_another_identity(tmp_path: Path) -> None:
    path = found(tmp_path).path
    before = identify(path)
    assert identify(path) == before

    (tmp_path / "copy").write_bytes(DATA)
    os.utime(tmp_path / "copy", ns=(before.mtime_ns, before.mtime_ns))
    assert identify(tmp_path / "copy") != before

    os.utime(path, ns=(before.mtime_ns, before.mtime_ns))
    assert identify(path) != before


@pytest.mark.parametrize("algorithm", ["sha256", "sha1", "md5"])
def test_the_digest_is_that_of_the_whole_file(tmp_path: Path, algorithm: str) -> None:
    proof = Proof(found(tmp_path), algorithm)
    proof.allow(len(DATA))

    assert proof.run(lambda stop: None) == hashlib.new(algorithm, DATA).hexdigest()


def test_progress_rises_to_the_end_of_the_file(tmp_path: Path) -> None:
    proof = Proof(found(tmp_path), "sha1")
    proof.allow(len(DATA))
    landed: list[int] = []

    proof.run(landed.append)

    assert landed == [4000, 8000, len(DATA)]


def test_an_empty_file_is_proved(tmp_path: Path) -> None:
    (tmp_path / "train.tar").touch()
    empty = find_archives(tmp_path, (archive(),))[0]

    assert Proof(empty, "md5").run(lambda stop: None) == hashlib.md5(b"").hexdigest()


@pytest.mark.parametrize("stop", [1, 999, 1000, 1500, 4000, 5700])
def test_a_proof_that_may_read_no_further_has_told_all_that_it_read(tmp_path: Path, stop: int) -> None:
    """Else a step that needs bytes up to `stop` would wait for ever: nothing more would be wanted before it is done."""
    running = Running(Proof(found(tmp_path), "sha256"))

    running.proof.allow(stop)
    landed = running.next_landed()
    while landed < stop:
        landed = running.next_landed()

    assert landed < stop + CHUNK
    running.proof.allow(len(DATA))
    assert running.answer() == hashlib.sha256(DATA).hexdigest()


def test_what_was_allowed_is_not_taken_back(tmp_path: Path) -> None:
    proof = Proof(found(tmp_path), "md5")
    proof.allow(len(DATA))
    proof.allow(1)

    assert proof.run(lambda stop: None) == hashlib.md5(DATA).hexdigest()


def test_a_proof_that_waits_ends_without_a_digest_when_it_is_cancelled(tmp_path: Path) -> None:
    running = Running(Proof(found(tmp_path), "sha256"))
    running.proof.allow(5000)
    while running.next_landed() < 5000:
        pass

    running.proof.cancel()

    assert running.answer() == ""


def test_a_proof_that_was_cancelled_before_it_began_ends_without_a_digest(tmp_path: Path) -> None:
    proof = Proof(found(tmp_path), "sha256")
    proof.cancel()

    assert proof.run(lambda stop: None) == ""


def test_a_disk_that_cannot_read_is_an_error_of_the_tree_and_leaves_no_file_open(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(fd: int, buffers: object, offset: int) -> int:
        raise OSError(errno.EIO, "Input/output error")

    proof = Proof(found(tmp_path), "sha256")
    proof.allow(len(DATA))
    before = len(os.listdir("/proc/self/fd"))
    monkeypatch.setattr(os, "preadv", fail)

    with pytest.raises(StorageFailed, match="read"):
        proof.run(lambda stop: None)
    assert len(os.listdir("/proc/self/fd")) == before


def test_a_file_that_becomes_shorter_while_it_is_read_is_refused(tmp_path: Path) -> None:
    one = found(tmp_path)
    running = Running(Proof(one, "sha256"))
    running.proof.allow(4000)
    assert running.next_landed() == 4000

    os.truncate(one.path, 4500)
    running.proof.allow(len(DATA))

    error = running.answer()
    assert isinstance(error, ArchiveRefused)
    assert "became shorter" in error.what
    assert error.seen == "ends at byte 4500"


@pytest.mark.parametrize("change", ["rewrite", "append", "replace"])
def test_a_file_that_changes_while_it_is_read_is_refused(tmp_path: Path, change: str) -> None:
    one = found(tmp_path)
    running = Running(Proof(one, "sha256"))
    running.proof.allow(4000)
    assert running.next_landed() == 4000

    if change == "replace":
        (tmp_path / "new").write_bytes(DATA)
        os.replace(tmp_path / "new", one.path)
    else:
        with one.path.open("r+b" if change == "rewrite" else "ab") as file:
            file.write(b"!")
    running.proof.allow(len(DATA))

    error = running.answer()
    assert isinstance(error, ArchiveRefused)
    assert "changed while it was read" in error.what


def test_a_file_that_is_gone_when_its_proof_begins_is_an_error_of_the_tree(tmp_path: Path) -> None:
    one = found(tmp_path)
    one.path.unlink()

    with pytest.raises(MachineError, match="open"):
        Proof(one, "sha256").run(lambda stop: None)
