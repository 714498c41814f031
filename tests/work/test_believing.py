"""What may be believed without being read again: proved archives and finished trees that nobody wrote to since."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

import kilotar
from kilotar.editions.tiny import Tiny, make_tiny
from kilotar.errors import LayoutRefused
from tests.work.wishes import flip, prepare


@pytest.fixture
def own(tmp_path: Path) -> Tiny:
    """Archives of one's own, since they are spoilt here."""
    return make_tiny(tmp_path / "archives", classes=3, per_class=4, val=6, test=2)


def test_an_image_that_was_written_to_since_its_tree_was_finished_is_not_linked(root: Path, own: Tiny) -> None:
    prepare(root, own)
    spoilt = next((root / "train").rglob("*.JPEG"))
    flip(spoilt)

    prepare(root, own, formats=("cls-loc",))

    good = root / "ILSVRC2015" / "Data" / "CLS-LOC" / "train" / spoilt.parent.name / spoilt.name
    assert good.read_bytes() != spoilt.read_bytes()
    assert [finding.where for finding in kilotar.verify(root).problems] == [f"train/{spoilt.parent.name}/{spoilt.name}"]


def test_an_archive_that_changed_since_its_proof_is_not_read_in_place(root: Path, own: Tiny) -> None:
    kilotar.index(root, source=own.folder, edition=str(own.toml))
    flip(own.folder / "tiny_img_train.tar")

    with pytest.raises(LayoutRefused, match="proved"):
        kilotar.open(root, "train")


def test_a_finished_tree_stands_in_for_an_archive_that_changed(root: Path, own: Tiny) -> None:
    prepare(root, own)
    truth = sorted(image.read() for image in kilotar.open(root, "train"))
    flip(own.folder / "tiny_img_train.tar")

    assert sorted(image.read() for image in kilotar.open(root, "train")) == truth


def test_an_archive_that_was_only_touched_is_believed_again_after_index(root: Path, own: Tiny) -> None:
    kilotar.index(root, source=own.folder, edition=str(own.toml))
    os.utime(own.folder / "tiny_img_train.tar")
    with pytest.raises(LayoutRefused):
        kilotar.open(root, "train")

    kilotar.index(root)

    assert len(kilotar.open(root, "train")) == sum(truth.split == "train" for truth in own.truth.values())
