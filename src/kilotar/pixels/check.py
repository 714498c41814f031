"""Whether an image is what it claims to be, found out without trusting it.

Rules guarded, in this order, so that each is cheaper than the next and protects it:

1. empty, or no JPEG at all: refused by its first bytes. A PNG is read only to be told apart; it is in order under the
   names that the edition lists (`OddNames.png`), a problem under any other.
2. the header is walked strictly; arithmetic, lossless, hierarchical, 12-bit and JPEG 2000 are "unsupported".
3. ceilings before any pixel: `max_pixels`, and one bit for each 8x8 block, which no Huffman code can go below; a header
   that promises more is a "bomb".
4. scans are counted (`max_scans`), the end marker is found, no foreign marker stands in the image data; bytes behind
   the end are noted and kept.
5. one decode: simplejpeg (extra `fast`) in strict mode, where every warning of libjpeg is an error, gray at 1/8;
   without it Pillow, which finds less: see docs/performance.md for how much.

CMYK and YCCK are decoded in their own space. What is stored stays byte-exact; whoever needs RGB converts by Pillow's
`convert("RGB")` of these. EXIF, ICC, XMP and orientation are never looked at. `LOAD_TRUNCATED_IMAGES` is never set.
"""

from __future__ import annotations

import functools
import importlib.util
import io
import warnings
from dataclasses import dataclass

from kilotar.events import Finding
from kilotar.parse.jpeg import JpegFacts, JpegRefused, probe_jpeg, walk_scans

__all__ = ["NO_ODD_NAMES", "OddNames", "PixelLimits", "check_image", "has_fast", "over_ceiling", "too_dense"]

_PNG = b"\x89PNG\r\n\x1a\n"
_ICC = b"ICC_PROFILE\0"


@dataclass(frozen=True, slots=True)
class PixelLimits:
    """Ceilings that stand before a decoder.

    Attributes:
        max_pixels: of a frame. 50 million: among photographs of the published set the largest known are under
                    20 million, and a decoder needs at most 6 bytes a pixel for a progressive one of them.
        max_scans:  of a progressive file; encoders write about 10, each costs a pass over the image.
    """

    max_pixels: int = 50_000_000
    max_scans: int = 100


@dataclass(frozen=True, slots=True)
class OddNames:
    """Names of images that are known to be CMYK JPEGs, or PNGs under a JPEG's name."""

    cmyk: frozenset[str] = frozenset()
    png: frozenset[str] = frozenset()


NO_ODD_NAMES = OddNames()
_LIMITS = PixelLimits()


@functools.cache
def has_fast() -> bool:
    """Tell whether the strict decoder of the extra `fast` is installed."""
    return importlib.util.find_spec("simplejpeg") is not None


def check_image(
    data: bytes, name: str, odd: OddNames = NO_ODD_NAMES, limits: PixelLimits = _LIMITS, *, fast: bool | None = None
) -> tuple[Finding, ...]:
    """Decode an image under limits and say what is wrong or odd with it; () for an ordinary good one.

    Args:
        data: the whole file.
        name: file name as published; `where` of the findings.
        fast: which decoder; None takes the strict one where it is installed.
    Returns: findings of kind "empty", "not-jpeg", "truncated", "damaged", "unsupported", "bomb", "memory" (problems),
        "known-odd", "odd", "trailing" (facts). Offsets count from the begin of the file.
    """
    try:
        return _check(data, name, odd, limits, has_fast() if fast is None else fast)
    except MemoryError:
        return (Finding("memory", name, "decoding needs more memory than a worker may use"),)


def _check(data: bytes, name: str, odd: OddNames, limits: PixelLimits, fast: bool) -> tuple[Finding, ...]:
    if data.startswith(_PNG):
        return _check_png(data, name, odd, limits)
    facts = probe_jpeg(data)
    if isinstance(facts, JpegRefused):
        return (_problem(name, facts),)
    too_much = over_ceiling(facts.width_px, facts.height_px, limits) or too_dense(facts, len(data))
    if too_much:
        return (Finding("bomb", name, too_much),)
    end = walk_scans(data, facts, limits.max_scans)
    if isinstance(end, JpegRefused):
        return (_problem(name, end),)
    refused = _decode_strictly(data, facts) if fast else _decode_with_pillow(data, "JPEG")
    if refused:
        return (_problem(name, refused),)
    notes = [Finding("trailing", name, f"{end.trailing_bytes} bytes behind the end marker", end.eoi_offset + 2, False)]
    return (*_oddities(facts, name, odd), *(notes if end.trailing_bytes else ()))


def _problem(name: str, refused: JpegRefused) -> Finding:
    return Finding(refused.kind, name, refused.why, refused.offset)


def over_ceiling(width_px: int, height_px: int, limits: PixelLimits) -> str:
    """Say why an image has too many pixels to be decoded, "" where it has not."""
    over = width_px * height_px > limits.max_pixels
    return f"{width_px}x{height_px} pixels, at most {limits.max_pixels} are decoded" if over else ""


def too_dense(facts: JpegFacts, size_bytes: int) -> str:
    """Each 8x8 block takes at least one bit of the first scan, so 512 pixels need a byte. Source: T.81 F.1.2, G.1.2."""
    over = facts.pixels > 512 * size_bytes
    return f"{facts.width_px}x{facts.height_px} pixels cannot be in {size_bytes} bytes" if over else ""


def _oddities(facts: JpegFacts, name: str, odd: OddNames) -> tuple[Finding, ...]:
    if facts.components != 4:
        return ()
    space = "YCCK" if facts.adobe_transform == 2 else "CMYK"
    kind = "known-odd" if name in odd.cmyk else "odd"
    return (Finding(kind, name, f"a {space} JPEG", is_problem=False),)


def _decode_strictly(data: bytes, facts: JpegFacts) -> JpegRefused | None:
    import simplejpeg

    space = "CMYK" if facts.components == 4 else "GRAY"
    try:
        simplejpeg.decode_jpeg(data, colorspace=space, min_factor=8, fastdct=True, strict=True)
    except ValueError as error:
        if "ICC" in str(error) and _ICC in data:  # a broken profile is no damage of the pixels: hide it, ask again
            return _decode_strictly(data.replace(_ICC, _ICC.lower()), facts)
        kind = "truncated" if "remature end" in str(error) else "damaged"
        return JpegRefused(kind, f"decoder: {error}", facts.scan_offset)
    return None


def _decode_with_pillow(data: bytes, kind: str) -> JpegRefused | None:
    """Decode with an allow-list of one format; for a JPEG gray at 1/8.

    Pillow raises many kinds of errors out of its parsers, so all of them count as damage; a bug of ours cannot hide
    here, for nothing of ours runs inside.
    """
    from PIL import Image

    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # corrupt EXIF is in the published set, and no concern of the pixels
            warnings.simplefilter("error", Image.DecompressionBombWarning)
            with Image.open(io.BytesIO(data), formats=[kind]) as image:
                image.draft("L", (1, 1))
                image.load()
    except MemoryError:
        raise
    except Exception as error:  # noqa: BLE001 - see the docstring
        cut = "truncated" in str(error)
        return JpegRefused("truncated" if cut else "damaged", f"decoder: {type(error).__name__}: {error}"[:200])
    return None


def _check_png(data: bytes, name: str, odd: OddNames, limits: PixelLimits) -> tuple[Finding, ...]:
    """A PNG under a listed name is decoded within the same ceiling; under another it is refused undecoded."""
    if name not in odd.png:
        return (Finding("not-jpeg", name, "it is a PNG"),)
    width_px, height_px = int.from_bytes(data[16:20], "big"), int.from_bytes(data[20:24], "big")
    too_much = over_ceiling(width_px, height_px, limits)
    if too_much:
        return (Finding("bomb", name, too_much),)
    refused = _decode_with_pillow(data, "PNG")
    if refused:
        return (_problem(name, refused),)
    return (Finding("known-odd", name, f"a PNG of {width_px}x{height_px} pixels", is_problem=False),)
