"""Image sets of a packed archive held against its images.

Rules guarded: a list that cannot be read is told and the others go on; an image that a list names and that is not there
is a problem, one that no list names is none; the names are kept as hashes, 100 bytes an image.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator

from kilotar.errors import ArchiveRefused
from kilotar.events import Finding
from kilotar.model.sample import Split
from kilotar.parse.image_sets import parse_image_set

__all__ = ["ImageSets"]

IMAGE_SET = "image-set"  # kind of these findings
_PRESENT, _LISTED, _HAS_CLASS = 1, 2, 4


class ImageSets:
    """What lists say and what is there, by split.

    Args:
        most: most names before the archive is refused.
    """

    def __init__(self, most: int) -> None:
        self._most = most
        self._marks: dict[Split, dict[int, int]] = {split: {} for split in Split}
        self._lists: Counter[Split] = Counter()
        self._of_classes: set[Split] = set()
        self._wrong: list[Finding] = []

    def add_image(self, split: Split, key: str) -> None:
        """Note an image by its name without ending. Raises ArchiveRefused where there are too many."""
        self._mark(split, key.encode("ascii"), _PRESENT)

    def add_list(self, split: Split, data: bytes, where: str) -> None:
        """Take a list. Raises ArchiveRefused where there are too many names."""
        self._lists[split] += 1
        lines = parse_image_set(data, where)
        while True:
            try:
                key, number = next(lines, (b"", 0))
            except ArchiveRefused as refused:
                self._wrong.append(Finding(IMAGE_SET, where, f"{refused.what}: {refused.seen}"))
                return
            if not key:
                return
            if number < 0:
                self._of_classes.add(split)
            self._mark(split, key, _LISTED | (_HAS_CLASS if number >= 0 else 0))

    def _mark(self, split: Split, key: bytes, mark: int) -> None:
        marks, place = self._marks[split], hash(key)
        marks[place] = marks.get(place, 0) | mark
        if len(marks) > self._most:
            raise ArchiveRefused(f"lists and archive name more than {self._most:,} images of {split}")

    def findings(self) -> Iterator[Finding]:
        """Give what each split's lists say."""
        yield from self._wrong
        for split, lists in sorted(self._lists.items()):
            marks = Counter(self._marks[split].values())
            listed = sum(count for mark, count in marks.items() if mark & _LISTED)
            missing = sum(count for mark, count in marks.items() if mark & _LISTED and not mark & _PRESENT)
            why = f"{listed:,} images in {lists:,} {'list' if lists == 1 else 'lists'}"
            if split in self._of_classes:
                negative = sum(count for mark, count in marks.items() if mark & _LISTED and not mark & _HAS_CLASS)
                why += f", {negative:,} of them negative in every list"
            why += f"; {missing:,} of them are not there, {marks[_PRESENT]:,} images are in no list"
            yield Finding(IMAGE_SET, split.value, why, is_problem=missing > 0)
