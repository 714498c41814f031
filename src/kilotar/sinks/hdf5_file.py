"""HDF5 files: written without dates through a file of our own, read without locks.

Rules guarded: any HDF5 since 1.8 reads them; no object carries a time; rows are written in blocks, so that memory does
not grow with the file; a file that cannot be read is refused by its name.
HDF5 does not survive a write that fails: what it could not write it tries again when the process ends, and is killed
there. So it is never told: the first error is kept, all further bytes are dropped, and who writes raises it.
Source: the documentation of h5py (File, create_dataset, vlen_dtype, property lists), of HDF5 (H5Pset_obj_track_times).
"""

from __future__ import annotations

import io
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from itertools import islice
from pathlib import Path
from typing import Any

__all__ = ["NewFile", "created", "creating", "opened"]

_BLOCK_ROWS = 64  # of images: some megabytes


class _Disk(io.RawIOBase):
    """A new file that takes whatever it is given, and keeps the first error."""

    def __init__(self, path: Path) -> None:
        """Raises: OSError."""
        self._file = path.open("xb+", buffering=0)
        self._error: OSError | None = None

    def check(self) -> None:
        """Raises: OSError, the first that there was."""
        if self._error is not None:
            raise self._error

    def seekable(self) -> bool:
        return True

    def seek(self, offset: int, whence: int = 0) -> int:
        return self._file.seek(offset, whence)

    def tell(self) -> int:
        return self._file.tell()

    def readinto(self, buffer: Any) -> int:
        return self._file.readinto(buffer) or 0

    def write(self, data: Any) -> int:
        view = memoryview(data)
        try:
            left = view if self._error is None else view[:0]
            while len(left):
                left = left[self._file.write(left) :]
        except OSError as error:
            self._error = error
        return len(view)

    def truncate(self, size_bytes: int | None = None) -> int:
        try:
            return self._file.truncate(size_bytes)
        except OSError as error:
            self._error = self._error or error
            return size_bytes or 0

    def close(self) -> None:
        self._file.close()
        super().close()


class NewFile:
    """An HDF5 file that is being written.

    Attributes:
        root: the `h5py.File`.
    """

    def __init__(self, root: Any, disk: _Disk) -> None:
        self.root = root
        self._disk = disk

    def column(self, name: str, shape: tuple[int, ...], dtype: Any, rows: Iterable[Any]) -> None:
        """Add a data set of as many rows. Raises OSError.

        Without chunks the place of a row is known, and reading one reads nothing else.
        """
        column = self.root.create_dataset(name, shape, dtype, track_times=False)
        for start, block in _blocks(rows):
            column[start : start + len(block)] = block
            self._disk.check()

    def ragged(self, name: str, length: int, dtype: Any, rows: Iterable[Any]) -> None:
        """Add a data set of arrays of any length, a few at a time: h5py's own way takes 20 times as long a row.

        Raises: OSError.
        """
        import h5py
        import numpy

        column = self.root.create_dataset(name, (length,), h5py.vlen_dtype(dtype), track_times=False)
        for start, block in _blocks(rows):
            arrays = numpy.empty(len(block), object)
            for place, row in enumerate(block):
                arrays[place] = row
            where = column.id.get_space()
            where.select_hyperslab((start,), (len(block),))
            column.id.write(h5py.h5s.create_simple((len(block),)), where, arrays, h5py.h5t.py_create(column.dtype))
            self._disk.check()


def _blocks(rows: Iterable[Any]) -> Iterator[tuple[int, list[Any]]]:
    left, start = iter(rows), 0
    while block := list(islice(left, _BLOCK_ROWS)):
        yield start, block
        start += len(block)


@contextmanager
def creating(path: Path) -> Iterator[NewFile]:
    """Give a new file. Raises OSError."""
    import h5py

    with _Disk(path) as disk:
        with created(disk, h5py.h5f.LIBVER_EARLIEST, h5py.h5f.LIBVER_V18) as root:
            yield NewFile(root, disk)
        disk.check()


def created(disk: io.IOBase, oldest: int, newest: int) -> Any:
    """Give a new `h5py.File` in a file-like object, for the releases `h5py.h5f.LIBVER_*` of HDF5.

    Made of property lists: `h5py.File(disk, "w")` puts the second into the header of the root group before h5py 3.15.1,
    and TensorFlow 2.21 demands an older one.
    """
    import h5py

    access, plan = h5py.h5p.create(h5py.h5p.FILE_ACCESS), h5py.h5p.create(h5py.h5p.FILE_CREATE)
    access.set_libver_bounds(oldest, newest)
    access.set_fclose_degree(h5py.h5f.CLOSE_STRONG)
    access.set_fileobj_driver(h5py.h5fd.fileobj_driver, disk)
    plan.set_obj_track_times(False)
    return h5py.File(h5py.h5f.create(b"new", h5py.h5f.ACC_TRUNC, fcpl=plan, fapl=access))


def opened(path: Path) -> Any:
    """Open a file for reading, within `refusing_library`."""
    import h5py

    return h5py.File(path, "r", locking=False)
