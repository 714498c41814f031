"""DINOv2's tables, parsed by hand here and by NumPy in tests/interop."""

from __future__ import annotations

import ast
import struct
from pathlib import Path

import pytest

from kilotar.errors import LayoutRefused
from kilotar.model.sample import Split
from kilotar.model.table import Part, RowsBuilder, SampleTable
from kilotar.sinks import lists
from kilotar.sinks.npy import npy_texts
from tests.doubles.collections import make_small
from tests.doubles.folders import PlainFolder, lay


def parsed(data: bytes) -> tuple[dict[str, object], bytes]:
    """Split an .npy file into its header and its rows."""
    assert data[:8] == b"\x93NUMPY\x01\x00"
    (length,) = struct.unpack("<H", data[8:10])
    assert (10 + length) % 64 == 0 and data[9 + length : 10 + length] == b"\n"
    return ast.literal_eval(data[10 : 10 + length].decode("ascii")), data[10 + length :]


def test_entries_come_in_the_order_of_imagefolder_with_fixed_widths_complaint_36(tmp_path: Path) -> None:
    lay(lists, make_small(), tmp_path)
    header, rows = parsed((tmp_path / "dinov2/extra/entries-VAL.npy").read_bytes())
    name_width = len("American Staffordshire terrier")
    assert header == {
        "descr": [
            ("actual_index", "<u4"),
            ("class_index", "<u4"),
            ("class_id", "<U9"),
            ("class_name", f"<U{name_width}"),
        ],
        "fortran_order": False,
        "shape": (7,),
    }
    size = 8 + 4 * 9 + 4 * name_width
    assert len(rows) == 7 * size
    labels = make_small().collection.edition.val_labels
    order = sorted(range(1, 8), key=lambda number: (labels[number - 1], number))
    for place, number in enumerate(order):
        row = rows[place * size : (place + 1) * size]
        assert struct.unpack("<II", row[:8]) == (number, labels[number - 1])
    assert rows[8:44].decode("utf-32-le") == "n01440764"
    assert rows[44:size].decode("utf-32-le").rstrip("\0") == "tench"


def test_test_images_have_the_last_index_and_no_text(tmp_path: Path) -> None:
    lay(lists, make_small(), tmp_path)
    header, rows = parsed((tmp_path / "dinov2/extra/entries-TEST.npy").read_bytes())
    assert header["shape"] == (3,)
    assert list(struct.iter_unpack("<II", rows)) == [(number, 2**32 - 1) for number in range(1, 4)]


def test_arrays_of_text_are_padded_to_the_longest() -> None:
    header, rows = parsed(b"".join(npy_texts(["a", "über", ""])))
    assert header["descr"] == "<U4" and header["shape"] == (3,)
    assert rows.decode("utf-32-le") == "a\0\0\0über\0\0\0\0"


@pytest.mark.parametrize("name", ["picture.JPEG", "n1_x7.JPEG", "n1_99999999999.JPEG", "n1_.JPEG"])
def test_a_name_without_a_number_is_refused_with_the_way_out(name: str, tmp_path: Path) -> None:
    rows = RowsBuilder()
    rows.add(name, 0, 1)
    table = SampleTable(Split.TRAIN, [Part("n01440764", "a.tar", rows.rows(), ["n01440764"], [0])])
    small = make_small().with_tables(lambda old: table if old.split == Split.TRAIN else None)
    with pytest.raises(LayoutRefused, match="need a number") as refusal:
        lists.finish(small.collection, PlainFolder(tmp_path), lists.Options())
    assert refusal.value.fix == "--option lists.dinov2=no"
    lists.finish(small.collection, PlainFolder(tmp_path), lists.Options(dinov2=False))
