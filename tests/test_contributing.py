"""The format that CONTRIBUTING.md shows: a reader of the page must be able to paste it."""

from __future__ import annotations

import importlib.util
import re
from collections.abc import Iterable
from pathlib import Path
from types import ModuleType

import pytest

from kilotar.model.edition import Edition
from kilotar.model.sample import Split
from kilotar.model.seams import Collection, Written
from kilotar.model.table import Part, RowsBuilder, SampleTable
from tests.source_tree import parse_module
from tests.test_bans import RULES
from tests.test_floors import offences

PAGE = Path(__file__).resolve().parent.parent / "CONTRIBUTING.md"
EXAMPLE = re.findall(r"^```python\n(.*?)^```$", PAGE.read_text("utf-8"), flags=re.DOTALL | re.MULTILINE)[0]


class PlainFolder:
    """Publishes without any care: the least that a sink may be handed."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    def publish(self, path: str, chunks: Iterable[bytes | memoryview]) -> Written:
        file = self.folder / path
        file.parent.mkdir(parents=True, exist_ok=True)
        return Written(path, file.write_bytes(b"".join(chunks)), "")


@pytest.fixture
def sink(tmp_path: Path) -> ModuleType:
    file = tmp_path / "example.py"
    file.write_text(EXAMPLE, encoding="utf-8")
    spec = importlib.util.spec_from_file_location("example", file)
    assert spec and spec.loader
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def test_the_example_reads_what_it_writes(sink: ModuleType, tmp_path: Path) -> None:
    edition = Edition(name="two", archives=(), classes=())
    rows = RowsBuilder()
    rows.add("a.JPEG", 512, 1)
    rows.add("b.JPEG", 1536, 1)
    table = SampleTable(Split.VAL, [Part("00000", "val.tar", rows.rows(), ["n2", "n1"], [1, 0])])
    out = PlainFolder(tmp_path)

    written = sink.finish(Collection(edition, (table,), ("n1", "n2")), out, sink.Options())
    for sample in table:
        out.publish(sink.place(sample), [sample.key.encode()])

    assert [file.path for file in written] == ["val.csv"]
    assert [(row.split, row.name, row.wnid, row.label, row.read()) for row in sink.read(tmp_path, edition)] == [
        (Split.VAL, "a.JPEG", "n2", 1, b"a"),
        (Split.VAL, "b.JPEG", "n1", 0, b"b"),
    ]


def test_the_example_keeps_floors_and_rules() -> None:
    module = parse_module("sinks/csv.py", EXAMPLE)

    assert [*offences(module), *(line for rule in RULES for line in rule(module))] == []
