"""What was seen encloses what was not."""

from __future__ import annotations

from kilotar.parse.glimpse import Mark
from kilotar.plan.sightings import Sightings

SIZE = 100_000


def image(at: int) -> Mark:
    return Mark(at, "", False, at + 700, at + 1024)


def outer(at: int, size_bytes: int = 10_000) -> Mark:
    return Mark(at, "", True, at + 512 + size_bytes, at + 512)


def test_without_a_sighting_the_counts_tell_where() -> None:
    bracket = Sightings(SIZE, [1, 3, 6]).bracket(2)
    assert (bracket.start, bracket.stop, bracket.guess, bracket.below) == (0, SIZE, 40_000, -1)


def test_sightings_on_both_sides_enclose_a_class() -> None:
    sightings = Sightings(SIZE, [1] * 10)
    assert sightings.add(image(10_240), 1) and sightings.add(image(51_200), 4)
    bracket = sightings.bracket(3)
    assert (bracket.start, bracket.stop, bracket.below, bracket.is_inside) == (11_264, 51_200, 1, False)
    assert bracket.guess == 11_264 + (51_200 - 11_264) // 2  # from the middle of 1 to the middle of 4


def test_between_a_class_and_the_next_the_guess_leans_to_the_wanted_one() -> None:
    sightings = Sightings(SIZE, [1] * 10)
    assert sightings.add(image(10_240), 2) and sightings.add(image(51_200), 3)
    bracket = sightings.bracket(3)
    assert bracket.is_inside and (bracket.start + bracket.stop) / 2 < bracket.guess < bracket.stop


def test_a_known_class_tar_ends_where_its_header_says() -> None:
    sightings = Sightings(SIZE, [1] * 10)
    assert sightings.add(outer(1024), 1) and sightings.add(image(5120), 1)
    assert sightings.bracket(2).start == 1024 + 512 + 10_000 + 240
    assert sightings.bracket(1).stop == 1024


def test_what_does_not_ascend_is_not_taken() -> None:
    sightings = Sightings(SIZE, [1] * 10)
    assert sightings.add(image(10_240), 4)
    assert not sightings.add(image(20_480), 3)
    assert not sightings.add(image(5120), 5)
    assert not sightings.add(outer(20_480), 4)  # its tar would begin behind its image
    assert sightings.add(outer(5120), 4) and sightings.add(outer(5120), 4)
    assert not sightings.add(outer(5120), 5)
    assert not sightings.add(image(1024), 4)  # it would lie before its tar
    assert sightings.add(image(20_480), 4)
