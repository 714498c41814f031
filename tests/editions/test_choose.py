"""Classes found and chosen by what a person knows of them."""

from __future__ import annotations

import pytest

from kilotar.editions import load_edition
from kilotar.editions.choose import choose_classes, find_classes, find_subset
from kilotar.errors import UsageError
from tests.budget import budget

EDITION = load_edition("ilsvrc2012")


def no_file(path: str) -> tuple[str, ...]:
    raise AssertionError(f"{path} must not be read")


def choose(*words: str) -> tuple[str, ...]:
    return choose_classes(EDITION, words, no_file)


@pytest.mark.parametrize(
    ("query", "wnids"),
    [
        ("n01440764", ["n01440764"]),
        ("N01440764", ["n01440764"]),
        ("tench", ["n01440764"]),
        ("Tinca TINCA", ["n01440764"]),
        ("crane", ["n02012849", "n03126707"]),
        ("corn dog", []),
        ("zebr", ["n02391049"]),
        ("no such thing", []),
        ("(", []),
    ],
)
def test_classes_are_found(query: str, wnids: list[str]) -> None:
    found = [synset.wnid for synset in find_classes(EDITION, query)]
    assert found == wnids


def test_a_number_finds_the_label_and_the_kit_number() -> None:
    found = find_classes(EDITION, "449")
    assert {(synset.label == 449, synset.ilsvrc_id == 449) for synset in found} == {(True, False), (False, True)}


def test_a_parent_finds_all_that_stand_below_it() -> None:
    assert len(find_classes(EDITION, "dog")) == 118
    assert find_classes(EDITION, "dog") == find_classes(EDITION, "n02084071")
    assert len(find_classes(EDITION, "entity")) == 1000


def test_nothing_asked_finds_everything() -> None:
    assert find_classes(EDITION, " ") == EDITION.classes


def test_choices_are_sorted_and_hold_a_class_once() -> None:
    assert choose("zebra", "tench", "n01440764") == ("n01440764", "n02391049")
    assert len(choose("dog", "Chihuahua", "n02085620")) == 118


def test_no_word_chooses_every_class() -> None:
    assert len(choose()) == 1000


def test_a_subset_is_chosen_by_name() -> None:
    subset = find_subset(EDITION, "imagenette")
    assert subset and choose("imagenette") == subset.wnids
    assert find_subset(EDITION, "imagenet") is None


@pytest.mark.parametrize("word", ["@mine", "mine.txt", "./mine"])
def test_a_file_of_wnids_is_read(word: str) -> None:
    read: list[str] = []

    def read_wnids(path: str) -> tuple[str, ...]:
        read.append(path)
        return ("n02391049", "n01440764")

    assert choose_classes(EDITION, (word,), read_wnids) == ("n01440764", "n02391049")
    assert read == [word.removeprefix("@")]


@pytest.mark.parametrize(
    ("word", "told"),
    [
        ("crane", "n02012849"),
        ("doog", "did you mean dog"),
        ("imagenete", "imagenette"),
        ("n01440765", "n01440764"),
        ("", "kilotar classes"),
        ("x" * 100_000, "kilotar classes"),
        ("\x1b[2J", "kilotar classes"),
    ],
)
def test_ambiguous_and_unknown_words_are_refused_with_what_is_near(word: str, told: str) -> None:
    with budget(5.0), pytest.raises(UsageError) as caught:
        choose(word)
    assert told in " ".join(caught.value.lines())
    assert "\x1b" not in " ".join(caught.value.lines())


def test_an_unknown_wnid_in_a_file_names_the_file() -> None:
    with pytest.raises(UsageError) as caught:
        choose_classes(EDITION, ("@mine",), lambda path: ("n00000000",))
    assert "mine" in caught.value.seen
