"""What was asked, as a value whose hash names the plan.

Rules guarded: everything that changes the bytes of an output is a field here, and nothing else is (worker counts,
folders and times are not); equal recipes give equal plan ids on every machine; a field that came later changes no plan
id while it says nothing, so that a root that was begun before goes on.
"""

from __future__ import annotations

import hashlib
import json
from dataclasses import asdict, dataclass, fields

from kilotar.model.pixels import AS_PUBLISHED, Pixels
from kilotar.plan.selection import ALL_IMAGES, Choice

__all__ = ["Recipe", "Source"]


@dataclass(frozen=True, slots=True)
class Source:
    """An archive that a recipe reads.

    `identity` is "algorithm:hex" of the published digest, or "unverified:..." where another file stands in.
    """

    archive: str
    identity: str

    @property
    def is_published(self) -> bool:
        return not self.identity.startswith("unverified:")


@dataclass(frozen=True, slots=True)
class Recipe:
    """One output.

    Attributes:
        edition: name of the release.
        sink, sink_version, options: the format and its choices.
        splits:  "train", "val", "test", in this order.
        classes: the chosen wnids, sorted; () means all.
        sources: the archives with images.
        boxes:   the archives with boxes, () where none are wanted.
        edition_sha256: of what the edition says about classes, labels and names; a file of one's own can be edited.
        choice:  which images of these classes.
        pixels:  what is done to them.
        recoder: which libraries do it, with their releases; "" where no image is recoded.
    """

    edition: str
    sink: str
    sink_version: int
    options: tuple[tuple[str, str], ...]
    splits: tuple[str, ...]
    classes: tuple[str, ...]
    sources: tuple[Source, ...]
    boxes: tuple[Source, ...] = ()
    edition_sha256: str = ""
    choice: Choice = ALL_IMAGES
    pixels: Pixels = AS_PUBLISHED
    recoder: str = ""

    @property
    def plan_id(self) -> str:
        """32 hex digits over every field."""
        silent = {
            field.name for field in fields(self) if field.name in _LATER and getattr(self, field.name) == field.default
        }
        said = {name: value for name, value in asdict(self).items() if name not in silent}
        text = json.dumps(said, sort_keys=True, separators=(",", ":"))
        return hashlib.sha256(text.encode()).hexdigest()[:32]

    def differences(self, other: Recipe) -> tuple[str, ...]:
        """Name the fields in which two recipes differ, with both values cut to a line."""
        pairs = ((f.name, getattr(self, f.name), getattr(other, f.name)) for f in fields(self))
        return tuple(
            f"{name}: {_short(mine, theirs)} now, {_short(theirs, mine)} then"
            for name, mine, theirs in pairs
            if mine != theirs
        )


_LATER = frozenset(("choice", "pixels", "recoder"))


def _short(value: object, other: object) -> str:
    """Give a value in words; of sources only those that the other has not."""
    text = str(value)
    if isinstance(value, tuple) and isinstance(other, tuple):
        told = (item for item in value if not isinstance(item, Source) or item not in other)
        text = ", ".join(_words(item) for item in told) or "none of its own"
    return text if len(text) <= 90 else f"{text[:87]}..."


def _words(item: object) -> str:
    if isinstance(item, Source):
        return f"{item.archive} {item.identity}"
    return "=".join(item) if isinstance(item, tuple) else str(item)
