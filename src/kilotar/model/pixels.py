"""What is done to the pixels of images on their way into an output, as a value.

Rules guarded: `Pixels()` does nothing; everything that changes the bytes of a recoded image is a field here, or is told
by whoever recodes (library and release); equal values mean equal bytes for the same images and the same releases.

Sizes, for an image of w x h pixels; "fits" is never enlarged and stays byte for byte::

    short:N   the shorter side becomes N; an image whose shorter side is at most N fits
    max:N     the longer side becomes N; an image whose longer side is at most N fits
    box:N     N x N, the whole image in the middle, as large as goes, on black
    crop:N    N x N, the shorter side becomes N and the middle is cut out
    exact:N   N x N, whatever becomes of the aspect
"""

from __future__ import annotations

from dataclasses import dataclass, replace

from kilotar.errors import UsageError

__all__ = [
    "AS_PUBLISHED",
    "FILTERS",
    "NO_WISH",
    "ODD_QUALITY",
    "RESIZES",
    "Geometry",
    "PixelWish",
    "Pixels",
    "parse_pixels",
    "parse_resize",
    "plan_geometry",
]

RESIZES = ("short", "max", "box", "crop", "exact")
FILTERS = ("lanczos", "bicubic", "bilinear", "box")
FORMS = ("jpeg", "ppm", "mixed")
ODDS = ("", "keep", "convert")
_ALL = ("box", "crop", "exact")  # which leave no image as it is
MOST_PX = 8192  # of a side: beyond any photograph of the set
ODD_QUALITY = 100  # of odd images that are converted and not resized: as TFDS and tensorflow/models do it


def _one_of(what: str, word: str, words: tuple[str, ...]) -> None:
    if word not in words:
        raise UsageError(f"{what} is {' or '.join(filter(None, words))}, not {word!r}")


@dataclass(frozen=True, slots=True)
class Pixels:
    """What is done to images; sinks that need decoded pixels give one (`kilotar.sinks.base.pixels_of`).

    Attributes:
        resize:  "" or "short:N", "max:N", "box:N", "crop:N", "exact:N", N in pixels.
        quality: of JPEGs that are written anew, 1 to 100, chroma subsampled 4:2:0; odd images that are only converted
            get `ODD_QUALITY`.
        filter:  "lanczos", "bicubic", "bilinear", "box".
        odd:     of CMYK JPEGs, and PNG under a JPEG's name: "keep", "convert" to RGB JPEGs; "" for the format's
            default. An image that is resized is converted whatever this says.
        form:    "jpeg"; "ppm": every image as binary PPM, b"P6\\nW H\\n255\\n" and W * H * 3 bytes of RGB; "mixed".
        raw_share: with "mixed" the share of images that come as PPM, 0 to 1, chosen by a hash of name and seed.
        seed:    of that choice.
    Raises: UsageError.
    """

    resize: str = ""
    quality: int = 90
    filter: str = "lanczos"
    odd: str = ""
    form: str = "jpeg"
    raw_share: float = 0.0
    seed: int = 0

    def __post_init__(self) -> None:
        """Raises: UsageError."""
        if self.resize and parse_resize(self.resize) != self.resize:
            raise UsageError(f"a resize is written as {parse_resize(self.resize)!r}, not {self.resize!r}")
        if not 1 <= self.quality <= 100:
            raise UsageError(f"--quality is 1 to 100, not {self.quality}")
        _one_of("--filter", self.filter, FILTERS)
        _one_of("--odd", self.odd, ODDS)
        _one_of("a form of pixels", self.form, FORMS)
        if not 0 <= self.raw_share <= 1:
            raise UsageError(f"a share is 0 to 1, not {self.raw_share}")

    @property
    def every(self) -> bool:
        """Whether each image has to be looked at, for its size or its form."""
        return bool(self.resize) or self.form != "jpeg"

    @property
    def is_nothing(self) -> bool:
        """Whether images come as they lie in the archive."""
        return not self.every and self.odd != "convert"

    @property
    def is_odd_only(self) -> bool:
        """Whether the known odd images are recoded and no other."""
        return not self.every and self.odd == "convert"

    @property
    def text(self) -> str:
        """One line that tells all of it, "" where nothing is done."""
        if self.is_nothing:
            return ""
        words = []
        if self.resize:
            words.append(f"resize={self.resize} filter={self.filter}")
        if self.every:
            words.append(f"quality={self.quality}")
        if self.form != "jpeg":
            words.append(f"form={self.form}" + (f":{self.raw_share!r}:{self.seed}" if self.form == "mixed" else ""))
        words.append(f"odd={self.odd or 'keep'}" + (f" quality={ODD_QUALITY}" if self.is_odd_only else ""))
        return " ".join(words)

    def __str__(self) -> str:
        return self.text or "as published"

    @property
    def odd_quality(self) -> int:
        """The quality of odd images that are converted in the size that they have."""
        return ODD_QUALITY if self.is_odd_only else self.quality


AS_PUBLISHED = Pixels()


def parse_pixels(text: str) -> Pixels | None:
    """Give the value that `Pixels.text` tells of, None where it cannot be read."""
    words = dict(word.partition("=")[::2] for word in text.split())
    form, share, seed = (*words.get("form", "jpeg").split(":"), "0", "0")[:3]
    try:
        whole = Pixels(
            words.get("resize", ""),
            int(words.get("quality", "90")),
            words.get("filter", "lanczos"),
            words.get("odd", ""),
            form,
            float(share),
            int(seed),
        )
    except (ValueError, UsageError):
        return None
    pixels = whole if whole.every else Pixels(odd=whole.odd)
    return pixels if pixels.text == text else None


@dataclass(frozen=True, slots=True)
class PixelWish:
    """What a person asks of the pixels of every output; "" and 0 leave it to the format.

    Attributes:
        resize, quality, filter, odd: as in `Pixels`; a plain number is "short:N".
    """

    resize: str = ""
    quality: int = 0
    filter: str = ""
    odd: str = ""

    def over(self, own: Pixels, odd: str) -> Pixels:
        """Give what is done to an output's images.

        Args:
            own: what the format needs; its size is not argued with.
            odd: what its ecosystem expects of odd images.
        Raises: UsageError for a word that cannot be read, and for a size that is not the format's.
        """
        resize = parse_resize(self.resize) if self.resize else ""
        if own.resize and resize not in ("", own.resize):
            raise UsageError(
                f"--resize {resize} is for formats that leave the size open",
                seen=f"this one was asked for {own.resize}",
                fix="leave --resize out; the format has an option for its size",
            )
        asked = replace(
            own,
            resize=own.resize or resize,
            quality=self.quality or own.quality,
            filter=self.filter or own.filter,
            odd=self.odd or own.odd or odd,
        )
        if asked.resize.startswith(_ALL) or asked.form == "ppm":
            return replace(asked, odd="convert")  # all images are written anew, odd ones among them
        if asked.every:
            return asked
        return Pixels(odd="convert") if asked.odd == "convert" else Pixels()  # the rest has no effect


NO_WISH = PixelWish()


def parse_resize(word: str) -> str:
    """Give the word of `--resize` as `Pixels.resize` has it: a plain number is the shorter side. Raises UsageError."""
    kind, number = word.split(":", 1) if ":" in word else ("short", word)
    is_number = number.isascii() and number.isdigit() and len(number) <= 9
    if kind not in RESIZES or not is_number or not 1 <= int(number) <= MOST_PX:
        raise UsageError(
            f"--resize {word!r} cannot be read",
            seen=f"it is N, {', '.join(f'{kind}:N' for kind in RESIZES)}; N is 1 to {MOST_PX} pixels",
            fix="--resize 256, or --resize max:500",
        )
    return f"{kind}:{int(number)}"


@dataclass(frozen=True, slots=True)
class Geometry:
    """How an image gets its new size: scaled to `width_px` x `height_px`, then laid on a canvas.

    Attributes:
        width_px, height_px: after scaling.
        left_px, top_px: where the scaled image begins on the canvas; below 0 where it is cut.
        canvas_width_px, canvas_height_px: of what is written.
    """

    width_px: int
    height_px: int
    left_px: int
    top_px: int
    canvas_width_px: int
    canvas_height_px: int

    @property
    def is_whole(self) -> bool:
        """Whether the scaled image is the canvas."""
        return (self.width_px, self.height_px) == (self.canvas_width_px, self.canvas_height_px)


def plan_geometry(resize: str, width_px: int, height_px: int) -> Geometry | None:
    """Give how an image of this size is resized; None where it fits as it is. Sides are rounded half up, never 0."""
    if not resize:
        return None
    kind, _, number = resize.partition(":")
    side = int(number)
    shorter, longer = min(width_px, height_px), max(width_px, height_px)
    if kind == "exact":
        return Geometry(side, side, 0, 0, side, side)
    basis = shorter if kind in ("short", "crop") else longer
    if kind in ("short", "max") and basis <= side:
        return None
    wide, high = (max(1, (2 * px * side + basis) // (2 * basis)) for px in (width_px, height_px))
    if kind in ("short", "max"):
        return Geometry(wide, high, 0, 0, wide, high)
    return Geometry(wide, high, (side - wide) // 2, (side - high) // 2, side, side)
