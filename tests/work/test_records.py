"""RecordIO out of archives, where an image holds the word that begins a record: index, verify, repair."""

from __future__ import annotations

import tarfile
from pathlib import Path

import pytest

from kilotar.editions.tiny import Tiny
from kilotar.events import ignore
from kilotar.sinks import recordio, recordio_frames
from kilotar.work.verify import parse_level, verify
from tests.work.wishes import prepare


def word_of_an_image(tiny: Tiny) -> bytes:
    """Give four bytes that stand at a multiple of four in a validation image."""
    (path,) = tiny.folder.glob("*img_val*.tar")
    with tarfile.open(path) as tar:
        image = tar.extractfile(tar.getmembers()[2])
        assert image is not None
        return image.read()[8:12]


def check(root: Path, *, repair: bool = False) -> list[str]:
    report = verify(root, level=parse_level("deep"), repair=repair, jobs=1, emit=ignore)
    return sorted(finding.where for finding in report.problems)


def test_a_damaged_file_and_a_lost_index_are_made_anew_though_an_image_is_cut(
    tiny: Tiny, root: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    word = word_of_an_image(tiny)
    monkeypatch.setattr(recordio_frames, "MAGIC", word)
    monkeypatch.setattr(recordio, "MAGIC", word)
    prepare(root, tiny, formats=("recordio",))
    folder = root / "recordio"
    before = {path.name: path.read_bytes() for path in folder.iterdir()}
    rows = list(recordio.read(folder, tiny.edition))
    images = [row.read() for row in rows if row.split == "val" and row.read]
    assert sum(image[8:12] == word for image in images) == 1

    (folder / "val.rec").write_bytes(b"????" + before["val.rec"][4:])
    (folder / "val.idx").unlink()
    (folder / "train.idx").write_bytes(b"0\t0\n")
    assert check(root) == ["train.idx", "val.idx", "val.rec"]
    assert check(root, repair=True) == []
    assert {path.name: path.read_bytes() for path in folder.iterdir()} == before
