"""The choices of a format are read from words."""

from __future__ import annotations

import pytest

from kilotar.errors import UsageError
from kilotar.sinks.base import find_sink
from kilotar.sinks.options import parse_options


def test_options_are_read_from_words() -> None:
    assert parse_options(find_sink("cls-loc"), (("kaggle", "Yes"),)) == find_sink("cls-loc").Options(kaggle=True)
    assert parse_options(find_sink("cls-loc"), ()) == find_sink("cls-loc").Options()


def test_an_option_the_format_has_not_is_refused_with_those_it_has() -> None:
    with pytest.raises(UsageError, match="no option 'kagle'") as refusal:
        parse_options(find_sink("cls-loc"), (("kagle", "yes"),))
    assert "kaggle" in refusal.value.seen


def test_an_option_that_is_neither_yes_nor_no_is_refused() -> None:
    with pytest.raises(UsageError, match="yes or no"):
        parse_options(find_sink("cls-loc"), (("kaggle", "perhaps"),))
