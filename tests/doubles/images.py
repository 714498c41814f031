"""Images made on the spot: good ones of every kind, and the bytes to spoil them with."""

from __future__ import annotations

import io
import random
import struct

from PIL import Image

__all__ = [
    "gif",
    "jpeg",
    "patched_size",
    "png",
    "segment",
    "with_scans",
    "with_segments",
]


def _photo(width: int, height: int, mode: str, seed: int) -> Image.Image:
    """Smooth colours with some noise: compresses about as a photograph does."""
    rng = random.Random(seed)
    bands = []
    for _ in range({"L": 1, "RGB": 3, "CMYK": 4}[mode]):
        coarse = Image.frombytes("L", (8, 6), rng.randbytes(48)).resize((width, height), Image.Resampling.BICUBIC)
        grain = Image.frombytes("L", (width, height), rng.randbytes(width * height))
        bands.append(Image.blend(coarse, grain, 0.15))
    return bands[0] if mode == "L" else Image.merge(mode, bands)


def jpeg(
    width: int = 96, height: int = 64, mode: str = "RGB", *, seed: int = 0, quality: int = 85, progressive: bool = False
) -> bytes:
    """Give a good JPEG."""
    out = io.BytesIO()
    _photo(width, height, mode, seed).save(out, "JPEG", quality=quality, progressive=progressive)
    return out.getvalue()


def png(width: int = 96, height: int = 64, mode: str = "RGB") -> bytes:
    """Give a good PNG; mode "I;16" has 16 bits a sample."""
    out = io.BytesIO()
    Image.new(mode, (width, height)).save(out, "PNG")
    return out.getvalue()


def gif() -> bytes:
    """Give a good GIF."""
    out = io.BytesIO()
    Image.new("P", (8, 8)).save(out, "GIF")
    return out.getvalue()


def frame_offset(data: bytes) -> int:
    """Give where the frame header (SOF0 or SOF2) begins."""
    return next(at for at in (data.find(b"\xff\xc0\0\x11"), data.find(b"\xff\xc2\0\x11")) if at > 0)


def patched_size(data: bytes, width: int, height: int) -> bytes:
    """Have the header of a JPEG claim another size."""
    at = frame_offset(data) + 5
    return data[:at] + struct.pack(">HH", height, width) + data[at + 4 :]


def patched_frame(data: bytes, marker: int = 0xC0, bits: int = 8) -> bytes:
    """Have the frame of a JPEG claim another process or depth."""
    at = frame_offset(data)
    return data[: at + 1] + bytes([marker]) + data[at + 2 : at + 4] + bytes([bits]) + data[at + 5 :]


def with_scans(data: bytes, scans: int) -> bytes:
    """Repeat the last scan of a progressive JPEG until there are so many."""
    last = data.rindex(b"\xff\xda")
    have = data.count(b"\xff\xda")
    return data[:-2] + data[last:-2] * (scans - have) + data[-2:]


def segment(marker: int, body: bytes) -> bytes:
    """Give a segment of a JPEG: marker, length, at most 65,533 bytes."""
    return bytes([0xFF, marker]) + struct.pack(">H", len(body) + 2) + body


def with_segments(data: bytes, *segments: bytes) -> bytes:
    """Insert segments behind the start marker."""
    return data[:2] + b"".join(segments) + data[2:]


def exif(orientation: int = 1, *, loops: bool = False) -> bytes:
    """Give an EXIF segment with an orientation; its directory may name itself as the next."""
    entry = struct.pack("<HHIHH", 0x0112, 3, 1, orientation, 0)
    tiff = b"II*\0" + struct.pack("<IH", 8, 1) + entry + struct.pack("<I", 8 if loops else 0)
    return segment(0xE1, b"Exif\0\0" + tiff)
