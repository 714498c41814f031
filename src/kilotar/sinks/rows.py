"""Samples and classes in the orders that files of a format list them in, and files as chunks.

Rules guarded: nothing of the length of a split is held as one string; at most one class of `by_class`, or the names of
a flat archive, are sorted at a time; the label of an output is the rank among the classes it holds.

Two meanings of "label" exist where only some classes were chosen: the edition's (0 to 999), and the rank among the
chosen wnids, which every reader computes that sorts the class folders it finds. Outputs carry the rank, so that a
list and a tree of the same choice agree; `read` of a sink gives the rank too, and the edition's label is
`edition.label_of(row.wnid)`. Where all classes are chosen the two are equal.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator
from itertools import islice
from typing import NamedTuple

from kilotar.model.seams import Collection
from kilotar.model.table import Part, SampleTable

__all__ = ["Entry", "by_class", "by_name", "chunks", "class_names", "rank", "text"]

_PIECES_A_CHUNK = 4096


class Entry(NamedTuple):
    """An image as a list names it."""

    wnid: str
    name: str


def rank(wnids: Iterable[str]) -> dict[str, int]:
    """Give each wnid its place among the sorted ones, from 0: the label of an output that holds these classes."""
    return {wnid: place for place, wnid in enumerate(sorted(set(wnids)))}


def class_names(collection: Collection) -> list[str]:
    """Give the words of each class by its label, numbered from the second of equal ones on: "crane", "crane2"."""
    seen: Counter[str] = Counter()
    names = []
    for wnid in collection.classes:
        words = collection.edition.by_wnid[wnid].words
        seen[words] += 1
        names.append(words if seen[words] == 1 else f"{words}{seen[words]}")
    return names


def by_class(table: SampleTable) -> Iterator[Entry]:
    """Give the images by wnid, then by name, both as text: the order of torchvision's ImageFolder.

    Source: facebookresearch/dinov2 and pytorch/vision sort folders and file names as strings.
    """
    whole: dict[str, list[Part]] = {}
    mixed: dict[str, list[str]] = {}
    for part in table.parts:
        if len(part.wnids) == 1:
            whole.setdefault(part.wnids[0], []).append(part)
        else:
            for row in range(len(part)):
                mixed.setdefault(part.wnid(row), []).append(part.rows.name(row))
    for wnid in sorted(whole.keys() | mixed.keys()):
        names = [part.rows.name(row) for part in whole.get(wnid, ()) for row in range(len(part))]
        for name in sorted(names + mixed.get(wnid, [])):
            yield Entry(wnid, name)


def by_name(table: SampleTable) -> Iterator[Entry]:
    """Give the images by file name as text; published val and test names are zero-padded, so that is by number."""
    named = [Entry(part.wnid(row), part.rows.name(row)) for part in table.parts for row in range(len(part))]
    yield from sorted(named, key=lambda entry: entry.name)


def chunks(pieces: Iterable[bytes]) -> Iterator[bytes]:
    """Join many small pieces into fewer larger ones, without holding them all."""
    left = iter(pieces)
    while batch := list(islice(left, _PIECES_A_CHUNK)):
        yield b"".join(batch)


def text(lines: Iterable[str]) -> Iterator[bytes]:
    """Give lines, each with its own line end, as chunks of UTF-8."""
    return chunks(line.encode("utf-8") for line in lines)
