"""Rules: archive and tree give the same samples; safe under fork and spawn; opening a root changes nothing."""

from __future__ import annotations

import errno
import hashlib
import multiprocessing
import os
import pickle
import shutil
from pathlib import Path

import pytest

import kilotar
from kilotar.editions.tiny import Tiny, make_tiny
from kilotar.errors import ArchiveRefused, LayoutRefused, UsageError
from kilotar.work.dataset import Dataset
from tests.work.wishes import ALL, prepare, snapshot, wish

Rows = dict[str, tuple[str, int, str]]


def rows_of(dataset: Dataset) -> Rows:
    return {image.key: (image.wnid, image.label, hashlib.sha256(image.read()).hexdigest()) for image in dataset}


def truth_of(tiny: Tiny, split: str) -> Rows:
    return {key: (t.wnid, t.label, t.sha256) for key, t in tiny.truth.items() if t.split == split}


@pytest.fixture
def made(root: Path, tiny: Tiny) -> Path:
    prepare(root, tiny, splits=ALL)
    return root


@pytest.mark.parametrize("split", ALL)
def test_images_come_with_the_bytes_and_labels_of_the_truth(made: Path, tiny: Tiny, split: str) -> None:
    assert rows_of(kilotar.open(made, split)) == truth_of(tiny, split)


@pytest.mark.parametrize("split", ALL)
def test_without_the_archives_the_tree_gives_the_same(root: Path, tmp_path: Path, split: str) -> None:
    tiny = make_tiny(tmp_path / "source")
    prepare(root, tiny, splits=ALL)
    from_archive = rows_of(kilotar.open(root, split))
    for path in tiny.folder.glob("*.tar"):
        path.unlink()

    assert rows_of(kilotar.open(root, split)) == from_archive == truth_of(tiny, split)


def test_without_archives_and_tree_there_is_nothing_to_open(root: Path, tmp_path: Path) -> None:
    tiny = make_tiny(tmp_path / "source")
    prepare(root, tiny, splits=("train",))
    for path in tiny.folder.glob("*.tar"):
        path.unlink()

    with pytest.raises(LayoutRefused, match="neither a proved archive nor a finished tree of test"):
        kilotar.open(root, "test")


def test_a_root_that_was_only_indexed_can_be_opened(root: Path, tiny: Tiny) -> None:
    kilotar.index(root, **wish(tiny))

    assert rows_of(kilotar.open(root, "train")) == truth_of(tiny, "train")
    assert not (root / "train").exists()


def test_a_data_set_is_a_sequence(made: Path) -> None:
    train = kilotar.open(made, "train")
    names = [image.name for image in train]

    assert len(train) == len(names) == 12
    assert [image.name for image in train[2:9:3]] == names[2:9:3]
    assert train[-1].name == names[-1]
    assert [train[index].name for index in range(len(train))] == names
    with pytest.raises(IndexError):
        train[12]


def test_boxes_come_with_their_images(root: Path, tiny: Tiny) -> None:
    prepare(root, tiny, boxes=True)

    for split in ("train", "val"):
        found = {image.key: image.boxes for image in kilotar.open(root, split)}
        assert found == {key: tiny.boxes.get(key, ()) for key, truth in tiny.truth.items() if truth.split == split}


def test_a_pickled_data_set_is_small_and_gives_the_same_elsewhere(made: Path) -> None:
    train = kilotar.open(made, "train")

    text = pickle.dumps(train)

    assert len(text) < 1000
    assert rows_of(pickle.loads(text)) == rows_of(train)


def digest_of(dataset: Dataset, index: int) -> str:
    return hashlib.sha256(dataset[index].read()).hexdigest()


def read_all(dataset: Dataset, answers: multiprocessing.SimpleQueue[list[str]]) -> None:
    answers.put([digest_of(dataset, index) for index in range(len(dataset))])


@pytest.mark.parametrize("method", ["fork", "spawn"])
def test_readers_in_other_processes_get_the_same_bytes(made: Path, method: str) -> None:
    context = multiprocessing.get_context(method)
    train = kilotar.open(made, "train")
    expected = [digest_of(train, index) for index in range(len(train))]  # its files are open before the fork
    answers = context.SimpleQueue()
    readers = [context.Process(target=read_all, args=(train, answers)) for _ in range(2)]

    for reader in readers:
        reader.start()
    found = [answers.get() for _ in readers]
    for reader in readers:
        reader.join(20)

    assert found == [expected, expected]
    assert [reader.exitcode for reader in readers] == [0, 0]


def test_opening_and_reading_change_nothing(made: Path) -> None:
    before = snapshot(made)

    for image in kilotar.open(made, "train"):
        image.read()

    assert snapshot(made) == before


def refuse_writing(monkeypatch: pytest.MonkeyPatch, folder: Path) -> None:
    """Make everything below a folder read-only for this process, also for its superuser."""
    real = os.open

    def guarded(path: str | Path, flags: int, *args: int, **kwargs: int) -> int:
        writes = flags & (os.O_WRONLY | os.O_RDWR | os.O_CREAT)
        if writes and Path(os.fsdecode(path)).is_relative_to(folder):
            raise OSError(errno.EROFS, os.strerror(errno.EROFS), str(path))
        return real(path, flags, *args, **kwargs)

    monkeypatch.setattr(os, "open", guarded)


@pytest.mark.parametrize("cached", [True, False])
def test_a_root_on_a_read_only_disk_can_be_opened(
    made: Path, tiny: Tiny, monkeypatch: pytest.MonkeyPatch, cached: bool
) -> None:
    if not cached:
        shutil.rmtree(made / ".kilotar" / "index")
    refuse_writing(monkeypatch, made)

    assert rows_of(kilotar.open(made, "train")) == truth_of(tiny, "train")


def test_a_data_set_can_be_opened_while_a_run_appends_to_its_journal(made: Path) -> None:
    """A record that is half written is nobody's to cut but its writer's."""
    inputs = made / ".kilotar" / "inputs.jsonl"
    whole = inputs.read_bytes()
    inputs.write_bytes(whole + b'1234abcd {"name": "half')

    kilotar.open(made, "train")

    assert inputs.read_bytes() == whole + b'1234abcd {"name": "half'


def test_an_archive_that_was_cut_is_told_when_it_is_read(root: Path, tmp_path: Path) -> None:
    tiny = make_tiny(tmp_path / "source")
    prepare(root, tiny)
    train = kilotar.open(root, "train")
    os.truncate(tiny.folder / "tiny_img_train.tar", train[-1].sample.at.offset + 10)

    with pytest.raises(ArchiveRefused, match="cut short"):
        train[-1].read()


@pytest.mark.parametrize("split", ["trian", "", "TRAIN"])
def test_a_split_that_is_none_is_refused(made: Path, split: str) -> None:
    with pytest.raises(UsageError):
        kilotar.open(made, split)


def test_a_folder_that_was_never_prepared_is_refused(tmp_path: Path) -> None:
    with pytest.raises(LayoutRefused, match="nothing was prepared"):
        kilotar.open(tmp_path, "train")
