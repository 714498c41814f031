"""The libraries that decode, scale and encode: the fast ones where they are installed, Pillow otherwise.

Rules guarded: which library did what is told with its release, for the bytes of a recoded image are its doing; every
picture between the steps is 8-bit RGB; a decoder's refusal is a value. Decoding and encoding are of libjpeg-turbo on
both ways and give the same pixels; the filters of the two ways differ in a few last bits, so they have two names.

RGB of everything else is what Pillow's `convert("RGB")` gives: of gray three times the gray, of CMYK and YCCK (inverted
as Adobe writes them) the product of ink and black without a profile, of an alpha channel nothing.
"""

from __future__ import annotations

import functools
import importlib.metadata
import importlib.util
import io
import warnings
from dataclasses import dataclass
from typing import Any, Protocol

from kilotar.errors import MissingExtra
from kilotar.model.pixels import Geometry
from kilotar.parse.jpeg import JpegFacts, JpegRefused

__all__ = ["Library", "Picture", "encode_jpeg", "encode_ppm", "find_library"]

_FAST = ("simplejpeg", "cykooz_resizer", "numpy")
_PILLOW_FILTERS = {"lanczos": "LANCZOS", "bicubic": "BICUBIC", "bilinear": "BILINEAR", "box": "BOX"}
_FAST_FILTERS = {"lanczos": "lanczos3", "bicubic": "catmull_rom", "bilinear": "bilinear", "box": "box"}
_420 = 2  # Pillow's number of chroma subsampling in both directions


@dataclass(frozen=True, slots=True)
class Picture:
    """RGB pixels, row by row: a `PIL.Image.Image` of mode RGB, or memory of height x width x 4 bytes, red first."""

    pixels: Any
    width_px: int
    height_px: int


class Library(Protocol):
    """What can decode a JPEG and scale a picture."""

    @property
    def stamps(self) -> str:
        """Which packages do it, with their releases."""
        ...

    def decode(self, data: bytes, facts: JpegFacts, factor: int) -> Picture | JpegRefused:
        """Decode a JPEG to RGB, at 1/factor of its size; factor is 1, 2, 4 or 8.

        The picture is of use until the next one is decoded.
        """
        ...

    def scale(self, picture: Picture, geometry: Geometry, name: str) -> Any:
        """Give a picture in the scaled size of a geometry, by a filter of `kilotar.model.pixels.FILTERS`.

        It is an image of Pillow's, of mode RGB or RGBX, and of use until the next one is scaled.
        """
        ...


def find_library(*, fast: bool | None = None) -> Library:
    """Give the fast libraries where all of them are installed, else Pillow; `fast` insists on one way.

    Raises: MissingExtra where neither can be had.
    """
    if fast is None:
        fast = all(importlib.util.find_spec(name) is not None for name in _FAST)
    if importlib.util.find_spec("PIL") is None:
        raise MissingExtra("images cannot be decoded", seen="Pillow is not installed", fix="pip install pillow")
    return _Fast() if fast else _Pillow()


@functools.cache
def _release(package: str) -> str:
    return importlib.metadata.version(package)


@functools.cache
def _pillow_stamp() -> str:
    from PIL import features

    codec = features.version("libjpeg_turbo") or features.version("jpg")
    return f"Pillow {_release('pillow')} (libjpeg-turbo {codec})"


class _Pillow:
    @property
    def stamps(self) -> str:
        return f"decode, scale, encode: {_pillow_stamp()}"

    def decode(self, data: bytes, facts: JpegFacts, factor: int) -> Picture | JpegRefused:
        return decode_with_pillow(data, "JPEG", factor)

    def scale(self, picture: Picture, geometry: Geometry, name: str) -> Any:
        from PIL import Image

        size = (geometry.width_px, geometry.height_px)
        return picture.pixels.resize(size, getattr(Image.Resampling, _PILLOW_FILTERS[name]))


class _Fast:
    """simplejpeg decodes, cykooz-resizer scales; what is no ordinary JPEG goes through Pillow's decoder.

    A picture is of use until the next is decoded or scaled: all lie in two buffers, since memory that is touched anew
    for each costs a twentieth of the decode.
    """

    def __init__(self) -> None:
        self._decoded, self._scaled = bytearray(), bytearray()

    @property
    def stamps(self) -> str:
        decoder, scaler = _release("simplejpeg"), _release("cykooz-resizer")
        return f"decode: simplejpeg {decoder}; scale: cykooz-resizer {scaler}; encode: {_pillow_stamp()}"

    def decode(self, data: bytes, facts: JpegFacts, factor: int) -> Picture | JpegRefused:
        import simplejpeg

        if facts.components == 4:
            return decode_with_pillow(data, "JPEG", factor)
        width_px, height_px = -(-facts.width_px // factor), -(-facts.height_px // factor)
        self._decoded = _with_room(self._decoded, 4 * width_px * height_px)
        sides = {"min_width": width_px, "min_height": height_px} if factor > 1 else {}
        try:
            found = simplejpeg.decode_jpeg(data, "RGBX", strict=True, buffer=self._decoded, **sides)
        except ValueError as error:
            if "remature end" in str(error):
                return JpegRefused("truncated", f"decoder: {error}", facts.scan_offset)
            return decode_with_pillow(data, "JPEG", factor)  # a warning that every reader of the set passes over
        return Picture(found, width_px, height_px)

    def scale(self, picture: Picture, geometry: Geometry, name: str) -> Any:
        """Scale four bands, one of them of no meaning: so arrays are images of Pillow's, read and written in place."""
        from PIL import Image

        size = (geometry.width_px, geometry.height_px)
        resizer, options = _resizer(_FAST_FILTERS[name])
        if isinstance(picture.pixels, Image.Image):
            target = Image.new(picture.pixels.mode, size)
            resizer.resize_pil(picture.pixels, target, options)
            return target
        size_bytes = 4 * geometry.width_px * geometry.height_px
        self._scaled = _with_room(self._scaled, size_bytes)
        pixels = memoryview(self._scaled)[:size_bytes]
        resizer.resize_pil(_as_bands(picture, "CMYK"), _as_bands(Picture(pixels, *size), "CMYK"), options)
        return _as_bands(Picture(pixels, *size), "RGBX")


def _with_room(buffer: bytearray, size_bytes: int) -> bytearray:
    """Give the buffer, or a larger one where it is too small."""
    return buffer if len(buffer) >= size_bytes else bytearray(size_bytes)


def _as_bands(picture: Picture, mode: str) -> Any:
    """Give memory of four bands as an image of a mode of four bands, without a copy."""
    from PIL import Image

    return Image.frombuffer(mode, (picture.width_px, picture.height_px), picture.pixels, "raw", mode, 0, 1)


@functools.cache
def _resizer(name: str) -> tuple[Any, Any]:
    from cykooz_resizer import FilterType, ResizeAlg, ResizeOptions, Resizer

    return Resizer(), ResizeOptions(resize_alg=ResizeAlg.convolution(FilterType[name]), use_alpha=False)


def decode_with_pillow(data: bytes, kind: str, factor: int = 1) -> Picture | JpegRefused:
    """Decode an image of one kind ("JPEG", "PNG") to RGB by Pillow, a JPEG at 1/factor of its size.

    Pillow raises many kinds of errors out of its parsers, so all of them count as damage; a bug of ours cannot hide
    here, for nothing of ours runs inside.
    """
    from PIL import Image

    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # corrupt EXIF is in the published set, and no concern of the pixels
            warnings.simplefilter("error", Image.DecompressionBombWarning)
            with Image.open(io.BytesIO(data), formats=[kind]) as image:
                if factor > 1:
                    image.draft(None, (image.width // factor, image.height // factor))
                image.load()
                picture = image.convert("RGB")
    except MemoryError:
        raise
    except Exception as error:  # noqa: BLE001 - see the docstring
        cut = "truncated" in str(error)
        return JpegRefused("truncated" if cut else "damaged", f"decoder: {type(error).__name__}: {error}"[:200])
    return Picture(picture, picture.width, picture.height)


def as_pillow(picture: Picture) -> Any:
    """Give the pixels as an image of Pillow's, of mode RGB or RGBX."""
    from PIL import Image

    return picture.pixels if isinstance(picture.pixels, Image.Image) else _as_bands(picture, "RGBX")


def encode_jpeg(image: Any, quality: int) -> bytes:
    """Write an image of mode RGB or RGBX as a baseline JPEG, chroma 4:2:0, without EXIF, ICC profile and the like."""
    out = io.BytesIO()
    image.info = {}
    image.save(out, "JPEG", quality=quality, subsampling=_420)
    return out.getvalue()


def encode_ppm(image: Any) -> bytes:
    """Write an image of mode RGB or RGBX as binary PPM."""
    return b"P6\n%d %d\n255\n" % image.size + bytes(image.convert("RGB").tobytes())
