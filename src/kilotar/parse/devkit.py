"""A development kit as a value, checked in itself, and compared with an edition line by line.

Rules guarded: classes are numbered 1 to n, each once; a wnid stands once; every number of the ground truth is one of a
class; two tables of one kit agree. A kit that contradicts itself is refused; one that contradicts the edition is
reported, line by line, and never believed instead.
Source of the fields: ILSVRC2012_devkit_t12 readme.txt; meta_clsloc.mat of 2015.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import NoReturn

from kilotar.errors import LabelsRefused
from kilotar.events import Finding
from kilotar.model.edition import Edition, Synset
from kilotar.parse.truth import MapRow

__all__ = ["Kit", "KitClass", "MetaTable", "check_same_classes", "compare_kit", "parse_meta"]

MetaTable = Mapping[str, object]
_WNID = re.compile(r"n[0-9]{8}", re.ASCII)
_ID_FIELD = re.compile(r"ILSVRC20[0-9]{2}_(?:CLSLOC_)?ID", re.ASCII)
_FIX = "get the development kit again; the built-in labels need no such file"


@dataclass(frozen=True, slots=True)
class KitClass:
    """One row of a kit's table; `train_images` is -1 and `gloss` "" where the table has none."""

    ilsvrc_id: int
    wnid: str
    words: str
    gloss: str = ""
    train_images: int = -1
    children: tuple[int, ...] = ()


@dataclass(frozen=True, slots=True)
class Kit:
    """What a development kit says.

    Attributes:
        classes:     the leaves, so that `classes[ilsvrc_id - 1]` is the class of a number.
        internal:    the synsets above them, rising by number; kits after 2012 have none.
        val_ilsvrc_ids: of each validation image, by its number.
        blacklist:   numbers of validation images left out of the localization score.
        table_file, truth_file: names of the files, for findings.
    """

    classes: tuple[KitClass, ...]
    internal: tuple[KitClass, ...]
    val_ilsvrc_ids: tuple[int, ...]
    blacklist: tuple[int, ...] = ()
    table_file: str = ""
    truth_file: str = ""


def parse_meta(table: MetaTable, where: str) -> tuple[tuple[KitClass, ...], tuple[KitClass, ...]]:
    """Give classes and internal synsets of the table `synsets` of meta.mat or meta_clsloc.mat.

    Args:
        table: columns by field name; a column is a list, or one value where there is one row.
    Raises: LabelsRefused, naming row and field.
    """
    ids = [name for name in table if _ID_FIELD.fullmatch(name)]
    if len(ids) != 1:
        _refuse(where, "must have one column ILSVRC20XX_ID or ILSVRC20XX_CLSLOC_ID", sorted(table))
    numbers = _column(table, where, ids[0])
    columns = {
        "wnid": _column(table, where, "WNID"),
        "words": _column(table, where, "words", "name"),
        "gloss": _column(table, where, "gloss", "description"),
        "train": _column(table, where, "num_train_images"),
    }
    children = _column(table, where, "children") if "children" in table else [[] for _ in numbers]
    for name, column in (*columns.items(), ("children", children)):
        if len(column) != len(numbers):
            _refuse(where, f"the column {name} has {len(column)} rows", f"expected {len(numbers)}")
    rows = [
        KitClass(
            _whole(number, f"{where}, row {at}, {ids[0]}"),
            _text(columns["wnid"][at - 1], f"{where}, row {at}, WNID"),
            _text(columns["words"][at - 1], f"{where}, row {at}, words"),
            _text(columns["gloss"][at - 1], f"{where}, row {at}, gloss"),
            _whole(columns["train"][at - 1], f"{where}, row {at}, num_train_images"),
            _wholes(children[at - 1], f"{where}, row {at}, children"),
        )
        for at, number in enumerate(numbers, 1)
    ]
    if "num_children" in table:
        _check_counts(_column(table, where, "num_children"), rows, where)
    return _arrange(rows, where)


def check_same_classes(classes: Sequence[KitClass], rows: Sequence[MapRow], where: str) -> None:
    """Refuse a map_clsloc.txt that does not agree with the kit's own table. Raises: LabelsRefused, naming the class."""
    if len(classes) != len(rows):
        _refuse(where, f"has {len(rows)} classes", f"the table of the kit has {len(classes)}")
    for each, row in zip(classes, rows, strict=True):
        if each.wnid != row.wnid:
            _refuse(where, f"number {row.ilsvrc_id} is {row.wnid}", f"the table of the kit says {each.wnid}")


def compare_kit(kit: Kit, edition: Edition) -> tuple[Finding, ...]:
    """Give one finding for each line of the kit that does not agree with the edition; () where all agree."""
    return (*_compare_classes(kit, edition), *_compare_children(kit, edition), *_compare_truth(kit, edition))


def _compare_classes(kit: Kit, edition: Edition) -> Iterator[Finding]:
    published = {synset.ilsvrc_id: synset for synset in edition.by_wnid.values()}
    rows = (*kit.classes, *kit.internal)
    if len(kit.classes) != len(edition.classes):
        why = f"expected {len(edition.classes)} classes of {edition.name}, found {len(kit.classes)}"
        yield Finding("label", kit.table_file, why)
    for each in rows:
        where = f"{kit.table_file}, number {each.ilsvrc_id}"
        synset = published.get(each.ilsvrc_id)
        if synset is None:
            yield Finding("label", where, f"expected no such number, found {each.wnid}")
            continue
        for name, expected, found in _differences(each, synset):
            yield Finding("label", where, f"{name}: expected {expected!r}, found {found!r}")


def _differences(each: KitClass, synset: Synset) -> Iterator[tuple[str, object, object]]:
    if each.wnid != synset.wnid:
        yield "wnid", synset.wnid, each.wnid
        return
    if each.words.replace("_", " ") not in (synset.words, synset.lemmas[0]):
        yield "words", synset.words, each.words
    if each.gloss and each.gloss != synset.gloss:
        yield "gloss", synset.gloss, each.gloss
    if each.train_images not in (-1, synset.train_images):
        yield "train images", synset.train_images, each.train_images


def _compare_children(kit: Kit, edition: Edition) -> Iterator[Finding]:
    """Compare who stands below whom, where the kit has the whole hierarchy."""
    expected: dict[str, set[str]] = {}
    for synset in edition.by_wnid.values():
        for parent in synset.parents:
            expected.setdefault(parent, set()).add(synset.wnid)
    wnid_of = {each.ilsvrc_id: each.wnid for each in (*kit.classes, *kit.internal)}
    for each in kit.internal:
        found = {wnid_of[child] for child in each.children}
        for wnid in sorted(found ^ expected.get(each.wnid, set())):
            why = f"children: {wnid} {'not expected' if wnid in found else 'expected, not found'}"
            yield Finding("label", f"{kit.table_file}, number {each.ilsvrc_id}", why)


def _compare_truth(kit: Kit, edition: Edition) -> Iterator[Finding]:
    expected = [edition.classes[label].ilsvrc_id for label in edition.val_labels]
    found = kit.val_ilsvrc_ids
    if len(expected) != len(found):
        yield Finding("label", kit.truth_file, f"expected {len(expected)} lines, found {len(found)}")
    differing = [at for at, pair in enumerate(zip(expected, found, strict=False)) if pair[0] != pair[1]]
    if differing and _is_sorted_order(found, edition):
        why = "expected numbers of the development kit, found labels in sorted-wnid order, counted from 1"
        yield Finding("label", kit.truth_file, why)
    for at in differing:
        yield Finding("label", f"{kit.truth_file}, line {at + 1}", f"expected {expected[at]}, found {found[at]}")


def _is_sorted_order(found: Sequence[int], edition: Edition) -> bool:
    return tuple(number - 1 for number in found) == edition.val_labels


def _arrange(rows: list[KitClass], where: str) -> tuple[tuple[KitClass, ...], tuple[KitClass, ...]]:
    numbers = {row.ilsvrc_id for row in rows}
    if len(numbers) != len(rows) or len({row.wnid for row in rows}) != len(rows):
        _refuse(where, "a number or wnid stands twice")
    for row in rows:
        if not _WNID.fullmatch(row.wnid):
            _refuse(f"{where}, number {row.ilsvrc_id}", "its WNID must be n and eight digits", row.wnid)
        if not numbers.issuperset(row.children):
            _refuse(f"{where}, number {row.ilsvrc_id}", "has a child that is not in the table", row.children)
    rows.sort(key=lambda row: row.ilsvrc_id)
    classes = tuple(row for row in rows if not row.children)
    if [row.ilsvrc_id for row in classes] != list(range(1, len(classes) + 1)):
        _refuse(where, f"the numbers of its {len(classes)} classes must be 1 to {len(classes)}, each once")
    return classes, tuple(row for row in rows if row.children)


def _check_counts(counts: Sequence[object], rows: Sequence[KitClass], where: str) -> None:
    if len(counts) != len(rows):
        _refuse(where, f"the column num_children has {len(counts)} rows", f"expected {len(rows)}")
    for at, (count, row) in enumerate(zip(counts, rows, strict=True), 1):
        if count != len(row.children):
            _refuse(f"{where}, row {at}, num_children", f"{count}, but {len(row.children)} are listed")


def _column(table: MetaTable, where: str, *names: str) -> list[object]:
    present = [table[name] for name in names if name in table]
    if not present:
        _refuse(where, f"has no column {' or '.join(names)}", sorted(table))
    return present[0] if isinstance(present[0], list) else [present[0]]


def _whole(value: object, where: str) -> int:
    if not isinstance(value, (int, float)) or not 0 <= value < 1 << 31 or value != int(value):
        _refuse(where, "must be a whole number", value)
    return int(value)


def _wholes(value: object, where: str) -> tuple[int, ...]:
    values = value if isinstance(value, list) else [value]
    return tuple(_whole(each, where) for each in values)


def _text(value: object, where: str) -> str:
    if not isinstance(value, str) or not value.isprintable():
        _refuse(where, "must be a line of text", value)
    return value


def _refuse(where: str, why: str, seen: object = "") -> NoReturn:
    raise LabelsRefused(f"{where}: {why}", seen=str(seen)[:200], fix=_FIX)
