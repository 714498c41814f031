"""The tables that DINOv2's ImageNet data set wants beside the class folders.

::

    labels.txt                              two columns, wnid and name; line i is class i
    extra/entries-{TRAIN,VAL,TEST}.npy      a row for each image, in the order of ImageFolder
    extra/class-ids-{TRAIN,VAL}.npy         extra/class-names-{TRAIN,VAL}.npy

Rules guarded: a name is the first of a class's words, which keeps a row of entries at some 160 bytes; names repeat
(crane, maillot), so the class is told by its wnid and its index alone. Test has no labels: class 2^32 - 1, no text.
DINOv2 asserts the full sizes of the splits, so tables of a choice of classes serve its forks only.
Source: facebookresearch/dinov2 dinov2/data/datasets/image_net.py.
"""

from __future__ import annotations

import csv
import io
import struct
from collections.abc import Iterable, Iterator, Sequence

from kilotar.errors import LayoutRefused
from kilotar.model.edition import Edition
from kilotar.model.sample import Split, key_of
from kilotar.model.seams import Collection
from kilotar.model.table import SampleTable
from kilotar.sinks.npy import fixed_text, npy, npy_texts
from kilotar.sinks.rows import Entry, by_class, by_name, rank, text

__all__ = ["dinov2_files"]

_NO_CLASS = 2**32 - 1
_Named = Sequence[tuple[str, str]]


def dinov2_files(collection: Collection) -> Iterator[tuple[str, Iterable[bytes]]]:
    """Give (path, chunks) of each table, paths below DINOv2's own folder.

    Raises: LayoutRefused, while the chunks are taken, for an image without a number at the end of its name.
    """
    named = _named(collection.edition, collection.classes)
    yield "labels.txt", text(_csv_line(row) for row in named)
    for table in collection.tables:
        classes = () if table.split == Split.TEST else named
        yield f"extra/entries-{table.split.upper()}.npy", _entries(table, classes)
        if classes:
            yield f"extra/class-ids-{table.split.upper()}.npy", npy_texts([wnid for wnid, _ in named])
            yield f"extra/class-names-{table.split.upper()}.npy", npy_texts([name for _, name in named])


def _named(edition: Edition, wnids: Iterable[str]) -> _Named:
    return [(wnid, edition.by_wnid[wnid].lemmas[0]) for wnid in wnids]


def _csv_line(row: tuple[str, str]) -> str:
    line = io.StringIO()
    csv.writer(line, lineterminator="\n").writerow(row)
    return line.getvalue()


def _entries(table: SampleTable, classes: _Named) -> Iterator[bytes]:
    id_width = max((len(wnid) for wnid, _ in classes), default=0)
    name_width = max((len(name) for _, name in classes), default=0)
    places = rank(wnid for wnid, _ in classes)
    tails = {
        wnid: struct.pack("<I", places.get(wnid, _NO_CLASS)) + fixed_text(wnid, id_width) + fixed_text(name, name_width)
        for wnid, name in (*classes, ("", ""))
    }
    dtype = [
        ("actual_index", "<u4"),
        ("class_index", "<u4"),
        ("class_id", f"<U{id_width}"),
        ("class_name", f"<U{name_width}"),
    ]
    entries = by_name(table) if table.split == Split.TEST else by_class(table)
    return npy(dtype, len(table), (_number(entry) + tails[entry.wnid] for entry in entries))


def _number(entry: Entry) -> bytes:
    """Give the number at the end of an image's name, from which DINOv2 makes the name again."""
    digits = key_of(entry.name).rpartition("_")[2]
    if not (digits.isascii() and digits.isdigit() and len(digits) < 10):
        raise LayoutRefused(
            f"DINOv2's tables need a number at the end of every name, and {entry.name!r} has none",
            seen=f"class {entry.wnid or '-'}",
            fix="--option lists.dinov2=no",
        )
    return struct.pack("<I", int(digits))
