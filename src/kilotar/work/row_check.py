"""The rows of an export, held against what images must be: each known, of its class, with its bytes, and once.

Rules guarded: a row that is wrong is a finding, and the next one is looked at; what was written anew goes to the
processes that recode, everything else is compared by its digest; what only the whole tells is told at the end.
"""

from __future__ import annotations

import hashlib
from collections import Counter
from collections.abc import Callable, Iterable
from dataclasses import replace

from kilotar.errors import KilotarError, MachineError, MissingExtra
from kilotar.events import Finding
from kilotar.model.sample import Split
from kilotar.model.seams import Row
from kilotar.work.box_proof import BoxProof
from kilotar.work.exported import Export
from kilotar.work.recoded_proof import RecodedProof
from kilotar.work.truth import Truth

__all__ = ["RowCheck"]

_LONGEST_NAME = 255


class RowCheck:
    """Takes rows one by one.

    Args:
        recoded: takes images that were written anew; None where there are none, or nobody knows how they were made.
        boxes:   takes the boxes; None where there are none to be compared.
    Attributes:
        images, wrong: how many were taken, and were not what they must be.
    """

    def __init__(
        self,
        export: Export,
        truth: Truth,
        recoded: RecodedProof | None,
        boxes: BoxProof | None,
        found: Callable[[Finding], None],
    ) -> None:
        self._export = export
        self._truth = truth
        self._recoded = recoded
        self._boxes = boxes
        self._found = found
        self._labels: dict[str, int] = {}
        self._counts: Counter[Split] = Counter()
        pixels = export.manifest.pixels if export.manifest else None
        self._odd = export.edition.cmyk | export.edition.png
        self._anew = pixels.recoded if pixels else 0
        self._other = 0
        self.images = self.wrong = 0

    @property
    def proved_by(self) -> str:
        """Tell how images were held against those of the archives."""
        if not self._anew:
            return "archives"
        if self._recoded is None:
            return "recoded"
        return "recoded-alike" if self._recoded.near else "recoded-again"

    def take(self, row: Row, file: str) -> None:
        """Check one row."""
        self.images += 1
        self._counts[row.split] += 1
        name = row.name[:_LONGEST_NAME]
        where = f"{file}: {name}" if file else name
        finding = self._check(row, where)
        if finding is not None:
            self.wrong += 1
            self._found(finding)
        elif self._boxes is not None and (finding := self._boxes.check(row, where)) is not None:
            self._found(finding)

    def _check(self, row: Row, where: str) -> Finding | None:
        wnid = self._truth.meet(row.split, row.name)
        if wnid is None:
            return Finding("strange", where, f"no image of {row.split} of {self._truth.name}")
        if self._truth.met_twice:
            return Finding("repeated", where, "it stands there a second time")
        if wnid != row.wnid or self._labels.setdefault(row.wnid, row.label) != row.label:
            return Finding("label", where, f"class {row.wnid or 'none'}, label {row.label}; it is of {wnid or 'none'}")
        return self._compare(row, where)

    def _compare(self, row: Row, where: str) -> Finding | None:
        expected = self._truth.sha256
        if row.read is None or not expected:
            return None
        try:
            if self._recode(row, where, expected):
                return None
            data = row.read()
        except (MissingExtra, MachineError):
            raise
        except KilotarError as error:
            return Finding("unreadable", where, str(error))
        found = hashlib.sha256(data).digest()
        if found == expected:
            return None
        if self._anew and self._recoded is None:  # nobody knows what was done to which
            self._other += 1
            return None
        return Finding("bytes", where, f"sha256 {found.hex()[:16]}..., in the archive {expected.hex()[:16]}...")

    def _recode(self, row: Row, where: str, expected: bytes) -> bool:
        """Hand an image that may have been written anew to the processes that recode. Raises as `row.read`."""
        is_odd, at = row.name in self._odd, self._truth.place()
        if self._recoded is None or at is None or not (self._recoded.pixels.every or is_odd):
            return False
        self._recoded.add(row, where, at, expected, is_odd=is_odd)
        return True

    def end(self) -> None:
        """Check what only the whole tells: labels, counts, and which images are missing."""
        export, manifest = self._export, self._export.manifest
        self._end_recoded()
        every = tuple(synset.wnid for synset in export.edition.classes)
        classes = (manifest.classes or every) if manifest else every
        found = {wnid: label for wnid, label in self._labels.items() if wnid}
        ranks = {wnid: rank for rank, wnid in enumerate(classes)}
        if manifest is None and any(ranks[wnid] != label for wnid, label in found.items()):
            ranks = {wnid: rank for rank, wnid in enumerate(sorted(found))}  # of those that it holds, as trainers count
            classes = tuple(sorted(found))
        for wnid, label in sorted(found.items()):
            if ranks.get(wnid) != label:
                self._found(Finding("label", wnid, f"label {label}, expected {ranks.get(wnid, 'none')}"))
        if manifest is not None and manifest.images != self.images:
            why = f"{self.images:,} images were read, {manifest.images:,} were written"
            self._found(Finding("count", export.sink.ABOUT.name, why))
        is_part = manifest is not None and bool(manifest.images_sha256)
        if not is_part:
            splits = manifest.splits if manifest else tuple(self._counts)
            left_out = _left_out(manifest.findings) if manifest else {}
            for finding in self._truth.missing(frozenset(classes), tuple(Split(split) for split in splits)):
                self.wrong += finding.kind == "missing"
                why = left_out.get(finding.where.rpartition("/")[2], "")
                self._found(replace(finding, why=f"{finding.why}; {why}") if why else finding)

    def _end_recoded(self) -> None:
        """Wait for what is still compared, and hold the number of images that were written anew against the list."""
        other = self._other
        if self._recoded is not None:
            self._recoded.end()
            self.wrong += self._recoded.wrong
            other = self._anew if self._recoded.wrong else self._recoded.made
        if self._truth.has_bytes and other != self._anew:
            why = f"{other:,} images have other bytes than in the archive, {self._anew:,} were written anew"
            self._found(Finding("bytes", self._export.sink.ABOUT.name, why))


def _left_out(findings: Iterable[Finding]) -> dict[str, str]:
    """Give what a manifest tells of images, by their names: why they are not there."""
    return {finding.where.rpartition(" ")[2]: f"it was told then: {finding.why}" for finding in findings}
