from __future__ import annotations

from random import Random

import pytest

from kilotar.editions.tiny_images import HEIGHT, WIDTH, make_png
from kilotar.parse.png import probe_png

HEAD = b"\x89PNG\r\n\x1a\n\0\0\0\rIHDR"


def test_the_size_of_a_real_png_is_read() -> None:
    assert probe_png(make_png(Random(0))) == (WIDTH, HEIGHT)


@pytest.mark.parametrize(
    "head",
    [
        b"",
        HEAD,
        HEAD + b"\0\0\0\1\0\0\0",
        HEAD + bytes(8),
        HEAD + b"\x80\0\0\0\0\0\0\1",
        b"\xff\xd8\xff" + bytes(40),
        HEAD.replace(b"IHDR", b"CgBI") + b"\0\0\0\1" * 2,
    ],
    ids=["empty", "no size", "cut off", "0 x 0", "too wide", "a JPEG", "another chunk first"],
)
def test_what_has_no_size_gives_none(head: bytes) -> None:
    assert probe_png(head) is None
