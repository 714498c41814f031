"""The manifest of a Lance dataset, made by Lance's own library and without what it stamps.

A manifest says which data files a dataset has. Committing one writes the time, and the random name of a transaction,
which only matters to writers at work at the same moment: both are left out, as the layout allows, and so is everything
that the layout does not describe as part of the data.

Rules guarded: the same data files give the same manifest, for the same release of Lance.
Source: lance-format/lance protos/table.proto, rust/lance-table/src/io/manifest.rs.
"""

from __future__ import annotations

import struct
from collections.abc import Iterable
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any, Final, NamedTuple

from kilotar.errors import LayoutRefused
from kilotar.parse.protobuf import walk_fields

__all__ = ["FILE_VERSION", "DataFile", "Manifest", "make_manifest", "unstamped"]

FILE_VERSION: Final = "2.1"  # of data files: stable since pylance 0.38, and read by all releases after it
_MAGIC = b"LANC"
_TAIL = struct.Struct("<QHH4s")  # where the message begins, version, magic word
# fields, fragments, version, metadata of the schema, flags of readers and writers, highest fragment, writer, next row,
# format of data files, configuration, metadata of the table
_KEPT = frozenset((1, 2, 3, 5, 9, 10, 11, 13, 14, 15, 16, 19))


class DataFile(NamedTuple):
    """A file of a dataset: its name in the folder `data`, its length, and how many rows it has."""

    name: str
    size_bytes: int
    rows: int


class Manifest(NamedTuple):
    """A file in the folder `_versions`."""

    name: str
    data: bytes


def make_manifest(schema: Any, files: Iterable[DataFile]) -> Manifest:
    """Give the manifest of a dataset's first version.

    Args:
        schema: a `pyarrow.Schema`, that of every file.
        files:  in the order of the rows; none has 0 rows.
    """
    import lance

    with TemporaryDirectory() as scratch:
        template = _template(schema, scratch)
        fragments = [lance.FragmentMetadata(n, [_named(template, file)], file.rows) for n, file in enumerate(files)]
        made = Path(scratch, "made")
        lance.LanceDataset.commit(str(made), lance.LanceOperation.Overwrite(schema, fragments))
        (path,) = (made / "_versions").glob("*.manifest")
        return Manifest(path.name, unstamped(path.read_bytes()))


def _template(schema: Any, scratch: str) -> Any:
    """Give Lance's description of a data file of this schema: which column of the file is which field."""
    import lance
    import pyarrow

    row = pyarrow.Table.from_pylist([{}], schema=schema)
    (fragment,) = lance.write_dataset(row, f"{scratch}/row", data_storage_version=FILE_VERSION).get_fragments()
    (file,) = fragment.metadata.files
    return file


def _named(template: Any, file: DataFile) -> Any:
    from lance.fragment import DataFile as LanceFile

    major, minor = template.file_major_version, template.file_minor_version
    return LanceFile(file.name, template.fields, template.column_indices, major, minor, file.size_bytes)


def unstamped(data: bytes) -> bytes:
    """Give a manifest without time and transaction. Raises LayoutRefused."""
    stop = max(len(data) - _TAIL.size, 0)
    begin, major, minor, magic = _TAIL.unpack(data[stop:].rjust(_TAIL.size, b"\0"))
    start = begin + 4
    if magic != _MAGIC or int.from_bytes(data[begin:start], "little") != stop - start:
        raise LayoutRefused("this is no manifest of Lance", seen=f"{len(data)} bytes that end in {data[-8:]!r}")
    kept, last = bytearray(), start
    for field in walk_fields(data, start, stop):
        if field.number in _KEPT:
            kept += data[last : field.stop]
        last = field.stop
    return struct.pack("<I", len(kept)) + kept + _TAIL.pack(0, major, minor, magic)
