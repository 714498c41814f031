"""Reliability 3.2, row by row: what is found in an image, by either decoder, in bounded time."""

from __future__ import annotations

import io
import random
import time
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image, ImageFile

from kilotar import pixels
from kilotar.events import Finding
from kilotar.pixels import OddNames, PixelLimits, check_image
from kilotar.pixels import check as check_module
from tests.doubles.images import (
    exif,
    gif,
    jpeg,
    patched_frame,
    patched_size,
    png,
    segment,
    with_scans,
    with_segments,
)
from tests.need import need_module

NAME = "n01440764_1.JPEG"
BOUND_S = 2.0
ODD = OddNames(cmyk=frozenset({"cmyk.JPEG"}), png=frozenset({"png.JPEG"}))
JPEG = jpeg(160, 120)
PROGRESSIVE = jpeg(160, 120, progressive=True)


@pytest.fixture(params=["strict", "pillow"])
def fast(request: pytest.FixtureRequest) -> bool:
    """Each row is asked of both decoders."""
    if request.param == "strict":
        need_module("simplejpeg")
    return str(request.param) == "strict"


def check(data: bytes, fast: bool, name: str = NAME) -> tuple[Finding, ...]:
    begun = time.monotonic()
    found = check_image(data, name, ODD, fast=fast)
    assert time.monotonic() - begun < BOUND_S
    assert all(one.where == name for one in found)
    return found


def kinds(data: bytes, fast: bool, name: str = NAME) -> list[tuple[str, bool]]:
    return [(one.kind, one.is_problem) for one in check(data, fast, name)]


@pytest.mark.parametrize("mode", ["RGB", "L"])
@pytest.mark.parametrize("progressive", [False, True])
def test_a_good_image_gives_no_finding(mode: str, progressive: bool, fast: bool) -> None:
    assert check(jpeg(mode=mode, progressive=progressive), fast) == ()


@pytest.mark.parametrize(
    "data",
    [
        with_segments(JPEG, exif(6)),
        with_segments(JPEG, exif(9)),
        with_segments(JPEG, exif(1, loops=True)),
        with_segments(JPEG, segment(0xE1, b"Exif\0\0" + b"\xff" * 60_000)),
        with_segments(JPEG, *[segment(0xE1, b"Exif\0\0II*\0" + bytes(65_000))] * 40),
        with_segments(JPEG, *[segment(0xE2, b"ICC_PROFILE\0\x01\x28" + bytes(65_000))] * 40),
        with_segments(JPEG, *[segment(0xFE, b"\xff\xd9\xff\xda" * 16_000)] * 40),
        with_segments(JPEG, segment(0xE1, b"http://ns.adobe.com/xap/1.0/\0" + b"<x>" * 20_000)),
        with_segments(JPEG, segment(0xE2, b"MPF\0" + b"\xff" * 60_000)),
    ],
    ids=["orientation", "orientation-9", "loop", "no-exif", "exif", "icc", "comment", "xmp", "mpf"],
)
def test_metadata_are_no_concern_however_odd_or_large(data: bytes, fast: bool) -> None:
    assert check(data, fast) == ()


@pytest.mark.parametrize(
    ("data", "kind"),
    [
        (b"", "empty"),
        (b"no image\n", "not-jpeg"),
        (b"<!DOCTYPE html><html>please log in</html>", "not-jpeg"),
        (b"<svg xmlns='http://www.w3.org/2000/svg'/>", "not-jpeg"),
        (b"%!PS-Adobe-3.0 EPSF-3.0\n%%BoundingBox: 0 0 9 9\n", "not-jpeg"),
        (gif(), "not-jpeg"),
        (png(), "not-jpeg"),
        (png(mode="I;16"), "not-jpeg"),
        (patched_size(JPEG, 65_500, 65_500), "bomb"),
        (patched_size(JPEG, 20_000, 4_000), "bomb"),
        (patched_size(JPEG, 7_000, 7_000), "bomb"),
        (with_scans(PROGRESSIVE, 300), "bomb"),
        (with_scans(PROGRESSIVE, 3_000), "bomb"),
        (patched_size(JPEG, 0, 0), "damaged"),
        (patched_frame(JPEG, 0xC9), "unsupported"),
        (patched_frame(JPEG, 0xC3), "unsupported"),
        (patched_frame(JPEG, 0xC1, bits=12), "unsupported"),
        (b"\0\0\0\x0cjP  \r\n\x87\n", "unsupported"),
        (JPEG[: len(JPEG) // 2], "truncated"),
        (JPEG[:-100], "truncated"),
        (JPEG[:-2], "truncated"),
        (JPEG[:300], "truncated"),
        (JPEG[:-2000] + bytes(2000), "truncated"),
        (PROGRESSIVE[: len(PROGRESSIVE) // 2], "truncated"),
        (with_segments(JPEG, b"\xff\xe1\x01\0Exif\0\0"), "damaged"),
        (with_segments(JPEG, b"\xff\xe1\xf0\0Exif\0\0"), "truncated"),
    ],
)
def test_a_bad_image_is_one_problem_of_its_kind(data: bytes, kind: str, fast: bool) -> None:
    assert kinds(data, fast) == [(kind, True)]


@pytest.mark.parametrize("behind", [b"\0" * 4096, b"junk" * 1024, JPEG, b"\xff\xd9"])
def test_bytes_behind_the_end_are_noted_and_no_problem(behind: bytes, fast: bool) -> None:
    (found,) = check(JPEG + behind, fast)
    assert (found.kind, found.is_problem) == ("trailing", False)
    assert (found.offset, found.why) == (len(JPEG), f"{len(behind)} bytes behind the end marker")


def test_a_listed_cmyk_is_a_known_oddity_and_another_one_a_fact(fast: bool) -> None:
    data = jpeg(mode="CMYK")
    assert kinds(data, fast, "cmyk.JPEG") == [("known-odd", False)]
    assert kinds(data, fast) == [("odd", False)]


def test_a_damaged_cmyk_is_a_problem_whatever_its_name(fast: bool) -> None:
    assert kinds(jpeg(mode="CMYK")[:-50], fast, "cmyk.JPEG") == [("truncated", True)]


def test_a_listed_png_is_a_known_oddity(fast: bool) -> None:
    assert kinds(png(), fast, "png.JPEG") == [("known-odd", False)]


@pytest.mark.parametrize(
    ("data", "kind"),
    [(png(9000, 9000), "bomb"), (png(20_000, 20_000, "1"), "bomb"), (png()[:-30], "damaged"), (png()[:20], "damaged")],
)
def test_a_listed_png_is_held_to_the_same_ceiling_and_decoded(data: bytes, kind: str, fast: bool) -> None:
    assert kinds(data, fast, "png.JPEG") in ([(kind, True)], [("truncated", True)])


def test_ceilings_are_the_callers_to_set(fast: bool) -> None:
    limits = PixelLimits(max_pixels=160 * 120 - 1)
    assert [one.kind for one in check_image(JPEG, NAME, limits=limits, fast=fast)] == ["bomb"]
    limits = PixelLimits(max_pixels=160 * 120, max_scans=2)
    assert check_image(JPEG, NAME, limits=limits, fast=fast) == ()
    assert [one.kind for one in check_image(PROGRESSIVE, NAME, limits=limits, fast=fast)] == ["bomb"]


def test_the_emptiest_image_that_an_encoder_can_write_is_no_bomb(fast: bool) -> None:
    out = io.BytesIO()
    Image.new("RGB", (4000, 4000)).save(out, "JPEG", quality=1, optimize=True, progressive=True, subsampling=2)
    assert check(out.getvalue(), fast) == ()


def test_want_of_memory_is_a_finding(monkeypatch: pytest.MonkeyPatch) -> None:
    def starve(*_: object) -> None:
        raise MemoryError

    monkeypatch.setattr(check_module, "_decode_with_pillow", starve)
    assert [one.kind for one in check_image(JPEG, NAME, fast=False)] == ["memory"]


def test_the_switch_that_makes_half_an_image_good_is_off_and_stays_off(fast: bool) -> None:
    check(JPEG[:-100], fast)
    assert ImageFile.LOAD_TRUNCATED_IMAGES is False


# Damage of the image data that leaves the header and both ends as they were: performance, "Odd files and damage".


def damaged(data: bytes, rng: random.Random, size: int = 512) -> bytes:
    """Overwrite `size` bytes somewhere between the first scan and the end with random ones."""
    begin = data.index(b"\xff\xda") + 14
    at = rng.randrange(begin, len(data) - 2 - size)
    return data[:at] + rng.randbytes(size) + data[at + size :]


def found_share(images: list[bytes], fast: bool) -> float:
    rng = random.Random(1)
    found = [check_image(damaged(data, rng), NAME, fast=fast) for data in images]
    return sum(any(one.is_problem for one in some) for some in found) / len(images)


@pytest.mark.parametrize(("strict", "least"), [(True, 0.9), (False, 0.7)], ids=["strict", "pillow"])
def test_512_random_bytes_are_found(strict: bool, least: float) -> None:
    if strict:
        need_module("simplejpeg")
    images = [jpeg(300, 225, seed=seed, quality=95) for seed in range(60)]
    assert not any(check_image(data, NAME, fast=strict) for data in images)
    assert found_share(images, strict) >= least


@pytest.mark.parametrize(("strict", "least"), [(True, 0.9), (False, 0.7)], ids=["strict", "pillow"])
def test_512_random_bytes_are_found_in_photographs(real_images: tuple[Path, ...], strict: bool, least: float) -> None:
    if strict:
        need_module("simplejpeg")
    images = [path.read_bytes() for path in real_images[::8]]
    assert not any(check_image(data, NAME, fast=strict) for data in images)
    assert found_share(images, strict) >= least


@pytest.mark.parametrize(
    "spoil",
    [
        lambda data: data[: len(data) // 2] + b"\xff\xd9",
        lambda data: data[: len(data) // 2] + bytes(len(data) - len(data) // 2 - 2) + b"\xff\xd9",
        lambda data: data[: len(data) // 2] + data[len(data) // 2 + 4096 :],
    ],
    ids=["cut-and-ended", "second-half-zero", "4-kB-missing"],
)
def test_damage_that_pillow_accepts_is_found_by_the_strict_decoder(spoil: object) -> None:
    need_module("simplejpeg")
    assert callable(spoil)
    data = spoil(jpeg(300, 225, quality=95))
    assert [one.kind for one in check_image(data, NAME, fast=True)] in (["damaged"], ["truncated"])


KINDS = {"empty", "not-jpeg", "truncated", "damaged", "unsupported", "bomb", "memory", "known-odd", "odd", "trailing"}


@settings(max_examples=200, deadline=None)
@given(st.data())
def test_no_spoilt_image_makes_it_raise(data: st.DataObject) -> None:
    spoiled = bytearray(data.draw(st.sampled_from([JPEG, PROGRESSIVE, jpeg(mode="CMYK"), png()])))
    for _ in range(data.draw(st.integers(1, 12))):
        spoiled[data.draw(st.integers(0, min(len(spoiled), 900) - 1))] = data.draw(st.integers(0, 255))
    for name in (NAME, "png.JPEG"):
        for strict in {False, pixels.has_fast()}:
            assert {one.kind for one in check_image(bytes(spoiled), name, ODD, fast=strict)} <= KINDS
