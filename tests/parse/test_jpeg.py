"""A header is read strictly, and whatever is no JPEG gets a name."""

from __future__ import annotations

import struct
import time

import pytest
from hypothesis import given
from hypothesis import strategies as st

from kilotar.parse.jpeg import EndFacts, JpegFacts, JpegRefused, probe_jpeg, walk_scans
from tests.doubles.images import jpeg, patched_frame, patched_size, segment, with_scans, with_segments

JPEG = jpeg(96, 64)


def facts(data: bytes) -> JpegFacts:
    found = probe_jpeg(data)
    assert isinstance(found, JpegFacts), found
    return found


def refused(data: bytes) -> JpegRefused:
    found = probe_jpeg(data)
    assert isinstance(found, JpegRefused), found
    return found


def test_a_header_tells_size_components_and_process() -> None:
    found = facts(JPEG)
    assert (found.width_px, found.height_px, found.components, found.progressive) == (96, 64, 3, False)
    assert JPEG[found.scan_offset : found.scan_offset + 2] == b"\xff\xda"
    assert found.pixels == 96 * 64


def test_gray_cmyk_and_progressive_are_told_apart() -> None:
    assert facts(jpeg(mode="L")).components == 1
    assert facts(jpeg(mode="CMYK")).components == 4
    assert facts(jpeg(mode="CMYK")).adobe_transform in (0, 2)
    assert facts(jpeg(progressive=True)).progressive


def test_a_head_that_reaches_the_first_scan_is_enough() -> None:
    whole = facts(JPEG)
    assert facts(JPEG[: whole.scan_offset + 14]) == whole


def test_a_head_cut_anywhere_before_it_is_truncated() -> None:
    lengths = range(1, facts(JPEG).scan_offset + 14)
    assert {refused(JPEG[:length]).kind for length in lengths} == {"truncated"}


def test_fill_bytes_before_a_marker_are_allowed() -> None:
    assert facts(JPEG[:2] + b"\xff\xff\xff" + JPEG[2:]).pixels == 96 * 64


@pytest.mark.parametrize(
    ("data", "kind", "why"),
    [
        (b"", "empty", "0 bytes"),
        (b"\x89PNG\r\n\x1a\n....", "not-jpeg", "it is a PNG"),
        (b"GIF89a", "not-jpeg", "it is a GIF"),
        (b"RIFF....WEBP", "not-jpeg", "it is a RIFF file (WebP?)"),
        (b"%!PS-Adobe-3.0 EPSF-3.0", "not-jpeg", "it is PostScript"),
        (b"\xef\xbb\xbf<?xml version='1.0'?><svg/>", "not-jpeg", "it is XML or SVG"),
        (b"<svg xmlns='x'/>", "not-jpeg", "it is SVG"),
        (b"\r\n<!DOCTYPE html><p>log in", "not-jpeg", "it is HTML"),
        (b"hello", "not-jpeg", "it is text, beginning 68656c6c6f"),
        (b"\x01\x02\x03\x04", "not-jpeg", "it is unknown data, beginning 01020304"),
        (bytes(1000), "not-jpeg", "the first 1000 bytes are zeros"),
        (b"\0\0\0\x0cjP  \r\n\x87\n", "unsupported", "it is a JPEG 2000 file"),
        (b"\xff\x4f\xff\x51", "unsupported", "it is a JPEG 2000 codestream"),
        (patched_frame(JPEG, 0xC3), "unsupported", "lossless JPEG"),
        (patched_frame(JPEG, 0xC5), "unsupported", "hierarchical JPEG"),
        (patched_frame(JPEG, 0xC9), "unsupported", "arithmetic-coded JPEG"),
        (patched_frame(JPEG, 0xCB), "unsupported", "arithmetic-coded lossless JPEG"),
        (patched_frame(JPEG, 0xF7), "unsupported", "JPEG-LS JPEG"),
        (patched_frame(JPEG, 0xC1, bits=12), "unsupported", "12-bit JPEG"),
        (patched_size(JPEG, 0, 64), "damaged", "0x64 pixels"),
        (patched_size(JPEG, 96, 0), "damaged", "96x0 pixels"),
        (b"\xff\xd8\xff\xda\0\x08\1\1\0\0\0\0", "damaged", "a scan before any frame header"),
        (with_segments(JPEG, segment(0xC0, struct.pack(">BHHB", 8, 1, 1, 2))), "damaged", "frame header of 6 bytes"),
        (
            with_segments(JPEG, segment(0xC0, struct.pack(">BHHB6x", 8, 1, 1, 2))),
            "unsupported",
            "JPEG of 2 components",
        ),
        (with_segments(JPEG, segment(0xC0, struct.pack(">BHHB3x", 8, 1, 1, 1))), "damaged", "a second frame header"),
        (with_segments(JPEG, b"\xff\xe1\0\1"), "damaged", "segment 0xe1 of length 1"),
        (with_segments(JPEG, b"\xff\xd9\0\2"), "damaged", "marker 0xd9 in the header"),
        (with_segments(JPEG, b"\xff\xe1\0\4ab?"), "damaged", "byte 0x3f where a marker must be"),
    ],
)
def test_what_is_no_plain_jpeg_is_named(data: bytes, kind: str, why: str) -> None:
    found = refused(data)
    assert (found.kind, found.why) == (kind, why)


def test_a_flood_of_segments_is_refused_in_bounded_time() -> None:
    begun = time.monotonic()
    assert refused(with_segments(JPEG, b"\xff\xe0\0\2" * 1_000_000)).why.startswith("more than 4096 segments")
    assert refused(b"\xff\xd8" + b"\xff" * 10_000_000).kind == "truncated"
    assert time.monotonic() - begun < 5


def walked(data: bytes, max_scans: int = 100) -> EndFacts | JpegRefused:
    return walk_scans(data, facts(data), max_scans)


def test_scans_are_counted_and_the_end_is_found() -> None:
    assert walked(JPEG) == EndFacts(1, len(JPEG) - 2, 0)
    progressive = jpeg(progressive=True)
    assert walked(progressive) == EndFacts(progressive.count(b"\xff\xda"), len(progressive) - 2, 0)


def test_bytes_behind_the_end_are_counted_even_where_they_are_a_jpeg() -> None:
    assert walked(JPEG + bytes(4096)) == EndFacts(1, len(JPEG) - 2, 4096)
    assert walked(JPEG + JPEG) == EndFacts(1, len(JPEG) - 2, len(JPEG))


def test_scans_up_to_the_ceiling_pass_and_one_more_does_not() -> None:
    progressive = jpeg(progressive=True)
    found = walked(with_scans(progressive, 100))
    assert isinstance(found, EndFacts)
    assert found.scans == 100
    beyond = walked(with_scans(progressive, 101))
    assert isinstance(beyond, JpegRefused)
    assert (beyond.kind, beyond.why) == ("bomb", "more than 100 scans")


def test_an_end_marker_inside_of_a_segment_is_not_the_end() -> None:
    progressive = jpeg(progressive=True)
    last = progressive.rindex(b"\xff\xda")
    comment = segment(0xFE, b"\xff\xd9\xff\xda" * 200)
    data = progressive[:last] + comment + progressive[last:]
    assert walked(data) == EndFacts(progressive.count(b"\xff\xda"), len(data) - 2, 0)


@pytest.mark.parametrize("cut", [1, 2, 100, len(JPEG) // 2])
def test_a_missing_end_is_truncation(cut: int) -> None:
    found = walked(JPEG[:-cut])
    assert isinstance(found, JpegRefused)
    assert found.kind == "truncated"


@pytest.mark.parametrize("marker", [0x01, 0xC0, 0xD8, 0xF3])
def test_a_foreign_marker_in_the_image_data_is_damage(marker: int) -> None:
    data = JPEG[:-40] + bytes([0xFF, marker]) + JPEG[-38:]
    found = walked(data)
    assert isinstance(found, JpegRefused)
    assert (found.kind, found.offset) == ("damaged", len(JPEG) - 40)


@given(st.data())
def test_no_bytes_make_it_raise(data: st.DataObject) -> None:
    spoiled = bytearray(JPEG)
    for _ in range(data.draw(st.integers(1, 20))):
        spoiled[data.draw(st.integers(0, 700))] = data.draw(st.integers(0, 255))
    spoiled = spoiled[: data.draw(st.integers(0, len(spoiled)))]
    found = probe_jpeg(bytes(spoiled))
    if isinstance(found, JpegFacts):
        walk_scans(bytes(spoiled), found, 100)


@given(st.binary(max_size=300))
def test_any_bytes_have_a_name(data: bytes) -> None:
    assert isinstance(probe_jpeg(b"\xff\xd8\xff" + data), (JpegFacts, JpegRefused))
    assert isinstance(probe_jpeg(data), (JpegFacts, JpegRefused))
