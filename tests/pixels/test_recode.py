"""What becomes of an image, by either library: its size, its form, its colours, or why it is refused."""

from __future__ import annotations

import io

import pytest
from PIL import Image, ImageChops

from kilotar.errors import MissingExtra
from kilotar.model.pixels import Pixels
from kilotar.parse.jpeg import JpegFacts, JpegRefused, probe_jpeg
from kilotar.pixels.check import PixelLimits
from kilotar.pixels.decoders import find_library
from kilotar.pixels.recode import Recoded, Recoder
from tests.doubles.images import exif, gif, jpeg, png, segment, with_segments
from tests.need import need_module

PHOTO = jpeg(160, 120)


@pytest.fixture(params=["fast", "pillow"])
def fast(request: pytest.FixtureRequest) -> bool:
    """Each row is asked of both libraries."""
    if request.param == "fast":
        need_module("simplejpeg")
        need_module("cykooz_resizer")
    return str(request.param) == "fast"


def recode(data: bytes, fast: bool, *wanted: Pixels, name: str = "a.JPEG", known_odd: bool = False) -> list[Recoded]:
    return Recoder(find_library(fast=fast), wanted).recode(data, name, known_odd=known_odd)


def image(made: Recoded) -> Image.Image:
    assert isinstance(made, bytes)
    return Image.open(io.BytesIO(made))


@pytest.mark.parametrize(
    ("resize", "size"),
    [("short:60", (80, 60)), ("max:80", (80, 60)), ("box:80", (80, 80)), ("crop:60", (60, 60)), ("exact:50", (50, 50))],
)
@pytest.mark.parametrize("filter", ["lanczos", "bicubic", "bilinear", "box"])
def test_an_image_gets_the_size_that_was_asked_for(resize: str, size: tuple[int, int], filter: str, fast: bool) -> None:
    (made,) = recode(PHOTO, fast, Pixels(resize=resize, filter=filter))
    assert (image(made).format, image(made).mode, image(made).size) == ("JPEG", "RGB", size)


@pytest.mark.parametrize("resize", ["short:120", "short:200", "max:160", "max:500"])
def test_an_image_that_fits_stays_as_it_is(resize: str, fast: bool) -> None:
    assert recode(PHOTO, fast, Pixels(resize=resize)) == [None]


def test_both_libraries_make_nearly_the_same_pixels() -> None:
    need_module("simplejpeg")
    need_module("cykooz_resizer")
    wanted = Pixels(resize="short:60", quality=100)
    one, two = (image(recode(PHOTO, fast, wanted)[0]) for fast in (True, False))
    assert max(high for _, high in ImageChops.difference(one, two).getextrema()) <= 16


@pytest.mark.parametrize("mode", ["L", "CMYK"])
def test_colours_are_those_of_pillows_convert(mode: str, fast: bool) -> None:
    data = jpeg(160, 120, mode)
    (made,) = recode(data, fast, Pixels(form="ppm"))
    assert image(made).tobytes() == Image.open(io.BytesIO(data)).convert("RGB").tobytes()


@pytest.mark.parametrize("data", [jpeg(160, 120, "CMYK"), png(160, 120), png(160, 120, "RGBA"), png(160, 120, "I;16")])
def test_an_odd_image_is_converted_where_that_is_asked_and_kept_where_not(data: bytes, fast: bool) -> None:
    kept, converted, both = recode(
        data, fast, Pixels(odd="keep"), Pixels(odd="convert"), Pixels(resize="max:900", odd="convert")
    )
    assert kept is None
    for made in (converted, both):
        assert (image(made).format, image(made).mode, image(made).size) == ("JPEG", "RGB", (160, 120))
    assert isinstance(converted, bytes) and isinstance(both, bytes) and len(converted) > len(both)  # quality 100


def test_an_ordinary_image_is_not_touched_where_only_odd_ones_are_converted(fast: bool) -> None:
    assert recode(PHOTO, fast, Pixels(odd="convert")) == [None]
    assert recode(jpeg(160, 120, "L"), fast, Pixels(odd="convert")) == [None]


def test_metadata_are_dropped_and_orientation_is_not_applied(fast: bool) -> None:
    marked = with_segments(PHOTO, exif(), segment(0xE2, b"ICC_PROFILE\0\1\1" + bytes(200)))
    (made,) = recode(marked, fast, Pixels(resize="short:60"))
    assert made == recode(PHOTO, fast, Pixels(resize="short:60"))[0]
    assert isinstance(made, bytes) and b"Exif" not in made and b"ICC_PROFILE" not in made
    facts = probe_jpeg(made)
    assert isinstance(facts, JpegFacts) and not facts.progressive


def test_raw_pixels_are_a_ppm(fast: bool) -> None:
    (made,) = recode(PHOTO, fast, Pixels(resize="exact:3", form="ppm"))
    assert isinstance(made, bytes) and made.startswith(b"P6\n3 3\n255\n") and len(made) == 11 + 27


def test_a_share_of_images_comes_raw_chosen_by_name_and_seed(fast: bool) -> None:
    def chosen(share: float, seed: int = 0) -> set[int]:
        wanted = Pixels(form="mixed", raw_share=share, resize="exact:2", seed=seed)
        made = [recode(PHOTO, fast, wanted, name=f"{number}.JPEG")[0] for number in range(60)]
        return {number for number, one in enumerate(made) if isinstance(one, bytes) and one.startswith(b"P6")}

    half = chosen(0.5)
    assert chosen(0.0) == set() and chosen(1.0) == set(range(60))
    assert 15 < len(half) < 45 and chosen(0.25) < half and chosen(0.5, seed=1) != half


def test_several_wishes_give_what_each_gives_alone(fast: bool) -> None:
    large = jpeg(1300, 1000)
    wanted = [
        Pixels(resize="short:40"),
        Pixels(resize="max:1200"),
        Pixels(resize="exact:300", form="ppm"),
        Pixels(odd="convert"),
    ]
    assert recode(large, fast, *wanted) == [recode(large, fast, one)[0] for one in wanted]


def test_an_image_shows_nothing_of_those_before_it(fast: bool) -> None:
    """One library decodes and scales in memory that it keeps."""
    wanted = [Pixels(resize="exact:90"), Pixels(resize="exact:30", form="ppm")]
    images = [PHOTO, jpeg(40, 30), jpeg(50, 700, "L"), PHOTO]
    recoder = Recoder(find_library(fast=fast), wanted)
    assert [recoder.recode(data, "a.JPEG") for data in images] == [recode(data, fast, *wanted) for data in images]


def test_a_large_image_is_decoded_small_and_looks_the_same(fast: bool) -> None:
    """Chroma and luma of a scaled decode must lie where those of a whole one do."""
    large = jpeg(1600, 1200)
    exact = Image.open(io.BytesIO(large)).convert("RGB").resize((80, 60), Image.Resampling.LANCZOS)
    (made,) = recode(large, fast, Pixels(resize="short:60", form="ppm"))
    difference = ImageChops.difference(image(made), exact)
    assert max(high for _, high in difference.getextrema()) <= 12


@pytest.mark.parametrize(
    ("data", "kinds"),
    [
        (b"", {"empty"}),
        (gif(), {"not-jpeg"}),
        (PHOTO[:-300], {"truncated"}),
        (PHOTO[:-2], {"truncated"}),
        (png()[:60], {"truncated", "damaged"}),
        (jpeg(mode="CMYK")[:-200], {"truncated"}),
    ],
)
def test_what_cannot_be_decoded_is_refused_with_a_kind(data: bytes, kinds: set[str], fast: bool) -> None:
    made = recode(data, fast, Pixels(resize="exact:32"), Pixels(form="ppm"))
    assert all(isinstance(one, JpegRefused) and one.kind in kinds for one in made) and len(made) == 2


def test_a_cut_image_that_fits_is_refused_all_the_same(fast: bool) -> None:
    (made,) = recode(PHOTO[:-300], fast, Pixels(resize="max:500"))
    assert isinstance(made, JpegRefused) and made.kind == "truncated"


def test_an_image_with_too_many_pixels_is_refused_before_it_is_decoded(fast: bool) -> None:
    recoder = Recoder(find_library(fast=fast), [Pixels(form="ppm")], PixelLimits(max_pixels=160 * 120 - 1))
    (made,) = recoder.recode(PHOTO, "a.JPEG")
    assert isinstance(made, JpegRefused) and made.kind == "bomb"


def test_want_of_memory_is_an_answer(fast: bool, monkeypatch: pytest.MonkeyPatch) -> None:
    library = find_library(fast=fast)

    def starve(*_: object) -> None:
        raise MemoryError

    monkeypatch.setattr(type(library), "decode", starve)
    (made,) = Recoder(library, [Pixels(form="ppm")]).recode(PHOTO, "a.JPEG")
    assert isinstance(made, JpegRefused) and made.kind == "memory"


def test_the_stamps_name_packages_and_releases(fast: bool) -> None:
    stamps = find_library(fast=fast).stamps
    assert "Pillow " in stamps and "libjpeg-turbo" in stamps
    assert ("simplejpeg " in stamps and "cykooz-resizer " in stamps) is fast


def test_without_a_decoder_the_line_that_installs_one_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("importlib.util.find_spec", lambda name: None)
    with pytest.raises(MissingExtra) as caught:
        find_library()
    assert caught.value.exit_code == 7 and "pip install" in caught.value.fix
