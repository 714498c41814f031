"""What a JPEG says of itself: its header, its scans and its end, read without decoding a pixel.

Rules guarded: pure, and bounded by the bytes given (at most 4,096 segments are walked); a header is read strictly, byte
by byte; whatever is not an 8-bit baseline or progressive Huffman JPEG gets a kind and a reason; metadata are stepped
over, never read. Kinds: "empty", "not-jpeg", "truncated", "damaged", "unsupported", "bomb".

Source of the marker codes: ITU-T T.81 table B.1; of the Adobe segment: Adobe TN 5116, section 18.
"""

from __future__ import annotations

import re
import struct
from dataclasses import dataclass

__all__ = ["EndFacts", "JpegFacts", "JpegRefused", "probe_jpeg", "walk_scans"]

MAX_SEGMENTS = 4096  # a segment costs a loop of Python; an honest file has about ten, and 100 scans make 200

EOI, SOS = 0xD9, 0xDA
_HUFFMAN = {0xC0: False, 0xC1: False, 0xC2: True}  # baseline, extended, progressive
_NO_FRAME = {0xC4, 0xC8, 0xCC}  # DHT, JPG, DAC lie between the codes of frames
_BETWEEN_SCANS = {0xC4, 0xDB, 0xDC, 0xDD, 0xFE, *range(0xE0, 0xF0)}  # DHT DQT DNL DRI COM APPn
_SEGMENT = struct.Struct(">BBH").unpack_from
_STEPPED_OVER = frozenset(range(0xC0, 0xFF)) - frozenset(range(0xD0, EOI + 1))
_MARKER = re.compile(rb"\xff[^\x00\xd0-\xd7\xff]")  # in entropy-coded data FF is followed by 00 or RSTn alone
_OTHERS = (
    (b"\x89PNG\r\n\x1a\n", "a PNG"),
    (b"GIF8", "a GIF"),
    (b"BM", "a BMP"),
    (b"RIFF", "a RIFF file (WebP?)"),
    (b"II*\0", "a TIFF"),
    (b"MM\0*", "a TIFF"),
    (b"%!PS", "PostScript"),
    (b"\xc5\xd0\xd3\xc6", "PostScript with a preview"),
    (b"%PDF", "a PDF"),
    (b"\x1f\x8b", "gzip data"),
    (b"PK\x03\x04", "a zip file"),
)
_JPEG_FAMILY = (
    (b"\xff\x4f\xff\x51", "a JPEG 2000 codestream"),
    (b"\0\0\0\x0cjP  ", "a JPEG 2000 file"),
    (b"\xff\x0a", "a JPEG XL codestream"),
    (b"\0\0\0\x0cJXL ", "a JPEG XL file"),
)


@dataclass(frozen=True, slots=True)
class JpegFacts:
    """The header of a JPEG.

    Attributes:
        width_px, height_px: 1 to 65,535.
        components: 1 gray, 3 colour, 4 CMYK or YCCK.
        progressive: whether the frame is progressive.
        adobe_transform: of the Adobe segment: 0 none, 1 YCbCr, 2 YCCK; -1 where there is none.
        scan_offset: where the first scan (its SOS marker) begins.
    """

    width_px: int
    height_px: int
    components: int
    progressive: bool
    adobe_transform: int
    scan_offset: int

    @property
    def pixels(self) -> int:
        return self.width_px * self.height_px


@dataclass(frozen=True, slots=True)
class JpegRefused:
    """Why these bytes are not read as a JPEG: a stable kind and one line; `offset` counts from their begin."""

    kind: str
    why: str
    offset: int = 0


@dataclass(frozen=True, slots=True)
class EndFacts:
    """What follows the header: the number of scans, and the bytes `[eoi_offset + 2, len)` behind the end marker."""

    scans: int
    eoi_offset: int
    trailing_bytes: int


def probe_jpeg(head: bytes) -> JpegFacts | JpegRefused:
    """Read a header up to its first scan.

    Args:
        head: a whole file, or enough of its begin; "truncated" is the answer where it ends too early.
    """
    if not head.startswith(b"\xff\xd8\xff"):
        return _what_else(head)
    frame: JpegFacts | None = None
    adobe, offset = -1, 2
    for _ in range(MAX_SEGMENTS):
        segment = _segment(head, offset)
        if isinstance(segment, JpegRefused):
            return segment
        marker, body, stop = segment
        if marker == SOS:
            return _begun(frame, adobe, offset)
        if marker == 0xEE and head[body : body + 5] == b"Adobe" and stop - body >= 12:
            adobe = head[body + 11]
        elif (0xC0 <= marker <= 0xCF and marker not in _NO_FRAME) or marker == 0xF7:
            found = _frame(head[body:stop], marker, offset)
            if isinstance(found, JpegRefused):
                return found
            if frame:
                return JpegRefused("damaged", "a second frame header", offset)
            frame = found
        offset = stop
    return JpegRefused("damaged", f"more than {MAX_SEGMENTS} segments before the first scan", offset)


def _begun(frame: JpegFacts | None, adobe: int, offset: int) -> JpegFacts | JpegRefused:
    if not frame:
        return JpegRefused("damaged", "a scan before any frame header", offset)
    return JpegFacts(frame.width_px, frame.height_px, frame.components, frame.progressive, adobe, offset)


def _segment(data: bytes, offset: int) -> tuple[int, int, int] | JpegRefused:
    """Give (marker, begin of the body, end of the segment) of the segment at `offset`."""
    if len(data) >= offset + 4:  # one look for the usual one; what follows says what is wrong, or steps over fill bytes
        lead, marker, length = _SEGMENT(data, offset)
        if lead == 0xFF and marker in _STEPPED_OVER and 2 <= length <= len(data) - offset - 2:
            return marker, offset + 4, offset + 2 + length
    at = offset
    if data[at : at + 1] not in (b"\xff", b""):
        return JpegRefused("damaged", f"byte {data[at]:#04x} where a marker must be", at)
    while data[at + 1 : at + 2] == b"\xff":  # fill bytes; T.81 B.1.1.2 allows any number
        at += 1
    if len(data) < at + 4:
        return JpegRefused("truncated", f"ends after {len(data)} bytes, in the header", len(data))
    marker, body, stop = data[at + 1], at + 4, at + 2 + int.from_bytes(data[at + 2 : at + 4], "big")
    if marker < 0xC0 or 0xD0 <= marker <= EOI:
        return JpegRefused("damaged", f"marker {marker:#04x} in the header", at)
    if stop < body:
        return JpegRefused("damaged", f"segment {marker:#04x} of length {stop - body + 2}", at)
    if stop > len(data):
        return JpegRefused("truncated", f"segment {marker:#04x} needs {stop} bytes, there are {len(data)}", at)
    return marker, body, stop


def _frame(body: bytes, marker: int, offset: int) -> JpegFacts | JpegRefused:
    if marker not in _HUFFMAN:
        return JpegRefused("unsupported", f"{_process(marker)} JPEG", offset)
    if len(body) < 6 or len(body) != 6 + 3 * body[5]:
        return JpegRefused("damaged", f"frame header of {len(body)} bytes", offset)
    bits, components = body[0], body[5]
    height, width = int.from_bytes(body[1:3], "big"), int.from_bytes(body[3:5], "big")
    if bits != 8:
        return JpegRefused("unsupported", f"{bits}-bit JPEG", offset)
    if components not in (1, 3, 4):
        return JpegRefused("unsupported", f"JPEG of {components} components", offset)
    if not (height and width):
        return JpegRefused("damaged", f"{width}x{height} pixels", offset)
    return JpegFacts(width, height, components, _HUFFMAN[marker], -1, offset)


def _process(marker: int) -> str:
    if marker == 0xF7:
        return "JPEG-LS"
    words = ["arithmetic-coded"] if marker >= 0xC9 else []
    words += ["lossless"] if marker & 3 == 3 else []
    words += ["hierarchical"] if marker & 7 >= 5 else []
    return " ".join(words) or "extended"


def _what_else(head: bytes) -> JpegRefused:
    """Name what is there in place of a JPEG."""
    if not head:
        return JpegRefused("empty", "0 bytes")
    for magic, name in _JPEG_FAMILY:
        if head.startswith(magic):
            return JpegRefused("unsupported", f"it is {name}")
    for magic, name in _OTHERS:
        if head.startswith(magic):
            return JpegRefused("not-jpeg", f"it is {name}")
    if b"\xff\xd8\xff".startswith(head[:3]):
        return JpegRefused("truncated", f"ends after {len(head)} bytes, in the header", len(head))
    if not head.strip(b"\0"):
        return JpegRefused("not-jpeg", f"the first {len(head)} bytes are zeros")
    start = head[:512].lstrip(b"\xef\xbb\xbf \t\r\n").lower()
    for tag, name in ((b"<!doctype html", "HTML"), (b"<html", "HTML"), (b"<svg", "SVG"), (b"<?xml", "XML or SVG")):
        if start.startswith(tag):
            return JpegRefused("not-jpeg", f"it is {name}")
    kind = "text" if start.isascii() and not re.search(rb"[\0-\x08\x0e-\x1f]", start) else "unknown data"
    return JpegRefused("not-jpeg", f"it is {kind}, beginning {head[:8].hex()}")


def walk_scans(data: bytes, facts: JpegFacts, max_scans: int) -> EndFacts | JpegRefused:
    """Step from marker to marker behind the header, to the end marker; entropy-coded data are searched, not decoded.

    Args:
        max_scans: more make it "bomb": each costs a decoder a pass over the whole image.
    """
    scans, offset = 0, facts.scan_offset
    for _ in range(MAX_SEGMENTS):
        found = _MARKER.search(data, offset)
        if not found:
            return JpegRefused("truncated", f"no end marker in {len(data)} bytes", len(data))
        offset, marker = found.start(), data[found.start() + 1]
        if marker == EOI:
            return EndFacts(scans, offset, len(data) - offset - 2)
        if marker != SOS and marker not in _BETWEEN_SCANS:
            return JpegRefused("damaged", f"marker {marker:#04x} in the image data", offset)
        segment = _segment(data, offset)
        if isinstance(segment, JpegRefused):
            return segment
        scans += marker == SOS
        if scans > max_scans:
            return JpegRefused("bomb", f"more than {max_scans} scans", offset)
        offset = segment[2]
    return JpegRefused("damaged", f"more than {MAX_SEGMENTS} segments", offset)
