"""Counts, names and digests of ImageNet stand in editions/ and nowhere else in the source.

Rules guarded: an edition is data, so a tiny ImageNet or somebody's own is another value and no patched constant. 1000
is not looked for: it is a number of many things.
"""

from __future__ import annotations

import re
from collections.abc import Iterator

import pytest

from tests.source_tree import Module, constants, modules, parse_module

COUNTS = {1_281_167, 1_331_167, 1_431_167, 1_860, 50_000, 544_546, 147_897_477_120, 6_744_924_160}
NAMES = re.compile(
    r"ILSVRC20\d\d_(img|val|test|devkit|bbox|ID)"  # archives, members, columns of the kit
    r"|\bn(?!0{8})\d{8}\b"  # a wnid; n00000000 is none
    r"|\b(?=[0-9a-f]*[a-f])[0-9a-f]{32}([0-9a-f]{8})?([0-9a-f]{24})?\b",  # a digest
)


def facts(module: Module) -> Iterator[str]:
    """Give a line for every literal that is a fact of ImageNet; docstrings may have examples."""
    if module.package == "editions":
        return
    for literal in constants(module):
        value = literal.value
        if (type(value) is int and value in COUNTS) or (isinstance(value, str) and NAMES.search(value)):
            yield f"{module.path}:{literal.lineno}: {value!r}"


@pytest.mark.parametrize("module", modules(), ids=lambda module: module.path)
def test_facts_of_imagenet_stand_in_editions_only(module: Module) -> None:
    assert list(facts(module)) == []


@pytest.mark.parametrize(
    "text",
    [
        "TRAIN = 1281167",
        "if count != 1_281_167: pass",
        "assert len(val) == 50000",
        "name = 'ILSVRC2012_img_train.tar'",
        "first = f'ILSVRC2012_val_{number:08}.JPEG'",
        "first = 'n01440764'",
        "md5 = '1d675b47d978889d74fa0da5fadfb00e'",
    ],
)
def test_a_fact_elsewhere_is_noticed(text: str) -> None:
    assert list(facts(parse_module("work/a.py", text)))


@pytest.mark.parametrize(
    "text", ['"""For example n01440764, 1 of 1,281,167."""', "limit_bytes = 1 << 20", "part = 1000"]
)
def test_examples_in_docstrings_and_other_numbers_are_let_through(text: str) -> None:
    assert list(facts(parse_module("work/a.py", text))) == []
