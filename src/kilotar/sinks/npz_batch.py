"""A batch of downsampled images as the files that readers ask for, made of its pixels on disk.

Rules guarded: pixels are copied a few hundred kilobytes at a time; the mean is the exact sum of all training images by
their number; archives carry no dates. Nothing here needs NumPy.
"""

from __future__ import annotations

import io
import struct
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any
from zipfile import ZipFile, ZipInfo

from kilotar.errors import UsageError
from kilotar.model.sample import NO_LABEL, Split
from kilotar.model.seams import Collection, OutFolder, ShardFact
from kilotar.sinks import pickles
from kilotar.sinks.npy import npy, npy_head
from kilotar.sinks.rows import rank, text

__all__ = ["Batch", "mean_of"]

_CHUNK_BYTES = 1 << 18
_MOST_IMAGES = (1 << 32) // 255  # of which 32 bits hold the sums
_ZIP64_BYTES = 1 << 31
_ENTRY = tuple[str, int, Iterable[bytes]]  # name, length, content


@dataclass(frozen=True, slots=True)
class Batch:
    """The images of one file below `npy/`.

    Attributes:
        fact:        what is written of it.
        collection:  whose samples it holds.
        out:         where it stands.
        image_bytes: of each image.
    """

    fact: ShardFact
    collection: Collection
    out: OutFolder
    image_bytes: int

    @property
    def path(self) -> str:
        return self.fact.shard.path

    @property
    def is_train(self) -> bool:
        return self.fact.shard.split is Split.TRAIN

    def __len__(self) -> int:
        return len(self.fact.shard.rows)

    @property
    def _shape(self) -> tuple[int, int]:
        return len(self), self.image_bytes

    def pickled(self, mean: bytes) -> Iterator[bytes]:
        """Give the batch as the pickle of a dictionary."""
        entries = [
            ("data", pickles.array("|u1", self._shape, self._bytes(len(npy_head("|u1", self._shape))))),
            ("labels", pickles.integers(self._ids())),
        ]
        if self.is_train:
            entries.append(("mean", pickles.array("<f8", (self.image_bytes,), [mean])))
        return pickles.mapping(entries)

    def zipped(self, mean: bytes) -> Iterator[bytes]:
        """Give the batch as an npz."""
        ids = npy("<i8", len(self), (struct.pack("<q", number) for number in self._ids()))
        entries: list[_ENTRY] = [
            ("data", self.fact.size_bytes, self._bytes(0)),
            ("labels", len(npy_head("<i8", (len(self),))) + 8 * len(self), ids),
        ]
        if self.is_train:
            head = npy_head("<f8", (self.image_bytes,))
            entries.append(("mean", len(head) + len(mean), (head, mean)))
        return _zipped(entries)

    def ranks(self) -> Iterator[bytes]:
        """Give the ranks of wnids as an array."""
        ranks = rank(self.collection.classes) | {"": NO_LABEL}
        samples = self.collection.samples(self.fact.shard)
        return npy("<i8", len(self), (struct.pack("<q", ranks[sample.wnid]) for sample in samples))

    def names(self) -> Iterator[bytes]:
        """Give name and wnid of each image as lines."""
        return text(f"{sample.name}\t{sample.wnid}\n" for sample in self.collection.samples(self.fact.shard))

    def images(self) -> Iterator[bytes]:
        """Give the pixels of one image after the other."""
        at = len(npy_head("|u1", self._shape))
        block_bytes = max(1, _CHUNK_BYTES // self.image_bytes) * self.image_bytes
        for block in self._bytes(at, block_bytes):
            yield from (block[start : start + self.image_bytes] for start in range(0, len(block), self.image_bytes))

    def _ids(self) -> Iterator[int]:
        """Give the labels that the published files have."""
        ids = {synset.wnid: synset.ilsvrc_id for synset in self.collection.edition.classes} | {"": NO_LABEL}
        return (ids[sample.wnid] for sample in self.collection.samples(self.fact.shard))

    def _bytes(self, start: int, block_bytes: int = _CHUNK_BYTES) -> Iterator[bytes]:
        """Give the file of pixels from a byte on."""
        for at in range(start, self.fact.size_bytes, block_bytes):
            yield self.out.read(self.path, at, block_bytes)


def mean_of(batches: Sequence[Batch], image_bytes: int) -> bytes:
    """Give the mean of all images as doubles, zeros where there are none.

    Numbers are added side by side in one long one, 32 bits each. Raises UsageError for more images than that holds.
    """
    count = sum(map(len, batches))
    if count > _MOST_IMAGES:
        raise UsageError(f"npz holds at most {_MOST_IMAGES:,} training images", seen=f"{count:,}")
    total, wide = 0, bytearray(4 * image_bytes)
    for batch in batches:
        for image in batch.images():
            wide[::4] = image
            total += int.from_bytes(wide, "little")
    sums = struct.unpack(f"<{image_bytes}I", total.to_bytes(4 * image_bytes, "little"))
    return struct.pack(f"<{image_bytes}d", *(each / max(count, 1) for each in sums))


class _Pipe(io.RawIOBase):
    """What a zip is written to, and taken from at once."""

    def __init__(self) -> None:
        self._taken = bytearray()

    def writable(self) -> bool:
        return True

    def write(self, data: Any) -> int:
        view = memoryview(data)
        self._taken += view
        return len(view)

    def take(self) -> bytes:
        taken = bytes(self._taken)
        self._taken.clear()
        return taken


def _zipped(entries: Iterable[_ENTRY]) -> Iterator[bytes]:
    """Give a zip of arrays, stored, as numpy.savez makes it."""
    pipe = _Pipe()
    with ZipFile(pipe, "w") as archive:
        for name, size_bytes, content in entries:
            info = ZipInfo(f"{name}.npy", (1980, 1, 1, 0, 0, 0))
            info.create_system, info.external_attr = 3, 0o644 << 16
            with archive.open(info, "w", force_zip64=size_bytes >= _ZIP64_BYTES) as member:
                for chunk in content:
                    member.write(chunk)
                    yield pipe.take()
    yield pipe.take()
