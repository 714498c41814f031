"""Lists of images of the detection kits: each line is an image and a number, or the list is refused by the line."""

from __future__ import annotations

import pytest

from kilotar.errors import ArchiveRefused
from kilotar.parse.image_sets import parse_image_set
from tests.budget import budget


@pytest.mark.parametrize(
    ("line", "found"),
    [
        (b"ILSVRC2013_train/n02672831/n02672831_11478 1", (b"n02672831_11478", 1)),
        (b"ILSVRC2013_train_extra0/ILSVRC2013_train_00000001 -1", (b"ILSVRC2013_train_00000001", -1)),
        (b"ILSVRC2014_train_0006/ILSVRC2014_train_00060000 0\r", (b"ILSVRC2014_train_00060000", 0)),
        (b"ILSVRC2012_val_00000001 20121", (b"ILSVRC2012_val_00000001", 20121)),
        (b"ILSVRC2012_test_00000001", (b"ILSVRC2012_test_00000001", 1)),
    ],
)
def test_a_line_is_an_image_without_its_folders_and_a_number(line: bytes, found: tuple[bytes, int]) -> None:
    assert list(parse_image_set(b"\n" + line + b"\n", "train_1.txt")) == [found]


@pytest.mark.parametrize(
    "line", [b"../x 1", b"/a/x 1", b"a b", b"x 1 2", b"x one", b"\xff 1", b"x 12345678901", b".x 1", b"a/" * 9 + b"x 1"]
)
def test_another_line_refuses_the_list_by_its_number(line: bytes) -> None:
    with pytest.raises(ArchiveRefused, match=r"train_1\.txt, line 2"):
        list(parse_image_set(b"x 1\n" + line + b"\n", "train_1.txt"))


def test_a_line_without_end_is_refused_in_a_moment() -> None:
    with budget(1.0), pytest.raises(ArchiveRefused, match="line 1"):
        list(parse_image_set(b"a" * (8 << 20), "val.txt"))
