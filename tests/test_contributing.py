"""The format that CONTRIBUTING.md shows: a reader of the page must be able to paste it."""

from __future__ import annotations

import importlib.util
import re
from pathlib import Path
from typing import cast

import pytest

from kilotar.sinks.base import Sink
from tests.contract import test_sinks as contract
from tests.source_tree import parse_module
from tests.test_bans import RULES
from tests.test_floors import offences

PAGE = Path(__file__).resolve().parent.parent / "CONTRIBUTING.md"
EXAMPLE = re.findall(r"^```python\n(.*?)^```$", PAGE.read_text("utf-8"), flags=re.DOTALL | re.MULTILINE)[0]


@pytest.fixture
def sink(tmp_path_factory: pytest.TempPathFactory) -> Sink:
    file = tmp_path_factory.mktemp("example") / "csv_example.py"
    file.write_text(EXAMPLE, encoding="utf-8")
    spec = importlib.util.spec_from_file_location("csv_example", file)
    assert spec and spec.loader
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return cast(Sink, module)


@pytest.mark.parametrize(
    "clause",
    [
        contract.test_its_own_reader_finds_every_sample_once_with_wnid_label_and_bytes,
        contract.test_a_choice_of_classes_is_labelled_by_rank_and_leaves_no_trace_of_the_others,
        contract.test_the_same_input_gives_the_same_bytes,
        contract.test_the_order_of_members_in_the_archive_does_not_show,
        contract.test_what_it_says_it_wrote_is_what_lies_there,
        contract.test_paths_are_relative_and_stay_below_the_folder,
    ],
    ids=lambda clause: clause.__name__,
)
def test_the_example_keeps_the_contract_of_formats(clause: object, sink: Sink, tmp_path: Path) -> None:
    clause((sink, sink.Options()), tmp_path)  # type: ignore[operator]


def test_the_example_keeps_floors_and_rules() -> None:
    module = parse_module("sinks/csv.py", EXAMPLE)

    assert [*offences(module), *(line for rule in RULES for line in rule(module))] == []
