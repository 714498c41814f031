"""Boxes by the key of an image, in columns.

Rules guarded: 615,000 boxes take 25 MB and no object each; of two files for one image the first counts, and the second
is reported.
"""

from __future__ import annotations

from array import array
from bisect import bisect_left
from collections.abc import Callable, Iterable, Sequence

from kilotar.events import Finding
from kilotar.model.sample import Box

__all__ = ["BoxBook", "BoxBookBuilder"]


class BoxBook:
    """Boxes by the key of an image, in columns: about 20 bytes a box and 35 an image.

    Args:
        keys:    all keys, sorted, joined without separator, ASCII.
        key_ends, box_ends: n ends into `keys` and into the boxes, rising.
        sides:   xmin, ymin, xmax, ymax of all boxes, one after another.
        texts:   indices of name and pose into `words`, and flags (1 truncated, 2 difficult), three a box.
        words:   every name and pose that occurs.
        sizes:   width and height of every image, one after another, 0 where they are not known.
    """

    def __init__(
        self,
        keys: bytes,
        key_ends: Sequence[int],
        box_ends: Sequence[int],
        sides: Sequence[int],
        texts: Sequence[int],
        words: tuple[str, ...],
        sizes: Sequence[int],
    ) -> None:
        self.keys = keys
        self._key_ends = key_ends
        self._box_ends = box_ends
        self._sides = sides
        self._texts = texts
        self.words = words
        self._sizes = sizes
        self._last = ("", -1)  # key and row asked for last: boxes, then the size, of one image

    def __len__(self) -> int:
        """Give the number of images."""
        return len(self._key_ends)

    @property
    def boxes(self) -> int:
        """The number of boxes of all images."""
        return len(self._sides) // 4

    @property
    def numbers(self) -> tuple[Sequence[int], ...]:
        """Its five columns of numbers: `key_ends`, `box_ends`, `sides`, `texts`, `sizes`, all below 2**32."""
        return self._key_ends, self._box_ends, self._sides, self._texts, self._sizes

    def of(self, key: str) -> tuple[Box, ...]:
        """Give the boxes of an image in the order of its XML, () where none are known."""
        row = self._row(key)
        if row < 0:
            return ()
        return tuple(self._box(at) for at in range(self._box_ends[row - 1] if row else 0, self._box_ends[row]))

    def size(self, key: str) -> tuple[int, int]:
        """Give width and height of an image in pixels, as its XML says; (0, 0) where that is not known."""
        row = self._row(key)
        return (self._sizes[2 * row], self._sizes[2 * row + 1]) if row >= 0 else (0, 0)

    def _row(self, key: str) -> int:
        """Give the row of an image, -1 where it has no XML."""
        last, row = self._last
        if last != key:
            wanted = key.encode("ascii", "replace")
            row = bisect_left(range(len(self)), wanted, key=self._key)
            row = row if row < len(self) and self._key(row) == wanted else -1
            self._last = (key, row)
        return row

    def _key(self, row: int) -> bytes:
        return self.keys[self._key_ends[row - 1] if row else 0 : self._key_ends[row]]

    def _box(self, at: int) -> Box:
        name, pose, flags = self._texts[3 * at : 3 * at + 3]
        xmin, ymin, xmax, ymax = self._sides[4 * at : 4 * at + 4]
        return Box(self.words[name], xmin, ymin, xmax, ymax, self.words[pose], bool(flags & 1), bool(flags & 2))


class BoxBookBuilder:
    """Collects boxes in the order of the archive, then sorts by key."""

    def __init__(self) -> None:
        self._keys = bytearray()
        self._key_ends = array("I")
        self._ends = array("I")
        self._sides = array("I")
        self._texts = array("I")
        self._sizes = array("I")
        self._words: dict[str, int] = {}

    def __len__(self) -> int:
        """Give how many images were added."""
        return len(self._ends)

    def add(self, key: str, boxes: Iterable[Box], size: tuple[int, int] = (0, 0)) -> None:
        for box in boxes:
            self._sides.extend((box.xmin, box.ymin, box.xmax, box.ymax))
            self._texts.extend((self._word(box.wnid), self._word(box.pose), box.truncated | box.difficult << 1))
        self._keys += key.encode("ascii")
        self._key_ends.append(len(self._keys))
        self._sizes.extend(size)
        self._ends.append(len(self._sides) // 4)

    def _word(self, word: str) -> int:
        return self._words.setdefault(word, len(self._words))

    def _key(self, row: int) -> bytes:
        return bytes(self._keys[self._key_ends[row - 1] if row else 0 : self._key_ends[row]])

    def book(self, report: Callable[[Finding], None]) -> BoxBook:
        """Give the book; a key that stands twice keeps its first boxes."""
        keys, sides, texts, sizes = bytearray(), array("I"), array("I"), array("I")
        key_ends, box_ends = array("I"), array("I")
        last = b""
        for row in array("I", sorted(range(len(self._ends)), key=self._key)):
            if self._key(row) == last:
                report(Finding("duplicate", f"{last.decode('ascii')}.xml", "a second file for this image is left out"))
                continue
            last = self._key(row)
            start, stop = self._ends[row - 1] if row else 0, self._ends[row]
            keys += last
            sides += self._sides[4 * start : 4 * stop]
            texts += self._texts[3 * start : 3 * stop]
            sizes += self._sizes[2 * row : 2 * row + 2]
            key_ends.append(len(keys))
            box_ends.append(len(sides) // 4)
        return BoxBook(bytes(keys), key_ends, box_ends, sides, texts, tuple(self._words), sizes)
