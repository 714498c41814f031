"""Images of the tiny edition: small, real, each with its own digest, made without an imaging library.

Rules guarded: every image decodes (24 x 16 pixels) unless a flaw is asked for; a comment segment of random length makes
each unique and sets its size on both sides of the 512 bytes of a tar block; the same seed gives the same bytes.
"""

from __future__ import annotations

import random
import struct
import zlib
from base64 import b64decode

__all__ = ["HEIGHT", "WIDTH", "make_cmyk", "make_image", "make_png"]

WIDTH, HEIGHT = 24, 16
_RGB = b64decode(
    "/9j/4AAQSkZJRgABAQAAAQABAAD/2wBDABALDA4MChAODQ4SERATGCgaGBYWGDEjJR0oOjM9PDkzODdASFxOQERXRTc4UG1RV19i"
    "Z2hnPk1xeXBkeFxlZ2P/2wBDARESEhgVGC8aGi9jQjhCY2NjY2NjY2NjY2NjY2NjY2NjY2NjY2NjY2NjY2NjY2NjY2NjY2NjY2Nj"
    "Y2NjY2NjY2P/wAARCAAQABgDASIAAhEBAxEB/8QAGAAAAwEBAAAAAAAAAAAAAAAAAAUGAgT/xAAdEAABBQEBAQEAAAAAAAAAAAAB"
    "AAIDBAUSIVEG/8QAFwEAAwEAAAAAAAAAAAAAAAAAAQMEBf/EAB0RAAIBBQEBAAAAAAAAAAAAAAEDAgAEERNRBSH/2gAMAwEAAhED"
    "EQA/AMN1LlyPmJpAK4X4lq1L1M4gH6qqCShQr+ckgKe1/wBA4vIgb4PiPnQlk644HaZfMZK3iEQwO04zc6lQiBkcO0JBmw6Gk/p5"
    "cAULPvMuaZFhHKtskxCRsZ9r/9k="
)
_CMYK = b64decode(
    "/9j/7gAOQWRvYmUAZAAAAAAA/9sAQwBQNzxGPDJQRkFGWlVQX3jIgnhubnj1r7mRyP//////////////////////////////////"
    "/////////////////8AAFAgAEAAYBEMRAE0RAFkRAEsRAP/EABcAAAMBAAAAAAAAAAAAAAAAAAADBAH/xAAiEAACAgEDBAMAAAAA"
    "AAAAAAAAAgEDBBEhMRIyM0ETUaH/2gAOBEMATQBZAEsAAD8Aor8Ytr7LJ0URWpaQ5PeamM77tJTWoFGJwPWiuuNWNyLPjr6VnR2/"
    "IAdX4zZaqqPQutQIcnvEvlzOyQPjRElm4iAKMTgXC22zvqRy022Sze+I+oA//9k="
)


def make_image(rng: random.Random) -> bytes:
    """Give a colour JPEG that no other call gives."""
    return _with_comment(_RGB, rng)


def make_cmyk(rng: random.Random) -> bytes:
    """Give a JPEG of four inks, as 22 of the published images are."""
    return _with_comment(_CMYK, rng)


def make_png(rng: random.Random) -> bytes:
    """Give a PNG, as one of the published images is under its JPEG name."""
    pixels = b"".join(b"\0" + rng.randbytes(3 * WIDTH) for _ in range(HEIGHT))
    head = struct.pack(">IIBBBBB", WIDTH, HEIGHT, 8, 2, 0, 0, 0)
    chunks = ((b"IHDR", head), (b"IDAT", zlib.compress(pixels, 0)), (b"IEND", b""))
    return b"\x89PNG\r\n\x1a\n" + b"".join(_chunk(kind, data) for kind, data in chunks)


def _with_comment(jpeg: bytes, rng: random.Random) -> bytes:
    note = rng.randbytes(16).hex().encode() * rng.randrange(1, 40)
    return jpeg[:2] + b"\xff\xfe" + struct.pack(">H", len(note) + 2) + note + jpeg[2:]


def _chunk(kind: bytes, data: bytes) -> bytes:
    return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))
