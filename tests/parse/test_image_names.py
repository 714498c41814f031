"""Rules: lists as people keep them are understood, the same images are the same list, and anything else is refused."""

from __future__ import annotations

import pytest

from kilotar.errors import UsageError
from kilotar.parse.image_names import parse_image_names

ONE = "n01440764_10026"


@pytest.mark.parametrize(
    "line",
    [
        "n01440764_10026.JPEG",
        "n01440764_10026",
        "n01440764/n01440764_10026.JPEG",
        "train/n01440764/n01440764_10026 17",
        "/data/imagenet/train/n01440764/n01440764_10026.jpg\t0",
        "train\\n01440764\\n01440764_10026.JPEG",
        "  n01440764_10026.png  # blurred",
        "n01440764_10026.JPEG,5",
        "# 1 % of train\n\nn01440764_10026.JPEG",
        "n01440764_10026.JPEG\r",
        "\ufeffn01440764_10026.JPEG",
        "n01440764_10026.JPEG\nn01440764_10026",
        "n01440764_10026.xml",
    ],
)
def test_every_form_of_a_name_is_the_same_image(line: str) -> None:
    assert parse_image_names(line.encode(), "list.txt") == {ONE}
    assert parse_image_names(line.encode() + b"\r\n", "list.txt") == {ONE}


def test_a_point_in_a_name_is_no_ending() -> None:
    assert parse_image_names(b"a.b\na.c.JPEG\n", "list.txt") == {"a.b", "a.c"}


@pytest.mark.parametrize(
    ("content", "why"),
    [
        (b"", "names no image"),
        (b"# nothing\n\n", "names no image"),
        (b"n01440764_1.JPEG\nn01440764_2.JPEG n01440764_3.JPEG\n", "line 2"),
        (b"n01440764_1.JPEG tench\n", "line 1"),
        (b"../\n", "line 1"),
        (b"a" * 300, "line 1"),
        ("n01440764_1é.JPEG".encode(), "line 1"),
        (b"\x89PNG\r\n\x1a\n", "is no text"),
        (b"name\x00.JPEG", "line 1"),
    ],
)
def test_what_names_no_image_is_refused_with_its_line(content: bytes, why: str) -> None:
    with pytest.raises(UsageError, match=why) as refusal:
        parse_image_names(content, "list.txt")
    assert refusal.value.what.startswith("list.txt") and refusal.value.fix


def test_a_long_line_costs_no_time() -> None:
    with pytest.raises(UsageError):
        parse_image_names(b"a/" * 500_000 + b" " * 500_000 + b"!", "list.txt")
