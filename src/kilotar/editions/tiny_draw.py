"""What a tiny edition holds: classes, images, labels, and the flaws that were asked for.

Rules guarded: the truth is noted of every image as it is in the archive, whole or flawed; no order is alphabetical by
accident: classes are numbered in another order than they sort in, and the members of val and test are shuffled.
"""

from __future__ import annotations

import hashlib
import random
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from typing import NamedTuple

from kilotar.editions.load import DEFAULT_EDITION, load_edition
from kilotar.editions.tiny_images import make_cmyk, make_image, make_png
from kilotar.model.edition import Synset
from kilotar.model.sample import NO_LABEL, Split

__all__ = ["FLAWS", "Drawn", "Truth", "choose_internal", "draw"]

FLAWS = {
    "truncated": "the first training image is cut in its scan",
    "html": "the second training image is a web page",
    "empty": "the third training image has no bytes",
    "cmyk": "a training image is a CMYK JPEG, and the edition knows it",
    "png": "a training image is a PNG, and the edition knows it",
    "unlisted-cmyk": "a training image is a CMYK JPEG, and the edition does not know it",
    "unlisted-png": "a training image is a PNG, and the edition does not know it",
    "duplicate": "a training image has the bytes of another",
    "extra-member": "a class tar holds a file that is no image",
    "missing": "a training image that the counts promise is not there",
    "wrong-class": "a class tar holds an image named after another class",
    "val-truncated": "a validation image is cut in its scan",
    "val-missing": "a validation image that the counts promise is not there",
}
_CUT_BYTES = 120
Files = list[tuple[str, bytes]]


class Truth(NamedTuple):
    """What is known of one image; wnid "" and label -1 where it has none."""

    split: Split
    wnid: str
    label: int
    sha256: str
    size_bytes: int


@dataclass(slots=True)
class Drawn:
    """Names and bytes in the order of the archives, and what is true of them.

    Attributes:
        classes:    the leaves, sorted by wnid.
        train:      (name, bytes) of each class by wnid.
        val, test:  (name, bytes).
        val_labels: label of validation image `number` at `number - 1`.
        cmyk, png:  names of the oddities that the edition knows.
        truth:      by key, the name without ".JPEG".
    """

    classes: tuple[Synset, ...]
    train: dict[str, Files]
    val: Files
    test: Files
    val_labels: tuple[int, ...]
    cmyk: frozenset[str] = frozenset()
    png: frozenset[str] = frozenset()
    truth: dict[str, Truth] = field(default_factory=dict)


def draw(classes: int, per_class: int, val: int, test: int, rng: random.Random, flaws: frozenset[str]) -> Drawn:
    """Draw everything a tiny edition holds; see `make_tiny` for the arguments."""
    chosen = _choose_classes(classes, per_class, rng)
    drawn = Drawn(
        classes=chosen,
        train={synset.wnid: _draw_class(synset, per_class, rng) for synset in chosen},
        val=_draw_flat(Split.VAL, val, rng),
        test=_draw_flat(Split.TEST, test, rng),
        val_labels=tuple(rng.sample([row % classes for row in range(val)], val)),
    )
    for flaw in sorted(flaws):
        _spoil(drawn, flaw, rng)
    _note_truth(drawn)
    for flaw in sorted(flaws):
        _misplace(drawn, flaw, rng)
    return drawn


def choose_internal(classes: tuple[Synset, ...]) -> tuple[Synset, ...]:
    """Give the real ancestors of the classes, numbered from n + 1."""
    by_wnid = load_edition(DEFAULT_EDITION).by_wnid
    found: set[str] = set()
    todo = [parent for synset in classes for parent in synset.parents]
    while todo:
        wnid = todo.pop()
        if wnid not in found:
            found.add(wnid)
            todo += by_wnid[wnid].parents
    return tuple(replace(by_wnid[wnid], ilsvrc_id=len(classes) + at) for at, wnid in enumerate(sorted(found), 1))


def _choose_classes(classes: int, per_class: int, rng: random.Random) -> tuple[Synset, ...]:
    """Choose real classes, and number them so that ilsvrc_id - 1 is the label of none of them."""
    real = load_edition(DEFAULT_EDITION).classes
    chosen = (real[at] for at in sorted(rng.sample(range(len(real)), classes)))
    return tuple(
        replace(synset, label=label, ilsvrc_id=(label + 1) % classes + 1, train_images=per_class)
        for label, synset in enumerate(chosen)
    )


def _draw_class(synset: Synset, images: int, rng: random.Random) -> Files:
    numbers = sorted(map(str, rng.sample(range(2, 20_000), images)))
    return [(f"{synset.wnid}_{number}.JPEG", make_image(rng)) for number in numbers]


def _draw_flat(split: Split, images: int, rng: random.Random) -> Files:
    files = [(f"ILSVRC2012_{split}_{number:08d}.JPEG", make_image(rng)) for number in range(1, images + 1)]
    rng.shuffle(files)
    return files if files != sorted(files) else files[::-1]


def _spoil(drawn: Drawn, flaw: str, rng: random.Random) -> None:
    """Change the bytes of one image, where the flaw is of this kind."""
    first, second, last = (drawn.train[drawn.classes[at].wnid] for at in (0, 1, -1))
    changes: dict[str, tuple[Files, int, Callable[[bytes], bytes]]] = {
        "truncated": (first, 0, _cut),
        "html": (first, 1, lambda _: b"<!DOCTYPE html><title>404</title>\n"),
        "empty": (first, 2, lambda _: b""),
        "cmyk": (last, 0, lambda _: make_cmyk(rng)),
        "png": (last, 1, lambda _: make_png(rng)),
        "unlisted-cmyk": (second, 0, lambda _: make_cmyk(rng)),
        "unlisted-png": (second, 1, lambda _: make_png(rng)),
        "duplicate": (second, 2, lambda _: second[3][1]),
        "val-truncated": (drawn.val, 0, _cut),
    }
    if flaw in changes:
        files, at, change = changes[flaw]
        files[at] = (files[at][0], change(files[at][1]))
    if flaw == "cmyk":
        drawn.cmyk = frozenset({last[0][0]})
    if flaw == "png":
        drawn.png = frozenset({last[1][0]})


def _cut(data: bytes) -> bytes:
    return data[:-_CUT_BYTES]


def _note_truth(drawn: Drawn) -> None:
    for synset in drawn.classes:
        for name, data in drawn.train[synset.wnid]:
            _note(drawn, Split.TRAIN, synset, name, data)
    for name, data in drawn.val:
        _note(drawn, Split.VAL, drawn.classes[drawn.val_labels[int(name[-13:-5]) - 1]], name, data)
    for name, data in drawn.test:
        _note(drawn, Split.TEST, None, name, data)


def _note(drawn: Drawn, split: Split, synset: Synset | None, name: str, data: bytes) -> None:
    wnid, label = (synset.wnid, synset.label) if synset else ("", NO_LABEL)
    digest = hashlib.sha256(data).hexdigest()
    drawn.truth[name.removesuffix(".JPEG")] = Truth(split, wnid, label, digest, len(data))


def _misplace(drawn: Drawn, flaw: str, rng: random.Random) -> None:
    """Put in a member that has no truth, or take one out together with its truth."""
    first, last = (drawn.train[drawn.classes[at].wnid] for at in (0, -1))
    if flaw == "extra-member":
        first.append(("README.txt", b"not an image\n"))
    elif flaw == "wrong-class":
        last.append((f"{drawn.classes[0].wnid}_99999.JPEG", make_image(rng)))
    elif flaw in ("missing", "val-missing"):
        name, _ = last.pop(3) if flaw == "missing" else drawn.val.pop()
        del drawn.truth[name.removesuffix(".JPEG")]
