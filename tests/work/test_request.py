"""Rule: a wish that cannot be carried out is refused with the word that is wrong, before anything is looked at."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from kilotar.errors import UsageError
from kilotar.work.request import MOST_THREADS, Request

ROOT = Path("/nowhere/root")
NO_TEXT = Path(os.fsdecode(b"/nowhere/\xff"))


@pytest.mark.parametrize(
    ("wish", "words"),
    [
        ({"formats": ()}, "no format"),
        ({"formats": ("imagefolder", "lists"), "out": Path("/x")}, "one format at a time"),
        ({"link": "hard"}, "auto or never"),
        ({"jobs": -1}, "cannot be -1"),
        ({"splits": ("train", "trian")}, "no split 'trian'"),
        ({"root": NO_TEXT}, "not UTF-8"),
        ({"source": NO_TEXT}, "not UTF-8"),
        ({"out": NO_TEXT}, "not UTF-8"),
    ],
)
def test_a_wrong_word_is_named(wish: dict[str, object], words: str) -> None:
    with pytest.raises(UsageError, match=words):
        Request(**{"root": ROOT, **wish})  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("asked", "given"),
    [((), ["train", "val"]), (("test", "train"), ["train", "test"]), (("val", "val"), ["val"])],
)
def test_splits_come_once_each_in_their_order(asked: tuple[str, ...], given: list[str]) -> None:
    assert list(Request(ROOT, splits=asked).chosen_splits) == given


def test_the_options_of_a_format_are_its_own_sorted() -> None:
    options = (("cls-loc", "kaggle", "yes"), ("lists", "b", "no"), ("lists", "a", "yes"))

    assert Request(ROOT, options=options).options_of("lists") == (("a", "yes"), ("b", "no"))


def test_as_many_threads_as_asked_or_as_help() -> None:
    assert Request(ROOT, jobs=7).threads == 7
    assert 1 <= Request(ROOT).threads <= MOST_THREADS
