"""`adopt`: what others fetched is taken for what it proves to be, and stays theirs."""

from __future__ import annotations

import os
import random
import shutil
from pathlib import Path

import pytest

import kilotar
from kilotar.errors import DigestMismatch, LayoutRefused, MetadataMissing, UsageError
from kilotar.events import Event, Outcome, Progress, ignore
from kilotar.model.report import DownloadFact, Report
from kilotar.sources.aria2_files import control_file
from kilotar.store.pieces import OWN_DISK
from kilotar.work import adopt as module
from tests.work.wishes import Published


@pytest.fixture
def train(published: Published) -> Path:
    """Give the published archive of the training images; not to be changed."""
    return next(published.tiny.folder / a.name for a in published.tiny.edition.archives if a.split == "train")


@pytest.fixture
def foreign(tmp_path: Path) -> Path:
    (tmp_path / "foreign").mkdir()
    return tmp_path / "foreign"


def adopt(published: Published, path: Path, root: Path, **more: object) -> Report:
    wish = published.wish()
    return kilotar.adopt(path, root, edition=wish["edition"], fetching=wish["fetching"], **more)  # type: ignore[arg-type]


def fact(report: Report) -> DownloadFact:
    (only,) = report.downloads
    return only


def lacking(source: Path, target: Path, start: int, stop: int) -> Path:
    """Copy a file with a hole."""
    data = source.read_bytes()
    with target.open("wb") as file:
        file.truncate(len(data))
        os.pwrite(file.fileno(), data[:start], 0)
        os.pwrite(file.fileno(), data[stop:], stop)
    return target


def test_a_whole_file_is_linked_proved_and_named(published: Published, train: Path, foreign: Path, root: Path) -> None:
    given = Path(shutil.copy(train, foreign))
    events: list[Event] = []

    report = adopt(published, given, root, on_event=events.append)
    again = adopt(published, given, root)

    assert (root / "archives" / train.name).read_bytes() == given.read_bytes() == train.read_bytes()
    assert (fact(report).proved, fact(report).wrong) == (fact(report).pieces, 0)
    assert [(a.name, a.published) for a in report.archives] == [(train.name, True)]
    assert report.next_steps == (f"kilotar prepare {root}",)
    assert any(isinstance(event, Progress) and event.stage == "checking" for event in events)
    assert again.outcome is Outcome.KEPT
    assert kilotar.prepare(root, splits=("train",)).archives[0].algorithm == "btih"  # and nothing is proved again


def test_a_linked_file_needs_no_room(published: Published, train: Path, foreign: Path, root: Path) -> None:
    given = Path(shutil.copy(train, foreign))

    adopt(published, given, root)

    taken = root / "archives" / train.name
    assert taken.stat().st_ino == given.stat().st_ino or taken.stat().st_blocks == given.stat().st_blocks


@pytest.mark.parametrize("ending", [".part", ".!qB"])
@pytest.mark.parametrize("where", ["file", "folder"])
def test_what_a_client_left_unfinished_is_taken_and_completed(
    published: Published, train: Path, foreign: Path, root: Path, ending: str, where: str
) -> None:
    given = lacking(train, foreign / (train.name + ending), 64 << 10, 256 << 10)

    report = adopt(published, given if where == "file" else foreign, root)
    got = kilotar.get(root, **published.wish("http", splits=("train",)))

    assert 0 < fact(report).proved < fact(report).pieces
    assert report.next_steps == (f"kilotar get {root}",)
    brought = dict(fact(got).brought)
    assert sum(brought.values()) - brought.get(OWN_DISK, 0) == fact(report).size_bytes - fact(report).landed_bytes
    assert (root / "archives" / train.name).read_bytes() == train.read_bytes()


@pytest.mark.parametrize("which", ["archive", "control file"])
def test_arias_file_is_known_with_its_control_file(
    published: Published, train: Path, foreign: Path, root: Path, which: str
) -> None:
    given = lacking(train, foreign / train.name, 0, 128 << 10)
    control = foreign / f"{train.name}.aria2"
    control.write_bytes(control_file(published.demo.torrents[0].table, bytes(8)))  # its word counts for nothing
    events: list[Event] = []

    report = adopt(published, given if which == "archive" else control, root, on_event=events.append)

    assert fact(report).pieces - fact(report).proved == 8
    assert any("aria2" in str(event) for event in events)


def test_a_truncated_file_counts_as_far_as_it_goes(
    published: Published, train: Path, foreign: Path, root: Path
) -> None:
    given = foreign / train.name
    given.write_bytes(train.read_bytes()[:100_000])

    report = adopt(published, given, root)

    piece, data = 16 << 10, train.read_bytes()
    blank = sum(not any(data[start : start + piece]) for start in range(100_000, len(data), piece))
    assert fact(report).proved == 100_000 // piece + blank


def test_a_longer_file_is_only_copied(published: Published, train: Path, foreign: Path, root: Path) -> None:
    given = foreign / train.name
    given.write_bytes(train.read_bytes() + b"a tail")

    for taking in ("link", "move"):
        if taking == "move" or not module.clone(given, foreign / "try"):
            with pytest.raises(LayoutRefused, match="longer"):
                adopt(published, given, root, taking=taking)
    report = adopt(published, given, root, taking="copy")

    assert fact(report).proved == fact(report).pieces
    assert given.read_bytes() == train.read_bytes() + b"a tail"
    assert (root / "archives" / train.name).read_bytes() == train.read_bytes()


def test_a_copy_takes_the_right_pieces_and_adds_to_what_is_there(
    published: Published, train: Path, foreign: Path, root: Path
) -> None:
    first = lacking(train, foreign / f"{train.name}.part", 0, 128 << 10)
    second = foreign / train.name
    damaged = bytearray(train.read_bytes()[: 256 << 10])
    damaged[5] ^= 1
    second.write_bytes(damaged)

    adopt(published, first, root, taking="copy")
    with pytest.raises(LayoutRefused, match="in part already"):
        adopt(published, second, root, taking="move")
    report = adopt(published, second, root, taking="copy")

    assert fact(report).pieces - fact(report).proved == 1  # the damaged one
    assert first.exists() and second.read_bytes() == damaged


def test_a_moved_file_is_gone_from_where_it_was(published: Published, train: Path, foreign: Path, root: Path) -> None:
    given = Path(shutil.copy(train, foreign))

    adopt(published, given, root, taking="move")

    assert not given.exists()
    assert (root / "archives" / train.name).read_bytes() == train.read_bytes()


@pytest.mark.parametrize("taking", ["link", "copy", "move"])
@pytest.mark.parametrize("length", ["same", "shorter"])
def test_a_file_that_is_something_else_is_left_as_it_was(
    published: Published, train: Path, foreign: Path, root: Path, taking: str, length: str
) -> None:
    given = foreign / train.name
    size = train.stat().st_size - (0 if length == "same" else 100_000)
    given.write_bytes(random.Random(1).randbytes(size))
    before = given.read_bytes()

    with pytest.raises(DigestMismatch, match="holds nothing of"):
        adopt(published, given, root, taking=taking)

    assert given.read_bytes() == before
    assert taking == "copy" or not list((root / "archives").iterdir())


@pytest.mark.parametrize("taking", ["link", "move"])
def test_a_file_that_a_program_writes_to_is_only_copied(
    published: Published, train: Path, foreign: Path, root: Path, taking: str
) -> None:
    given = Path(shutil.copy(train, foreign))

    with given.open("r+b"):
        if taking == "move" or not module.clone(given, foreign / "try"):
            with pytest.raises(LayoutRefused, match="open for writing"):
                adopt(published, given, root, taking=taking)
        report = adopt(published, given, root, taking="copy")

    assert fact(report).proved == fact(report).pieces


def test_a_file_that_changes_while_it_is_read_is_given_back(
    published: Published, train: Path, foreign: Path, root: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    given = Path(shutil.copy(train, foreign))

    def write_meanwhile(pieces: object, emit: object) -> None:
        rehash(pieces, emit)  # type: ignore[arg-type]
        os.utime(root / "archives" / f"{train.name}.part")

    rehash = module.rehash
    monkeypatch.setattr(module, "rehash", write_meanwhile)

    with pytest.raises(LayoutRefused, match="changed while"):
        adopt(published, given, root)

    assert given.read_bytes() == train.read_bytes()
    assert not list((root / "archives").iterdir())


def test_a_file_of_another_name_is_known_by_its_length_or_by_word(
    published: Published, train: Path, foreign: Path, root: Path, tmp_path: Path
) -> None:
    given = foreign / "download (1).bin"
    shutil.copy(train, given)
    assert fact(adopt(published, given, root)).name == train.name

    given.write_bytes(train.read_bytes()[:-1])
    with pytest.raises(UsageError, match="no archive has its length") as caught:
        adopt(published, given, tmp_path / "other")
    assert "--archive NAME" in caught.value.fix
    assert fact(adopt(published, given, tmp_path / "other", archive=train.name)).name == train.name


def test_without_metadata_a_whole_file_is_proved_by_its_digest(
    published: Published, train: Path, foreign: Path, root: Path
) -> None:
    given, edition = Path(shutil.copy(train, foreign)), published.wish()["edition"]
    offline = kilotar.Fetching(offline=True)

    report = kilotar.adopt(given, root, edition=edition, fetching=offline)

    assert [(a.name, a.published, a.algorithm != "btih") for a in report.archives] == [(train.name, True, True)]
    assert (root / "archives" / train.name).read_bytes() == train.read_bytes()
    assert kilotar.prepare(root, splits=("train",)).archives[0].published


@pytest.mark.parametrize("taking", ["link", "move"])
def test_without_metadata_a_wrong_file_is_given_back(
    published: Published, train: Path, foreign: Path, root: Path, taking: str
) -> None:
    given, edition = foreign / train.name, published.wish()["edition"]
    given.write_bytes(bytes(train.stat().st_size))

    with pytest.raises(DigestMismatch):
        kilotar.adopt(given, root, edition=edition, taking=taking, fetching=kilotar.Fetching(offline=True))  # type: ignore[arg-type]

    assert given.read_bytes() == bytes(train.stat().st_size)
    assert not list((root / "archives").iterdir())


def test_without_metadata_a_part_cannot_be_proved(published: Published, train: Path, foreign: Path, root: Path) -> None:
    given = foreign / train.name
    given.write_bytes(train.read_bytes()[:100_000])

    with pytest.raises(MetadataMissing):
        kilotar.adopt(given, root, edition=published.wish()["edition"], fetching=kilotar.Fetching(offline=True))


def test_a_small_archive_is_adopted_by_its_digest(published: Published, root: Path) -> None:
    boxes = next(a for a in published.tiny.edition.archives if a.role == "boxes")

    adopt(published, published.tiny.folder / boxes.name, root, taking="copy")

    assert (root / "archives" / boxes.name).is_file()


def test_an_empty_folder_is_refused(published: Published, foreign: Path, root: Path) -> None:
    with pytest.raises(LayoutRefused, match="holds no archive"):
        adopt(published, foreign, root)
    with pytest.raises(LayoutRefused, match="there is no file"):
        kilotar.adopt(foreign / "nothing", root, edition=published.wish()["edition"], on_event=ignore)


def test_of_a_symbolic_link_the_file_is_taken(published: Published, train: Path, foreign: Path, root: Path) -> None:
    given = Path(shutil.copy(train, foreign / "elsewhere"))
    (foreign / train.name).symlink_to(given)

    with pytest.raises(LayoutRefused, match="symbolic link"):
        adopt(published, foreign / train.name, root, taking="move")
    adopt(published, foreign / train.name, root)

    taken = root / "archives" / train.name
    assert not taken.is_symlink() and taken.read_bytes() == train.read_bytes()
    assert (foreign / train.name).is_symlink()


def test_the_same_file_again_is_read_again_and_keeps_what_came_meanwhile(
    published: Published, train: Path, foreign: Path, root: Path
) -> None:
    given = lacking(train, foreign / f"{train.name}.part", 0, 256 << 10)
    first = fact(adopt(published, given, root))
    part = root / "archives" / f"{train.name}.part"
    is_shared = part.samefile(given)
    kilotar.get(root, **published.wish("http", classes=published.wnids[:1], splits=("train",)))

    again = fact(adopt(published, part, root))

    assert again.proved > first.proved
    assert (given.stat().st_ino == part.stat().st_ino) == is_shared
