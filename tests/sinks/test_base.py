"""Formats are found by looking into one folder."""

from __future__ import annotations

from pathlib import Path

import pytest

import kilotar.sinks
from kilotar.errors import UsageError
from kilotar.sinks.base import find_sink, find_sinks


def test_the_four_formats_are_found_sorted_by_name() -> None:
    names = [sink.ABOUT.name for sink in find_sinks()]
    assert names == sorted(names)
    assert {"cls-loc", "imagefolder", "lists", "torchvision"} <= set(names)


def test_every_module_of_the_folder_with_an_about_is_found_and_no_other() -> None:
    folder = Path(kilotar.sinks.__file__).parent
    formats = [path for path in folder.glob("*.py") if "\nABOUT = " in path.read_text()]
    assert len(find_sinks()) == len(formats) < len(list(folder.glob("*.py")))


def test_every_format_is_found_by_its_name() -> None:
    assert find_sink("cls-loc").ABOUT.folder == "ILSVRC2015"
    assert all(find_sink(sink.ABOUT.name) is sink for sink in find_sinks())


@pytest.mark.parametrize(
    ("typed", "meant"),
    [("imagefolders", "imagefolder"), ("clsloc", "cls-loc"), ("torch-vision", "torchvision"), ("cls_loc", "cls-loc")],
)
def test_an_unknown_name_is_answered_with_the_near_ones(typed: str, meant: str) -> None:
    with pytest.raises(UsageError, match="there is no format") as refusal:
        find_sink(typed)
    assert refusal.value.fix.startswith(f"did you mean {meant}")


def test_a_name_near_to_none_is_answered_with_all() -> None:
    with pytest.raises(UsageError) as refusal:
        find_sink("zzzzzz")
    assert all(sink.ABOUT.name in refusal.value.fix for sink in find_sinks())
