"""Words of --resize, sizes that follow from them, and what of a wish has an effect."""

from __future__ import annotations

import pytest

from kilotar.errors import UsageError
from kilotar.model.pixels import AS_PUBLISHED, Geometry, Pixels, PixelWish, parse_pixels, parse_resize, plan_geometry


@pytest.mark.parametrize(
    ("word", "means"),
    [
        ("256", "short:256"),
        ("short:256", "short:256"),
        ("max:500", "max:500"),
        ("crop:064", "crop:64"),
        ("box:1", "box:1"),
    ],
)
def test_a_word_is_read_and_written_in_one_way(word: str, means: str) -> None:
    assert parse_resize(word) == means
    assert Pixels(resize=means).resize == means


@pytest.mark.parametrize(
    "word", ["", "big", "0", "short:", "short:-1", "wide:3", "max:9000", "max:1e3", "9" * 5000, "٣", "max:3:4"]
)
def test_another_word_is_refused_and_the_words_are_told(word: str) -> None:
    with pytest.raises(UsageError, match="resize") as caught:
        parse_resize(word)
    assert "max:N" in caught.value.seen


@pytest.mark.parametrize(
    "fields",
    [
        {"resize": "256"},
        {"quality": 0},
        {"quality": 101},
        {"filter": "cubic"},
        {"odd": "drop"},
        {"form": "gif"},
        {"raw_share": 1.5},
    ],
)
def test_a_value_that_means_nothing_is_refused(fields: dict[str, object]) -> None:
    with pytest.raises(UsageError):
        Pixels(**fields)  # type: ignore[arg-type]


def whole(width: int, height: int) -> Geometry:
    return Geometry(width, height, 0, 0, width, height)


@pytest.mark.parametrize(
    ("resize", "size", "found"),
    [
        ("", (500, 375), None),
        ("short:256", (500, 375), whole(341, 256)),
        ("short:256", (375, 500), whole(256, 341)),
        ("short:256", (256, 900), None),
        ("short:256", (200, 900), None),
        ("max:500", (500, 375), None),
        ("max:500", (1000, 3), whole(500, 2)),
        ("max:8", (4000, 1), whole(8, 1)),
        ("exact:64", (500, 375), whole(64, 64)),
        ("exact:64", (64, 64), whole(64, 64)),
        ("crop:224", (500, 375), Geometry(299, 224, -38, 0, 224, 224)),
        ("crop:224", (100, 50), Geometry(448, 224, -112, 0, 224, 224)),
        ("box:64", (500, 375), Geometry(64, 48, 0, 8, 64, 64)),
        ("box:64", (20, 40), Geometry(32, 64, 16, 0, 64, 64)),
    ],
)
def test_a_size_follows_from_the_word_and_the_image(resize: str, size: tuple[int, int], found: Geometry | None) -> None:
    assert plan_geometry(resize, *size) == found


def test_what_has_no_effect_is_no_part_of_what_is_done() -> None:
    assert PixelWish().over(AS_PUBLISHED, "keep") == AS_PUBLISHED
    assert PixelWish(odd="keep").over(AS_PUBLISHED, "convert") == AS_PUBLISHED
    assert PixelWish(quality=50, filter="box").over(AS_PUBLISHED, "keep") == AS_PUBLISHED
    assert PixelWish(quality=50).over(AS_PUBLISHED, "convert") == Pixels(odd="convert")
    assert AS_PUBLISHED.text == "" and str(AS_PUBLISHED) == "as published"


def test_a_wish_goes_over_what_the_format_leaves_open_and_not_over_its_size() -> None:
    own = Pixels(resize="exact:64", form="ppm", filter="box")
    assert PixelWish(filter="lanczos").over(own, "convert") == Pixels(
        resize="exact:64", form="ppm", filter="lanczos", odd="convert"
    )
    assert PixelWish(resize="exact:64").over(own, "").resize == "exact:64"
    assert PixelWish("crop:8", odd="keep").over(AS_PUBLISHED, "keep") == Pixels("crop:8", odd="convert")
    assert PixelWish("max:8").over(AS_PUBLISHED, "keep") == Pixels("max:8", odd="keep")
    with pytest.raises(UsageError, match="leave the size open"):
        PixelWish(resize="32").over(own, "")


@pytest.mark.parametrize(
    "pixels",
    [
        Pixels(),
        Pixels(odd="convert"),
        Pixels(resize="max:500", odd="keep"),
        Pixels(form="ppm", odd="convert"),
        Pixels("box:9", 1, "box", "convert"),
        Pixels("max:500", filter="box", odd="keep", form="mixed", raw_share=0.1 + 0.2, seed=7),
    ],
)
def test_what_a_manifest_says_in_words_is_read_back(pixels: Pixels) -> None:
    assert parse_pixels(pixels.text) == (pixels if pixels.text else Pixels())


@pytest.mark.parametrize(
    "text",
    [
        "resize=256",
        "rotate=90",
        "quality=x odd=keep",
        "resize=max:9 filter=box quality=90 odd=keep ",
        "form=mixed:nan:1",
        "resize=exact:9 filter=box quality=90 form=mixed:2.0:1 odd=keep",
        "odd=keep",
        "odd=convert quality=90",
        "=" * 999,
    ],
)
def test_words_that_nobody_wrote_are_not_read(text: str) -> None:
    assert parse_pixels(text) is None
