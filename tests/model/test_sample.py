"""Rule: an image is where its bytes are and what they mean."""

from __future__ import annotations

import pytest

from kilotar.model.sample import NO_LABEL, Extent, Sample, Split


@pytest.mark.parametrize(
    ("name", "key"),
    [
        ("n01440764_10026.JPEG", "n01440764_10026"),
        ("a.b.JPEG", "a.b"),
        ("no-ending", "no-ending"),
        (".JPEG", ".JPEG"),
    ],
)
def test_the_key_is_the_name_without_its_ending(name: str, key: str) -> None:
    assert Sample(Split.TRAIN, name, Extent("a", 0, 1)).key == key


def test_an_extent_stops_behind_its_last_byte() -> None:
    assert Extent("a", 512, 100).stop == 612


def test_a_sample_without_class_says_so() -> None:
    sample = Sample(Split.TEST, "x.JPEG", Extent("a", 0, 1))

    assert (sample.wnid, sample.label, sample.sha256, sample.boxes) == ("", NO_LABEL, b"", ())


def test_splits_come_in_the_order_train_val_test() -> None:
    assert [split.value for split in Split] == ["train", "val", "test"]
