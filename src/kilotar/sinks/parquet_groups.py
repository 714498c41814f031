"""Rows of a table of images on their way into a file: gathered into row groups, and bytes taken out as they come.

Rules guarded: a row group is 100 images, or fewer where they have 128 MiB, so that memory is bounded for writer and
reader alike; an image is copied once on its way to the library.
"""

from __future__ import annotations

from array import array
from typing import Any

from kilotar.model.sample import Sample
from kilotar.model.seams import Item

__all__ = ["Drain", "Group"]

_GROUP_ROWS = 100
_GROUP_BYTES = 1 << 27


class Group:
    """The rows of one row group."""

    def __init__(self) -> None:
        self._images = bytearray()
        self._ends = array("i", [0])
        self._samples: list[Sample] = []
        self._labels: list[int] = []

    def __len__(self) -> int:
        return len(self._labels)

    @property
    def is_full(self) -> bool:
        return len(self) >= _GROUP_ROWS or len(self._images) >= _GROUP_BYTES

    def add(self, item: Item) -> None:
        self._images += item.data
        self._ends.append(len(self._images))
        self._samples.append(item.sample)
        self._labels.append(item.label)

    def table(self, schema: Any) -> Any:
        """Give the rows as a `pyarrow.Table`; nothing can be added after that."""
        import pyarrow as pa

        buffers = [None, pa.py_buffer(self._ends), pa.py_buffer(self._images)]
        data = pa.Array.from_buffers(pa.binary(), len(self), buffers)
        names = pa.array([sample.name for sample in self._samples], pa.string())
        image = pa.StructArray.from_arrays([data, names], fields=list(schema.field("image").type))
        columns = {"image": image, "label": self._labels}
        if "boxes" in schema.names:
            columns["boxes"] = [[(b.xmin, b.ymin, b.xmax, b.ymax) for b in s.boxes] for s in self._samples]
            columns["box_wnids"] = [[box.wnid for box in sample.boxes] for sample in self._samples]
        return pa.table(columns, schema)


class Drain:
    """A file that keeps what is written until it is taken."""

    closed = False

    def __init__(self) -> None:
        self._kept: list[bytes] = []
        self._at = 0

    def write(self, data: bytes) -> int:
        self._kept.append(bytes(data))
        self._at += len(data)
        return len(data)

    def tell(self) -> int:
        return self._at

    def flush(self) -> None:
        """Nothing is held back."""

    def close(self) -> None:
        """What was written can still be taken."""

    def take(self) -> list[bytes]:
        taken, self._kept = self._kept, []
        return taken
