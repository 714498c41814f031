"""From names to classes, and the proof that the labels are in the order they claim.

Rules guarded: the wnid is the key, never a name in words; a training image belongs to the class of its class tar *and*
of its own name, which must agree; a validation image gets its class by its number, never by its place in a listing.
"""

from __future__ import annotations

import hashlib
import re
from dataclasses import dataclass
from functools import lru_cache

from kilotar.errors import LabelsRefused
from kilotar.model.edition import Archive, Edition
from kilotar.model.report import LabelProof, Probe
from kilotar.model.sample import NO_LABEL, Split

__all__ = ["LabelJoin", "edition_sha256", "prove_labels"]

ORDER = "sorted-wnid, 0-based"


@dataclass(frozen=True, slots=True)
class LabelJoin:
    """Joins member names of one archive to classes."""

    edition: Edition
    split: Split
    pattern: re.Pattern[str]

    @classmethod
    def of(cls, edition: Edition, about: Archive) -> LabelJoin:
        return cls(edition, about.split or Split.TRAIN, about.member_pattern())

    def classify(self, name: str, class_tar: str) -> tuple[str, int] | str:
        """Give (wnid, label) of an image, or a string that says why it has none and must be left out.

        Args:
            name:      file name without folders.
            class_tar: wnid of the class tar that it lies in, "" in a flat archive.
        """
        match = self.pattern.fullmatch(name)
        if match is None:
            return "its name is not of the published form"
        if self.split is Split.TEST or self.edition.is_detection:
            return "", NO_LABEL
        try:
            wnid = self._wnid(match, class_tar)
            return wnid, self.edition.label_of(wnid)
        except KeyError as error:
            return f"it has no class: {error.args[0]} is not in the edition"
        except ValueError as error:
            return str(error)

    def _wnid(self, match: re.Match[str], class_tar: str) -> str:
        groups = match.groupdict()
        if self.split is Split.VAL and groups.get("wnid") is None:
            return self.edition.val_wnid(int(groups["number"]))
        wnid = groups.get("wnid") or class_tar
        if class_tar and wnid != class_tar:
            raise ValueError(f"its name says {wnid}, its class tar {class_tar}")
        return wnid


def prove_labels(edition: Edition) -> LabelProof:
    """Show the label order on known images, with a hash over the whole table.

    Raises: LabelsRefused when a known image has another label than the edition says it must have.
    """
    table_sha256 = _table_sha256(tuple((synset.wnid, synset.label) for synset in edition.classes), edition.val_labels)
    probes = tuple(_probe(edition, number) for number, _ in edition.label_probes)
    wrong = [p.number for p, (_, label) in zip(probes, edition.label_probes, strict=True) if p.label != label]
    if wrong:
        raise LabelsRefused("the labels are not in sorted-wnid order", seen=f"validation image {wrong[0]} differs")
    return LabelProof(ORDER, probes, table_sha256, agrees=True)


@lru_cache(maxsize=4)  # asked for by every output and by the report
def _table_sha256(classes: tuple[tuple[str, int], ...], val_labels: tuple[int, ...]) -> str:
    lines = [f"{wnid} {label}\n" for wnid, label in classes]
    lines += [f"{number} {label}\n" for number, label in enumerate(val_labels, 1)]
    return hashlib.sha256("".join(lines).encode()).hexdigest()


def edition_sha256(edition: Edition) -> str:
    """Give the SHA-256 of what an edition says and an output shows: synsets, labels, and how members are called."""
    members = tuple((archive.name, archive.layout.value, archive.member) for archive in edition.archives)
    return hashlib.sha256(repr((edition.classes, edition.internal, edition.val_labels, members)).encode()).hexdigest()


def _probe(edition: Edition, number: int) -> Probe:
    synset = edition.classes[edition.val_labels[number - 1]]
    return Probe(number, synset.ilsvrc_id, synset.wnid, synset.label, synset.words)
