"""Rows of a table of images, read back a row group at a time.

Rules guarded: names and labels are read without the images; images of one row group are read once, when the first of
them is asked for; two groups are held.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import lru_cache, partial
from pathlib import Path
from typing import Any

from kilotar.errors import LayoutRefused, MissingExtra, storage_error
from kilotar.model.sample import Box
from kilotar.sinks.reading import BoxReader, boxes_of, refusing

__all__ = ["open_table", "walk_rows"]


@contextmanager
def open_table(path: Path) -> Iterator[Any]:
    """Open a table of images as a `pyarrow.parquet.ParquetFile`.

    Raises: LayoutRefused for what is none, also while it is read; MissingExtra; MachineError.
    """
    try:
        import pyarrow
        from pyarrow import parquet
    except ImportError as error:
        raise MissingExtra("reading Parquet needs pyarrow", seen=str(error), fix="pip install pyarrow") from error
    try:
        with parquet.ParquetFile(path) as table:
            yield table
    except pyarrow.ArrowException as error:
        raise LayoutRefused(f"{path} is no Parquet of images", seen=str(error)[:200]) from error
    except OSError as error:
        if error.errno is None:  # pyarrow's word for bytes that do not parse
            raise LayoutRefused(f"{path} is damaged", seen=str(error)[:200]) from error
        raise storage_error(error, f"read {path}") from error


def walk_rows(path: Path, table: Any) -> Iterator[tuple[str | None, int | None, Callable[[], bytes], BoxReader | None]]:
    """Give file name, label and what reads the image of every row of an open table, also when it is closed.

    And what gives its boxes, None where the table has none.

    Raises: pyarrow's errors, for `open_table`; LayoutRefused.
    """
    columns = [table.schema.column(at).path for at in range(len(table.schema))]
    boxed = [name for name in ("boxes", "box_wnids") if name in table.schema_arrow.names]
    missing = {"image.bytes", "image.path", "label"}.difference(columns)
    if missing:
        raise LayoutRefused(f"{path} has no images", seen=f"no column {' and '.join(sorted(missing))}")
    for number in range(table.num_row_groups):
        listed = table.read_row_group(number, columns=["image.path", "label", *boxed])
        names = listed["image"].combine_chunks().field("path").to_pylist()
        sides, wnids = (listed[name].to_pylist() for name in boxed) if len(boxed) == 2 else (None, None)
        for row, (name, label) in enumerate(zip(names, listed["label"].to_pylist(), strict=True)):
            boxes = partial(_boxes, path, wnids[row], sides[row]) if wnids and sides else None
            yield name, label, partial(_image, path, number, row), boxes


def _boxes(path: Path, wnids: Any, sides: Any) -> tuple[Box, ...]:
    with refusing(path):
        return boxes_of(wnids, sides)


@lru_cache(maxsize=2)
def _images(path: Path, number: int) -> Any:
    """Give the images of a row group; rows that follow one another share it."""
    with open_table(path) as table:
        group = table.read_row_group(number, columns=["image.bytes"])
    return group["image"].combine_chunks().field("bytes")


def _image(path: Path, number: int, row: int) -> bytes:
    with refusing(path):
        return bytes(_images(path, number)[row].as_py())
