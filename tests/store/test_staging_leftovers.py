"""Leftovers in a staging folder: of a killed run, of a finished tree, of a run that works at the same time."""

from __future__ import annotations

import errno
import os
from collections.abc import Iterator
from pathlib import Path

import pytest

from kilotar.store.staging import Staging, StagingWriter


@pytest.fixture
def staging(tmp_path: Path) -> Staging:
    staging = Staging(tmp_path, "0123456789abcdef")
    staging.open()
    return staging


@pytest.fixture
def writer(staging: Staging) -> Iterator[StagingWriter]:
    writer = staging.writer()
    yield writer
    writer.close()


@pytest.mark.parametrize("leftover", [b"", b"sho", b"longer than before"])
def test_a_leftover_of_a_killed_run_is_replaced(staging: Staging, writer: StagingWriter, leftover: bytes) -> None:
    (staging.folder / "train").mkdir()
    (staging.folder / "train/a.JPEG").write_bytes(leftover)

    writer.write("train/a.JPEG", b"the image")

    assert (staging.folder / "train/a.JPEG").read_bytes() == b"the image"


def test_a_leftover_that_is_a_second_name_of_a_finished_file_is_not_written_through(
    staging: Staging, writer: StagingWriter, tmp_path: Path
) -> None:
    finished = tmp_path / "finished.JPEG"
    finished.write_bytes(b"of another tree")
    os.link(finished, staging.folder / "a.JPEG")

    writer.write("a.JPEG", b"new")

    assert finished.read_bytes() == b"of another tree"
    assert (staging.folder / "a.JPEG").read_bytes() == b"new"


def test_a_file_is_never_shorter_than_the_same_bytes_that_were_there(
    staging: Staging, writer: StagingWriter, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Where locks are no-ops, another run may have written it already, and this one may be killed at any time."""
    writer.write("a.JPEG", b"whole")

    def die(fd: int, data: bytes) -> int:
        raise OSError(errno.EIO, "killed here")

    monkeypatch.setattr("kilotar.store.staging.write_all", die)
    with pytest.raises(OSError, match="killed here"):
        writer.write("a.JPEG", b"whole")

    assert (staging.folder / "a.JPEG").read_bytes() == b"whole"
