"""An archive that is replaced while an output is in the making: nothing of the old one may survive in it."""

from __future__ import annotations

from pathlib import Path

import pytest

import kilotar
from kilotar.editions.tiny import Tiny, make_tiny
from kilotar.errors import DigestMismatch
from kilotar.events import Event, StepEnded
from kilotar.store.workspace import STATE

TRAIN = "tiny_img_train.tar"


@pytest.fixture
def tiny(tmp_path: Path) -> Tiny:
    return make_tiny(tmp_path / "archives", classes=4, per_class=5, val=8, test=2)


def spoil(path: Path) -> bytes:
    """Change one byte inside the data of an image; give the good bytes."""
    good = path.read_bytes()
    at = good.index(b"\xff\xda") + 20
    path.write_bytes(good[:at] + bytes([good[at] ^ 1]) + good[at + 1 :])
    return good


def test_a_spoilt_archive_leaves_nothing_in_place_and_nothing_staged(tiny: Tiny, tmp_path: Path) -> None:
    spoil(tmp_path / "archives" / TRAIN)

    with pytest.raises(DigestMismatch):
        kilotar.prepare(tmp_path / "root", source=tmp_path / "archives", edition=str(tiny.toml))

    assert [path.name for path in (tmp_path / "root").iterdir()] == [STATE]


def test_images_of_a_spoilt_archive_are_written_again_when_the_good_one_is_put_there(
    tiny: Tiny, tmp_path: Path
) -> None:
    good = spoil(tmp_path / "archives" / TRAIN)
    with pytest.raises(DigestMismatch):
        kilotar.prepare(tmp_path / "root", source=tmp_path / "archives", edition=str(tiny.toml))

    (tmp_path / "archives" / TRAIN).write_bytes(good)
    kilotar.prepare(tmp_path / "root", source=tmp_path / "archives", edition=str(tiny.toml))

    assert kilotar.verify(tmp_path / "root").problems == ()


def test_steps_of_an_archive_that_was_never_proved_are_not_believed_after_it_was_swapped(
    tiny: Tiny, tmp_path: Path
) -> None:
    good = spoil(tmp_path / "archives" / TRAIN)

    def stop_after_a_class(event: Event) -> None:
        if isinstance(event, StepEnded) and event.key.startswith("train/"):
            raise KeyboardInterrupt

    with pytest.raises((KeyboardInterrupt, DigestMismatch)):
        kilotar.prepare(
            tmp_path / "root", source=tmp_path / "archives", edition=str(tiny.toml), jobs=1, on_event=stop_after_a_class
        )
    (tmp_path / "archives" / TRAIN).write_bytes(good)
    kilotar.prepare(tmp_path / "root", source=tmp_path / "archives", edition=str(tiny.toml))

    assert kilotar.verify(tmp_path / "root").problems == ()
