"""Rule: what is under a root is told without reading an image and without touching anything."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

import kilotar
from kilotar.editions.tiny import Tiny
from kilotar.errors import LayoutRefused
from kilotar.store.lock import hold_lock
from tests.need import need_module
from tests.work.test_why import stopped
from tests.work.wishes import prepare, snapshot


def test_a_finished_root_tells_its_archives_and_outputs(root: Path, tiny: Tiny) -> None:
    prepare(root, tiny, formats=("imagefolder", "lists"))

    status = kilotar.status(root)

    assert (status.edition, status.running, status.root) == ("tiny", "", str(root))
    assert {(fact.name, fact.published) for fact in status.archives} == {
        ("tiny_img_train.tar", True),
        ("tiny_img_val.tar", True),
    }
    states = {state.name: (state.steps_done, state.steps, state.complete) for state in status.outputs}
    assert states == {"imagefolder": (4, 4, True), "lists": (0, 0, True)}


def test_a_root_that_was_stopped_tells_how_far_it_is(root: Path, tiny: Tiny) -> None:
    stopped(root, tiny, after=2)

    (state,) = kilotar.status(root).outputs

    assert (state.steps_done, state.steps, state.complete) == (2, 4, False)


def test_a_running_holder_of_the_lock_is_named(root: Path, tiny: Tiny) -> None:
    prepare(root, tiny)

    with hold_lock(root / ".kilotar" / "lock"):
        assert f"process {os.getpid()}" in kilotar.status(root).running


def test_looking_changes_nothing(root: Path, tiny: Tiny) -> None:
    prepare(root, tiny)
    before = snapshot(root)

    kilotar.status(root)

    assert snapshot(root) == before


def test_a_folder_that_is_no_root_is_told_what_it_is(tmp_path: Path) -> None:
    with pytest.raises(LayoutRefused) as caught:
        kilotar.status(tmp_path)
    assert caught.value.seen == "the folder is empty"
    assert os.listdir(tmp_path) == []


def test_an_archive_that_came_by_pieces_is_proved(tmp_path: Path) -> None:
    need_module("libtorrent")
    kilotar.demo(tmp_path)

    assert all(archive.published for archive in kilotar.status(tmp_path / "imagenet").archives)
