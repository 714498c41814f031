"""HDF5 files as fuel lays them out, and the one that shows them as a whole.

Rules guarded: `split` says which rows of which data set are which split, as H5PYDataset asks for it; of what it does
not name (boxes, synsets) fuel gives nothing, so that batches stay what its programs expect.
Source: mila-iqia/fuel fuel/converters/ilsvrc2012.py (prepare_hdf5_file), fuel/datasets/hdf5.py (create_split_array).
"""

from __future__ import annotations

import io
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from kilotar.model.sample import Box, Sample, Split
from kilotar.model.seams import Collection, Item, Row, Shard
from kilotar.sinks.hdf5_columns import FILENAMES, SYNSETS, add_names, name_type, read_rows, synset_rows
from kilotar.sinks.hdf5_file import NewFile, created, creating, opened
from kilotar.sinks.reading import boxes_of, refusing_library

__all__ = ["build", "joined", "read"]

_IMAGES, _TARGETS, _BOXES, _BOX_SYNSETS = "encoded_images", "targets", "boxes", "box_synsets"
_SPLITS = {Split.TRAIN: "train", Split.VAL: "valid", Split.TEST: "test"}
_CHUNK_BYTES = 1 << 20


def build(path: Path, items: Iterable[Item], shard: Shard, collection: Collection, numbers: Mapping[str, int]) -> None:
    """Write the file of a shard. Raises OSError."""
    import numpy

    length = len(shard.rows)
    with creating(path) as file:
        add_names(file, shard, collection)
        file.column(SYNSETS, *synset_rows(numbers))
        if shard.split is not Split.TEST:
            targets = ([numbers[sample.wnid]] for sample in collection.samples(shard))
            file.column(_TARGETS, (length, 1), "i2", targets)
        if collection.boxes is not None:
            _add_boxes(file, length, lambda: collection.samples(shard))
        _add_splits(file.root, {shard.split: range(length)})
        images = (numpy.frombuffer(bytes(item.data), numpy.uint8) for item in items)
        file.ragged(_IMAGES, length, numpy.uint8, images)


def _add_boxes(file: NewFile, length: int, samples: Callable[[], Iterator[Sample]]) -> None:
    import h5py
    import numpy

    sides = ([(box.xmin, box.ymin, box.xmax, box.ymax) for box in sample.boxes] for sample in samples())
    file.ragged(_BOXES, length, numpy.int32, (numpy.array(rows, numpy.int32).ravel() for rows in sides))
    wnids = (" ".join(box.wnid for box in sample.boxes) for sample in samples())
    file.column(_BOX_SYNSETS, (length,), h5py.string_dtype("ascii"), wnids)


def _add_splits(file: Any, splits: Mapping[Split, range]) -> None:
    """Say which rows are which split."""
    import h5py
    import numpy

    sources = sorted((_IMAGES, FILENAMES, _TARGETS))
    kinds = [("split", f"S{max(len(_SPLITS[split]) for split in splits)}"), ("source", f"S{max(map(len, sources))}")]
    kinds += [("start", "i8"), ("stop", "i8"), ("indices", h5py.ref_dtype), ("available", "?"), ("comment", "S1")]
    rows = []
    for split, span in splits.items():
        for source in sources:
            has = source != _TARGETS or split is not Split.TEST
            bounds = (span.start, span.stop) if has else (0, 0)
            rows.append((_SPLITS[split].encode(), source.encode(), *bounds, h5py.Reference(), has, b"."))
    file.attrs.create("split", numpy.array(rows, dtype=kinds))


def joined(collection: Collection, numbers: Mapping[str, int]) -> Iterator[bytes]:
    """Give the bytes of the file that shows all others as one; they stand beside it."""
    import h5py

    whole = io.BytesIO()
    with created(whole, h5py.h5f.LIBVER_V110, h5py.h5f.LIBVER_V110) as file:
        shape, kind, wnids = synset_rows(numbers)
        file.create_dataset(SYNSETS, shape, kind, wnids, track_times=False)
        shards = [fact.shard for fact in collection.shards]
        _add_splits(file, _spans(collection, shards))
        for name, inner, kind in _sources(collection):
            holders = [shard for shard in shards if name != _TARGETS or shard.split is not Split.TEST]
            _show(file, name, kind, inner, holders)
    view = whole.getbuffer()
    yield from (bytes(view[at : at + _CHUNK_BYTES]) for at in range(0, len(view), _CHUNK_BYTES))


def _show(file: Any, name: str, kind: Any, inner: tuple[int, ...], shards: Sequence[Shard]) -> None:
    """Add a data set that shows those of the shards; h5py's own way puts the time into it."""
    import h5py
    import numpy

    space = h5py.h5s.create_simple((sum(len(shard.rows) for shard in shards), *inner))
    plan = h5py.h5p.create(h5py.h5p.DATASET_CREATE)
    plan.set_layout(h5py.h5d.VIRTUAL)
    plan.set_obj_track_times(False)
    start = 0
    for shard in shards:
        length = len(shard.rows)
        if length:
            where = space.copy()
            where.select_hyperslab((start, *(0 for _ in inner)), (length, *inner))
            source = h5py.h5s.create_simple((length, *inner))
            plan.set_virtual(where, shard.path.encode(), name.encode(), source)
        start += length
    h5py.h5d.create(file.id, name.encode(), h5py.h5t.py_create(numpy.dtype(kind), logical=True), space, plan)


def _spans(collection: Collection, shards: Iterable[Shard]) -> dict[Split, range]:
    """Give the rows of each split."""
    spans: dict[Split, range] = {}
    stop = 0
    for shard in shards:
        start = spans[shard.split].start if shard.split in spans else stop
        stop += len(shard.rows)
        spans[shard.split] = range(start, stop)
    return spans


def _sources(collection: Collection) -> Iterator[tuple[str, tuple[int, ...], Any]]:
    """Give name, inner shape and type of the data sets that are shown."""
    import h5py
    import numpy

    yield _IMAGES, (), h5py.vlen_dtype(numpy.uint8)
    yield FILENAMES, (1,), name_type(collection)
    yield _TARGETS, (1,), "i2"
    if collection.boxes is not None:
        yield _BOXES, (), h5py.vlen_dtype(numpy.int32)
        yield _BOX_SYNSETS, (), h5py.string_dtype("ascii")


def read(path: Path, split: Split) -> Iterator[Row]:
    """Give the rows of a file. Raises LayoutRefused, MachineError."""
    with refusing_library(path):
        is_boxed = {_BOXES, _BOX_SYNSETS} <= set(opened(path))
    boxes = _read_boxes if is_boxed else None
    yield from read_rows(path, split, _TARGETS, _IMAGES, lambda images, place: images[place].tobytes(), boxes)


def _read_boxes(file: Any, place: int) -> tuple[Box, ...]:
    wnids = file[_BOX_SYNSETS].asstr()[place].split()
    return boxes_of(wnids, file[_BOXES][place].reshape(-1, 4))
