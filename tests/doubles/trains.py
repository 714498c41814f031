"""A training archive of any size that nobody has to store: every byte is made when it is read.

What is real: the class tars and their order, the number of images of each class, headers in GNU form, padding, end
blocks, class tars as multiples of 10,240 bytes. What is drawn (always the same for a seed): the size of each class,
log-normal with the spread of the class tars whose lengths are known (16 % around 115 kB an image), the sizes of the
images, and their bytes, which are noise behind the first bytes of a JPEG.
"""

from __future__ import annotations

import random
from bisect import bisect_right
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache

from kilotar.model.edition import Synset
from tests.doubles.tars import header

RECORD = 10_240
_NOISE_BYTES = 1 << 20
Make = Callable[[int, int], bytes]
"""Gives the bytes from one place to another of a segment, counted from its own beginning."""


@dataclass(frozen=True, slots=True)
class ClassTar:
    """Where a class tar lies in the archive."""

    wnid: str
    images: int
    header_at: int
    stop: int

    @property
    def start(self) -> int:
        return self.header_at + 512


class GeneratedTrain:
    """The archive.

    Args:
        classes: in the order of the archive, with their counts.
        seed:    of everything drawn.
        mean:    bytes an image.
        known:   sizes of class tars that are not drawn, multiples of 10,240.
        size_bytes: of the whole; class tars that are not known are stretched to fit. None: as it falls.
    """

    def __init__(
        self,
        classes: Sequence[Synset],
        seed: int = 0,
        *,
        mean: float = 115_000,
        spread: float = 0.16,
        known: Mapping[str, int] | None = None,
        size_bytes: int | None = None,
    ) -> None:
        self._random = random.Random(seed)
        self._seed = seed
        self._noise = 2 * self._random.randbytes(_NOISE_BYTES)  # so that any stretch of it may begin anywhere
        drawn = {c.wnid: c.train_images * mean * self._random.lognormvariate(0, spread) for c in classes}
        sizes = {c.wnid: _whole_records(max(drawn[c.wnid], c.train_images * 2048 + 1024)) for c in classes}
        sizes.update(known or {})
        if size_bytes is not None:
            _fit(sizes, frozenset(known or {}), size_bytes - RECORD - 512 * len(classes))
        self.tars = tuple(_lay_out(classes, sizes))
        self._starts = [tar.header_at for tar in self.tars]
        self._end = self.tars[-1].stop
        self.size_bytes = size_bytes or _whole_records(self._end + 1024)

    def tar(self, wnid: str) -> ClassTar:
        return next(tar for tar in self.tars if tar.wnid == wnid)

    def read(self, start: int, stop: int) -> bytes:
        """Give bytes of the archive."""
        stop = min(stop, self.size_bytes)
        parts: list[bytes] = []
        at = start
        for begin, part_stop, make in self._segments(start, stop):
            if part_stop > at:
                first, last = at, min(part_stop, stop)
                parts.append(make(first - begin, last - begin))
                at = last
        return b"".join(parts)

    def _segments(self, start: int, stop: int) -> Iterator[tuple[int, int, Make]]:
        row = max(0, bisect_right(self._starts, start) - 1)
        while row < len(self.tars) and self.tars[row].header_at < stop:
            tar = self.tars[row]
            yield tar.header_at, tar.start, _bytes_of(header(tar.wnid.encode() + b".tar", tar.stop - tar.start))
            yield from self._inner(tar, start, stop)
            row += 1
        yield self._end, self.size_bytes, _zeros

    def _inner(self, tar: ClassTar, start: int, stop: int) -> Iterator[tuple[int, int, Make]]:
        starts, sizes, numbers = _images(tar, self._seed)
        row = max(0, bisect_right(starts, start) - 1)
        while row < len(starts) and starts[row] < stop:
            at, size = starts[row], sizes[row]
            name = b"%s_%d.JPEG" % (tar.wnid.encode(), numbers[row])
            yield at, at + 512, _bytes_of(header(name, size))
            yield at + 512, at + 512 + size, self._image(at)
            yield at + 512 + size, at + 512 + size + -size % 512, _zeros
            row += 1
        yield starts[-1] + 512 + sizes[-1] + -sizes[-1] % 512, tar.stop, _zeros

    def _image(self, at: int) -> Make:
        shift = (at * 2654435761) % _NOISE_BYTES
        noise = self._noise

        def make(first: int, last: int) -> bytes:
            parts = [b"\xff\xd8\xff\xe0"[first:last]]
            at = max(first, 4)
            while at < last:
                begin = (shift + at) % _NOISE_BYTES
                size = min(last - at, _NOISE_BYTES)
                parts.append(noise[begin : begin + size])
                at += size
            return b"".join(parts)

        return make


@lru_cache(maxsize=64)
def _images(tar: ClassTar, seed: int) -> tuple[list[int], list[int], list[int]]:
    """Give starts of the headers, sizes and numbers of the images of a class; together they fill its tar."""
    drawn = random.Random(f"{seed} {tar.wnid}")
    weights = [drawn.lognormvariate(0, 0.6) for _ in range(tar.images)]
    blocks = (tar.stop - tar.start - 1024) // 512 - tar.images - drawn.randrange(18)  # the rest is zeros
    scale = (blocks - tar.images) / sum(weights)
    starts, sizes, numbers = [], [], []
    at, number = tar.start, 0
    for weight in weights:
        size = max(1, int(512 * (1 + int(weight * scale))) - drawn.randrange(512))
        number += 1 + drawn.randrange(20)
        starts.append(at)
        sizes.append(size)
        numbers.append(number)
        at += 512 + size + -size % 512
    return starts, sizes, numbers


def _lay_out(classes: Sequence[Synset], sizes: Mapping[str, int]) -> Iterator[ClassTar]:
    at = 0
    for synset in classes:
        stop = at + 512 + sizes[synset.wnid]
        yield ClassTar(synset.wnid, synset.train_images, at, stop)
        at = stop


def _fit(sizes: dict[str, int], known: frozenset[str], total: int) -> None:
    """Stretch what is not known so that the sum is `total`, a multiple of 10,240."""
    free = [wnid for wnid in sizes if wnid not in known]
    ratio = (total - sum(sizes[wnid] for wnid in known)) / sum(sizes[wnid] for wnid in free)
    for wnid in free:
        sizes[wnid] = _whole_records(sizes[wnid] * ratio)
    sizes[free[-1]] += total - sum(sizes.values())
    if sizes[free[-1]] % RECORD or sizes[free[-1]] < RECORD:
        raise ValueError("the archive cannot have this length")


def _whole_records(size: float) -> int:
    return -(-int(size) // RECORD) * RECORD


def _bytes_of(block: bytes) -> Make:
    return lambda first, last: block[first:last]


def _zeros(first: int, last: int) -> bytes:
    return bytes(last - first)
