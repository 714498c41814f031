"""Sizes of images, by the first bytes of those that Pillow writes."""

from __future__ import annotations

import io

import pytest
from PIL import Image

from kilotar.parse.image_size import probe_ppm, probe_size


def saved(kind: str, mode: str = "RGB") -> bytes:
    file = io.BytesIO()
    Image.new(mode, (31, 17), 90 if mode == "L" else None).save(file, kind)
    return file.getvalue()


@pytest.mark.parametrize("data", [saved("JPEG"), saved("JPEG", "L"), saved("JPEG", "CMYK"), saved("PNG")])
def test_a_jpeg_of_any_colours_and_a_png_tell_their_size(data: bytes) -> None:
    assert probe_size(data) == (31, 17)


@pytest.mark.parametrize("data", [b"", bytes(100), saved("GIF"), saved("JPEG")[:40], saved("PPM")])
def test_other_bytes_have_no_size(data: bytes) -> None:
    assert probe_size(data) is None


def test_a_ppm_as_pillow_writes_it_tells_its_size_and_where_its_pixels_begin() -> None:
    data = saved("PPM")
    found = probe_ppm(memoryview(data))
    assert found is not None and found.size == (31, 17)
    assert data[found.offset :] == bytes(31 * 17 * 3)


@pytest.mark.parametrize(
    "data",
    [
        b"",
        b"P6\n",
        saved("JPEG"),
        saved("PPM")[:-1],
        saved("PPM") + b"\0",
        b"P6\n0 17\n255\n",
        b"P6\n31 -17\n255\n",
        b"P6\n1 1\n65535\n" + bytes(6),
        b"P6\n# a comment\n1 1\n255\n" + bytes(3),
        b"P6\n99999999999999999999999999 1\n255\n" + bytes(3),
        b"P5\n1 1\n255\n" + bytes(3),
    ],
)
def test_what_is_not_exactly_a_ppm_with_all_of_its_pixels_is_none(data: bytes) -> None:
    assert probe_ppm(data) is None
