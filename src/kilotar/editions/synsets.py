"""The classes of an edition and the hierarchy above them, out of a table of text or out of TOML.

Rules guarded: a wnid and a number stand once; every parent is known; nothing is its own ancestor; a class is a synset
that is nobody's parent; classes are numbered 1 to n; a label is the rank of a class among all classes sorted by wnid.

The table is text with tabs: a line of column names, then one synset a line; parents are separated by spaces.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass
from graphlib import CycleError, TopologicalSorter

from kilotar.editions.fields import Fields, refuse
from kilotar.errors import EditionRefused
from kilotar.model.edition import Synset
from kilotar.model.lines import strict_lines

__all__ = ["WNID", "Hierarchy", "parse_classes", "parse_synsets"]

WNID = r"n\d{8}"
_WNID = re.compile(WNID, re.ASCII)
_NUMBER = re.compile(r"0|[1-9]\d{0,9}", re.ASCII)
_COLUMNS = "wnid\tilsvrc_id\twords\tgloss\tparents\ttrain_images"


@dataclass(frozen=True, slots=True)
class Hierarchy:
    """The classes sorted by wnid, and the other synsets by ilsvrc_id."""

    classes: tuple[Synset, ...]
    internal: tuple[Synset, ...]


def parse_synsets(data: bytes, where: str) -> Hierarchy:
    """Give the synsets of a table. Raises: EditionRefused, naming the line."""
    lines = strict_lines(data, where, EditionRefused, encoding="utf-8")
    if not lines or lines[0] != _COLUMNS:
        refuse(f"{where}, line 1", f"must be the columns {_COLUMNS.split()}", lines[0] if lines else "nothing")
    return _arrange([_parse_line(line, f"{where}, line {number}") for number, line in enumerate(lines[1:], 2)], where)


def parse_classes(tables: Iterable[Fields], where: str) -> Hierarchy:
    """Give the synsets of inline tables; only `wnid` is needed, numbers then follow the order of the wnids."""
    drafts = []
    for table in tables:
        draft = Synset(
            wnid=table.text("wnid", pattern=WNID),
            ilsvrc_id=table.number("ilsvrc_id", least=1) if table.has("ilsvrc_id") else 0,
            words=table.text("words", "") or table.text("wnid"),
            gloss=table.text("gloss", ""),
            parents=table.texts("parents"),
            train_images=table.number("train_images") if table.has("train_images") else 0,
        )
        table.end()
        drafts.append(draft)
    unnumbered = [draft for draft in drafts if not draft.ilsvrc_id]
    if unnumbered and len(unnumbered) != len(drafts):
        refuse(f"{where}, classes", "either all have an ilsvrc_id or none", unnumbered[0].wnid)
    return _arrange(_number(drafts) if unnumbered else drafts, where)


def _number(drafts: list[Synset]) -> list[Synset]:
    used = {parent for draft in drafts for parent in draft.parents}
    ranked = sorted(drafts, key=lambda draft: (draft.wnid in used, draft.wnid))
    return [_with(draft, number, draft.label) for number, draft in enumerate(ranked, 1)]


def _parse_line(line: str, where: str) -> Synset:
    cells = line.split("\t")
    if len(cells) != 6:
        refuse(where, "must have 6 cells", line[:80])
    wnid, number, words, gloss, parents, images = cells
    if not _WNID.fullmatch(wnid):
        refuse(where, "the wnid must be n and eight digits", wnid)
    if not _NUMBER.fullmatch(number) or not _NUMBER.fullmatch(images):
        refuse(where, "ilsvrc_id and train_images must be plain numbers", (number, images))
    if not words or not words.isprintable() or not gloss.isprintable():
        refuse(where, "words and gloss must be printable", words)
    return Synset(wnid, int(number), words, gloss, tuple(parents.split(" ")) if parents else (), -1, int(images))


def _arrange(drafts: list[Synset], where: str) -> Hierarchy:
    _check_links(drafts, where)
    used = {parent for draft in drafts for parent in draft.parents}
    leaves = sorted((draft for draft in drafts if draft.wnid not in used), key=lambda draft: draft.wnid)
    internal = sorted((draft for draft in drafts if draft.wnid in used), key=lambda draft: draft.ilsvrc_id)
    if sorted(leaf.ilsvrc_id for leaf in leaves) != list(range(1, len(leaves) + 1)):
        refuse(
            f"{where}, classes", f"the ilsvrc_ids of the {len(leaves)} classes must be 1 to {len(leaves)}, each once"
        )
    return Hierarchy(
        tuple(_with(leaf, leaf.ilsvrc_id, label) for label, leaf in enumerate(leaves)),
        tuple(internal),
    )


def _with(draft: Synset, ilsvrc_id: int, label: int) -> Synset:
    return Synset(draft.wnid, ilsvrc_id, draft.words, draft.gloss, draft.parents, label, draft.train_images)


def _check_links(drafts: list[Synset], where: str) -> None:
    if not drafts:
        refuse(f"{where}, classes", "there is none")
    known: dict[str, Synset] = {}
    numbers: set[int] = set()
    for draft in drafts:
        if draft.wnid in known or draft.ilsvrc_id in numbers:
            refuse(f"{where}, {draft.wnid}", "its wnid or ilsvrc_id stands twice", draft.ilsvrc_id)
        known[draft.wnid] = draft
        numbers.add(draft.ilsvrc_id)
    for draft in drafts:
        for parent in draft.parents:
            if parent not in known:
                refuse(f"{where}, {draft.wnid}", "has a parent that is not in the table", parent)
    try:
        TopologicalSorter({draft.wnid: draft.parents for draft in drafts}).prepare()
    except CycleError as error:
        refuse(f"{where}, {error.args[1][0]}", "is its own ancestor", error.args[1][:6])
