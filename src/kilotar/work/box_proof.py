"""The boxes of an export, held against those of the archives that it was made of.

Rules guarded: they are compared in class, sides and order, which is what every shard holds; of resized images with what
becomes of the published ones, and where a format has no room for some with what it says that it keeps; archives of
boxes that are not those of the manifest prove nothing.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Container

from kilotar.errors import KilotarError, MachineError, MissingExtra
from kilotar.events import Finding
from kilotar.model.sample import Box, key_of
from kilotar.model.seams import Row
from kilotar.model.table import BoxSource
from kilotar.sinks.base import KeepBoxes

__all__ = ["BoxProof"]

_Held = tuple[str, int, int, int, int]


class BoxProof:
    """Holds boxes against a source.

    Args:
        source:  of the boxes as they must be.
        keep:    gives what the format keeps of the boxes of an image; None where it keeps all as they are.
        classes: those of the export.
    Attributes:
        checked: boxes that images must have.
        wrong:   boxes that they have not, or have beside these.
        has_met: whether there was an image whose file holds boxes.
    """

    def __init__(self, source: BoxSource, keep: KeepBoxes | None = None, classes: Container[str] = ()) -> None:
        self._source = source
        self._keep = keep
        self._classes = classes
        self.checked = self.wrong = 0
        self.has_met = False

    def check(self, row: Row, where: str) -> Finding | None:
        """Compare the boxes of an image, where its file holds some. Raises MissingExtra, MachineError."""
        if row.boxes is None:
            return None
        self.has_met = True
        boxes = self._source.of(key_of(row.name))
        try:
            if self._keep is not None and boxes and row.read is not None:
                boxes = self._keep(boxes, row.wnid, row.read(), self._classes)
            found = [_held(box) for box in row.boxes()]
        except (MissingExtra, MachineError):
            raise
        except KilotarError as error:
            self.checked += len(boxes)
            self.wrong += max(len(boxes), 1)
            return Finding("box", where, str(error))
        expected = [_held(box) for box in boxes]
        self.checked += len(expected)
        if found == expected:
            return None
        lost, more = (Counter(one) - Counter(other) for one, other in ((expected, found), (found, expected)))
        self.wrong += max(lost.total(), more.total(), 1)
        if not lost and not more:
            return Finding("box", where, "its boxes stand in another order than in the archive")
        return Finding("box", where, f"{_words(more)} here, {_words(lost)} in the archive")


def _held(box: Box) -> _Held:
    return box.wnid, box.xmin, box.ymin, box.xmax, box.ymax


def _words(boxes: Counter[_Held]) -> str:
    """Name the first of some boxes."""
    return next((f"{wnid[:20]} {sides}" for wnid, *sides in boxes), "none")
