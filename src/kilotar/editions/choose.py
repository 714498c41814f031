"""Find classes by what a person knows of them, and choose the classes of a run.

Rules guarded: a word of the hierarchy means every class below it; a word that two classes share chooses neither but is
refused with both; nothing is chosen by half a word; the choice is sorted and holds each class once.
"""

from __future__ import annotations

import difflib
import re
from collections.abc import Callable, Iterable

from kilotar.errors import UsageError
from kilotar.model.edition import Edition, Subset, Synset

__all__ = ["choose_classes", "find_classes", "find_subset"]

ReadWnids = Callable[[str], tuple[str, ...]]
_WNID = re.compile(r"n\d{8}", re.ASCII)
_NUMBER = re.compile(r"\d{1,9}", re.ASCII)


def find_classes(edition: Edition, query: str) -> tuple[Synset, ...]:
    """Give the classes that a query means, sorted by label; () where it means none, all of them for "".

    Args:
        query: a wnid; a number (a label, and an ilsvrc_id, so up to two classes); a word of a class or of a synset
            above classes ("dog" gives 118 classes of ilsvrc2012). Case is ignored. Only where no synset has exactly
            this word are classes given whose words contain it ("corn" in "corn dog"), then any part of a word.
    """
    word = query.strip().casefold()
    if not word:
        return edition.classes
    if _NUMBER.fullmatch(word):
        return tuple(synset for synset in edition.classes if int(word) in (synset.label, synset.ilsvrc_id))
    nodes = [edition.by_wnid[word]] if word in edition.by_wnid else _named(edition, word)
    if nodes:
        return _leaves(edition, nodes)
    inside = re.compile(rf"\b{re.escape(word)}\b")
    whole = tuple(synset for synset in edition.classes if inside.search(synset.words.casefold()))
    return whole or tuple(synset for synset in edition.classes if word in synset.words.casefold())


def find_subset(edition: Edition, name: str) -> Subset | None:
    """Give a named choice of classes, None where the edition has none of this name."""
    return next((subset for subset in edition.subsets if subset.name == name), None)


def choose_classes(edition: Edition, words: tuple[str, ...], read_wnids: ReadWnids) -> tuple[str, ...]:
    """Give the wnids of the chosen classes, sorted, each once; all of the edition's where no word is given.

    Args:
        words: each a wnid, the name of a subset, a word of the hierarchy ("dog"), or a file of wnids: "@classes.txt",
            or a path (with "/" in it, or ending in ".txt").
        read_wnids: gives the wnids listed in a file; see `kilotar.sources.wnids`.
    Raises: UsageError for an unknown or ambiguous word, naming the near misses; whatever `read_wnids` raises.
    """
    if not words:
        return tuple(synset.wnid for synset in edition.classes)
    if edition.is_detection:
        raise UsageError(
            f"classes of {edition.name} cannot be chosen",
            seen="its images have boxes of many classes and no class of their own",
            fix="take all of it",
        )
    chosen: set[str] = set()
    for word in words:
        chosen.update(_choose(edition, word.strip(), read_wnids))
    return tuple(sorted(chosen))


def _choose(edition: Edition, word: str, read_wnids: ReadWnids) -> Iterable[str]:
    subset = find_subset(edition, word)
    if subset:
        return subset.wnids
    if word.startswith("@") or "/" in word or word.endswith(".txt"):
        path = word.removeprefix("@")
        return (synset.wnid for wnid in read_wnids(path) for synset in _leaves(edition, [_node(edition, wnid, path)]))
    if _WNID.fullmatch(word):
        return (synset.wnid for synset in _leaves(edition, [_node(edition, word, "--classes")]))
    return (synset.wnid for synset in _leaves(edition, [_only(edition, word)]))


def _node(edition: Edition, wnid: str, where: str) -> Synset:
    if wnid in edition.by_wnid:
        return edition.by_wnid[wnid]
    near = difflib.get_close_matches(wnid, edition.by_wnid, n=3)
    raise UsageError(
        f"{wnid} is no class of {edition.name}",
        seen=f"in {where}",
        fix=f"did you mean {' or '.join(near) or 'another'}?",
    )


def _only(edition: Edition, word: str) -> Synset:
    """Give the one synset of a word; of several, the one that holds all classes of the others."""
    nodes = _named(edition, word.casefold())
    if not nodes:
        raise _unknown(edition, word)
    widest = max(nodes, key=lambda node: len(_leaves(edition, [node])))
    if len(_leaves(edition, nodes)) > len(_leaves(edition, [widest])):
        told = ", ".join(f"{node.wnid} ({node.words})" for node in nodes[:4])
        raise UsageError(f"{word!r} means {len(nodes)} synsets", seen=told, fix="choose by wnid")
    return widest


def _unknown(edition: Edition, word: str) -> UsageError:
    known = {lemma for synset in edition.by_wnid.values() for lemma in synset.lemmas}
    known |= {subset.name for subset in edition.subsets}
    near = difflib.get_close_matches(word[:100], known, n=3)
    fix = f"did you mean {' or '.join(near)}?" if near else "kilotar classes WORD finds classes"
    return UsageError(
        f"{word[:100]!r} is no class, subset or synset of {edition.name}",
        seen="subsets: " + (", ".join(subset.name for subset in edition.subsets) or "none"),
        fix=fix,
    )


def _named(edition: Edition, word: str) -> list[Synset]:
    """Give every synset, class or not, that has exactly this word, case ignored."""
    return [node for node in edition.by_wnid.values() if word in node.words.casefold().split(", ")]


def _leaves(edition: Edition, nodes: Iterable[Synset]) -> tuple[Synset, ...]:
    """Give the classes at and below these synsets, sorted by label."""
    below: dict[str, list[str]] = {}
    for synset in edition.by_wnid.values():
        for parent in synset.parents:
            below.setdefault(parent, []).append(synset.wnid)
    todo = [node.wnid for node in nodes]
    seen: set[str] = set()
    while todo:
        wnid = todo.pop()
        if wnid not in seen:
            seen.add(wnid)
            todo += below.get(wnid, [])
    return tuple(synset for synset in edition.classes if synset.wnid in seen)
