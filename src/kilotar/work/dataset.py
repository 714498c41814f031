"""`open`: the images of a split as a sequence, read in place from the archive, or from a finished tree.

Rules guarded: nothing is unpacked; an image is one `pread`; a data set crosses to another process as its root and
split, and every process opens files of its own, so it is safe under fork and under spawn.
"""

from __future__ import annotations

import io
import os
from collections.abc import Callable, Iterator, Sequence
from itertools import islice
from pathlib import Path
from typing import TYPE_CHECKING, Protocol, overload

from kilotar.errors import ArchiveRefused, KilotarError, LayoutRefused, UsageError, storage_error
from kilotar.model.edition import Edition
from kilotar.model.sample import NO_LABEL, Box, Sample, Split
from kilotar.model.seams import Row
from kilotar.model.table import BoxSource, Part, RowsBuilder, SampleTable
from kilotar.store.workspace import Workspace
from kilotar.work.exported import is_root
from kilotar.work.gathering import Gatherer
from kilotar.work.open_export import read_export
from kilotar.work.output import Output
from kilotar.work.outputs import begun_outputs
from kilotar.work.reopen import edition_of, survey_again

if TYPE_CHECKING:
    from kilotar.work.torch_view import TorchDataset

_PART_ROWS = 1000

__all__ = ["Dataset", "Image", "open_dataset"]


class _Reader(Protocol):
    def read(self, part: Part, row: int) -> bytes:
        """Give the bytes of an image. Raises ArchiveRefused, MachineError."""
        ...


class Image:
    """One image of a data set: what it is and its bytes, both on demand, so that having one costs next to nothing."""

    __slots__ = ("_data", "_index")

    def __init__(self, data: Dataset, index: int) -> None:
        self._data = data
        self._index = index

    def __repr__(self) -> str:
        return f"Image({self.name!r}, label={self.label})"

    @property
    def sample(self) -> Sample:
        return self._data.table[self._index]

    @property
    def key(self) -> str:
        return self.sample.key

    @property
    def name(self) -> str:
        return self.sample.name

    @property
    def wnid(self) -> str:
        return self.sample.wnid

    @property
    def label(self) -> int:
        """0-based in sorted-WNID order of the whole edition; -1 for test images."""
        part, row = self._data.table.locate(self._index)
        return part.label(row)

    @property
    def boxes(self) -> tuple[Box, ...]:
        """The boxes of the XML beside the archives, or of the export that was opened, () where none are known.

        Shards tell class and four sides of a box, and what the page of their format says. The first use in a process
        reads the boxes of all images (docs/performance.md). Raises ArchiveRefused, LayoutRefused, MachineError.
        """
        return self._data.boxes_of(self.sample.key)

    def read(self) -> bytes:
        """Give the bytes of the file as published. Raises ArchiveRefused, MachineError."""
        return self._data.read(self._index)


class Dataset(Sequence[Image]):
    """The images of one split. Make one with `open_dataset` (`kilotar.open`).

    Args:
        root, split: what it was opened from, to open it again in another process.
        table:       the samples.
        reader:      reads them.
        load_boxes:  reads the boxes, once, when they are first asked for.
    """

    def __init__(
        self, root: Path, split: Split, table: SampleTable, reader: _Reader, load_boxes: Callable[[], BoxSource | None]
    ) -> None:
        self.root = root
        self.split = split
        self.table = table
        self._reader = reader
        self._load_boxes = load_boxes
        self._boxes: BoxSource | None = None
        self._has_boxes = True
        self._says = ("", "")

    def read(self, index: int) -> bytes:
        """Give the bytes of the image at `index`. Raises IndexError, ArchiveRefused, MachineError."""
        return self._reader.read(*self.table.locate(index))

    def boxes_of(self, key: str) -> tuple[Box, ...]:
        """Give the boxes of an image; () where none are known. Raises ArchiveRefused, LayoutRefused, MachineError."""
        if self._boxes is None and self._has_boxes:
            self._boxes = self._load_boxes()
            self._has_boxes = self._boxes is not None
        return self._boxes.of(key) if self._boxes is not None else ()

    def __len__(self) -> int:
        return len(self.table)

    @overload
    def __getitem__(self, index: int) -> Image: ...
    @overload
    def __getitem__(self, index: slice) -> list[Image]: ...
    def __getitem__(self, index: int | slice) -> Image | list[Image]:
        if isinstance(index, slice):
            return [Image(self, at) for at in range(*index.indices(len(self)))]
        self.table.locate(index)  # an index outside is told here, not when the image is read
        return Image(self, index)

    def __iter__(self) -> Iterator[Image]:
        return (Image(self, at) for at in range(len(self)))

    def __reduce__(self) -> tuple[Callable[[Path, str, str, str], Dataset], tuple[Path, str, str, str]]:
        return open_dataset, (self.root, self.split.value, *self._says)

    def said(self, format_name: str, edition: str) -> Dataset:
        """Give this data set, which another process opens with the same words."""
        self._says = (format_name, edition)
        return self

    def torch(self, transform: Callable[[object], object] | None = None) -> TorchDataset:
        """Give a `torch.utils.data.Dataset` of (image, label); torch is imported here and nowhere else.

        Args:
            transform: gets the image as a PIL image in RGB; None leaves it so.
        Raises: MissingExtra.
        """
        from kilotar.work.torch_view import view  # torch must not be needed for anything else

        return view(self, transform)


class _ArchiveReader:
    """Reads by offset. A forked process may go on with the same open file: `pread` moves no shared position."""

    def __init__(self, name: str, path: Path) -> None:
        self._name = name
        try:
            self._file = io.FileIO(path)  # closes itself with the reader
        except OSError as error:
            raise storage_error(error, f"open {path}") from error
        self._fd = self._file.fileno()

    def read(self, part: Part, row: int) -> bytes:
        rows = part.rows
        size_bytes, offset = rows.sizes[row], rows.offsets[row]
        try:
            data = os.pread(self._fd, size_bytes, offset)
        except OSError as error:
            raise storage_error(error, f"read {rows.name(row)} in {self._name}") from error
        if len(data) != size_bytes:
            where = f"{rows.name(row)} at byte {offset} is not whole"
            raise ArchiveRefused(f"{self._name} is cut short", seen=where)
        return data


class _TreeReader:
    """Reads files of a finished tree."""

    def __init__(self, output: Output, split: Split) -> None:
        self._output = output
        self._split = split

    def read(self, part: Part, row: int) -> bytes:
        path = self._output.path_of(part.sample(row, self._split))
        try:
            return path.read_bytes()
        except OSError as error:
            raise storage_error(error, f"read {path}") from error


def open_dataset(root: Path | str, split: str, format_name: str = "", edition_word: str = "") -> Dataset:
    """Open a split of a prepared root: its whole archive or, where that is not as it was proved, a finished tree.

    A folder that is no root is opened as an export, in whatever format it is, with the boxes that it holds.

    Args:
        split: "train", "val" or "test".
        format_name, edition_word: of an export that does not say it itself.
    Raises: LayoutRefused where neither the proved archive nor a finished tree of the split is there, or the export is
        none; UsageError.
    """
    if split not in tuple(Split):
        raise UsageError(f"there is no split {split!r}", seen=f"splits: {', '.join(Split)}")
    if format_name or edition_word or (Path(root).is_dir() and not is_root(Path(root))):
        return _open_export(Path(root), Split(split), format_name, edition_word)
    workspace, wanted = Workspace(Path(root)), Split(split)
    edition = edition_of(workspace.prepared())
    try:
        with survey_again(workspace, edition, splits=(wanted,), proved=True) as surveyed:
            gatherer = Gatherer(surveyed)
            table = gatherer.gather(False).tables[0]
            (archive,) = surveyed.archives
        reader = _ArchiveReader(archive.local.name, archive.local.path)
        return Dataset(workspace.root, wanted, table, reader, gatherer.boxes)
    except LayoutRefused as no_archive:
        return _open_tree(workspace, edition, wanted, no_archive)


def _open_export(folder: Path, split: Split, format_name: str, edition: str) -> Dataset:
    table, reader = read_export(folder.absolute(), split, format_name=format_name, edition=edition)
    return Dataset(folder.absolute(), split, table, reader, reader.boxes).said(format_name, edition)


def _open_tree(workspace: Workspace, edition: Edition, split: Split, no_archive: KilotarError) -> Dataset:
    trees = (o for o in begun_outputs(workspace) if o.manifest is not None and o.sink.ABOUT.images)
    tree = next((output for output in trees if split in output.recipe.splits), None)
    if tree is None:
        raise LayoutRefused(
            f"there is neither a proved archive nor a finished tree of {split} for {workspace.root}",
            seen=f"{no_archive.what}; {no_archive.seen}",
            fix=no_archive.fix,
        ) from no_archive
    rows = (row for row in tree.sink.read(tree.folder, edition) if row.split is split)
    parts = [_part(tuple(some), f"{number:05d}", edition) for number, some in enumerate(_chunks(rows))]
    return Dataset(workspace.root, split, SampleTable(split, parts), _TreeReader(tree, split), lambda: None)


def _chunks(rows: Iterator[Row]) -> Iterator[tuple[Row, ...]]:
    while some := tuple(islice(rows, _PART_ROWS)):
        yield some


def _part(rows: tuple[Row, ...], key: str, edition: Edition) -> Part:
    """Make columns of rows; labels are the edition's, also where the tree holds some classes only."""
    built = RowsBuilder()
    for row in rows:
        built.add(row.name, 0, 0)
    labels = [edition.label_of(row.wnid) if row.wnid else NO_LABEL for row in rows]
    return Part(key, "", built.rows(), [row.wnid for row in rows], labels)
