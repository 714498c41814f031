"""An export as it is found on a disk: its format, its edition, the list of its files, and the root that it is of.

Rules guarded: what its own manifest says goes before what the root above it says, and both before what it looks like;
looking is reading its first row, so that every format is known by its own reader and by nothing else.
"""

from __future__ import annotations

import os
import stat
import sys
from collections.abc import Iterator
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass, replace
from pathlib import Path

from kilotar.editions.load import DEFAULT_EDITION, edition_names, load_edition
from kilotar.errors import KilotarError, LayoutRefused, MissingExtra, storage_error
from kilotar.events import Finding
from kilotar.model.edition import Edition
from kilotar.model.seams import Row, Written
from kilotar.parse.remote import Remote
from kilotar.sinks.base import Sink, check_needs, find_sink, find_sinks
from kilotar.sinks.reading import FileRows
from kilotar.store.files import file_sha256
from kilotar.store.manifest import FILES, MANIFEST, OWN_FILES, OWN_MANIFEST, Manifest, read_manifest, walk_files
from kilotar.store.workspace import STATE, Workspace, describe_folder
from kilotar.work.bringing import Bringing
from kilotar.work.labels import edition_sha256
from kilotar.work.outputs import begun_outputs
from kilotar.work.settling import edition_source

__all__ = ["Export", "find_edition", "find_export", "is_root"]

_SHALLOW = 3  # folders below one another in which formats keep what their readers open first


@dataclass(frozen=True, slots=True)
class Export:
    """An export.

    Attributes:
        folder:   of its files.
        sink:     its format.
        edition:  what its names and labels mean.
        edition_word: name or file that it is loaded from.
        manifest: what it was when it was made; None for one that somebody else made.
        facts:    where its manifest and the list of its files are, and how the list is called.
        root:     the root whose archives it can be held against, None where none is known.
        remote:   where it stands if that is no folder of this machine; `folder` is then where its files come to.
        bringing: brings them.
    """

    folder: Path
    sink: Sink
    edition: Edition
    edition_word: str
    manifest: Manifest | None
    facts: tuple[Path, str]
    root: Workspace | None
    remote: Remote | None = None
    bringing: Bringing | None = None

    @property
    def where(self) -> str:
        """Folder or address, in words."""
        return str(self.remote or self.folder)

    def files(self) -> Iterator[Written]:
        """Give the files of its list; none where it has no manifest. Raises LayoutRefused, MachineError."""
        path = self.facts[0] / self.facts[1]
        try:
            for file in walk_files(self.facts[0], self.manifest, self.facts[1]) if self.manifest else ():
                if "\0" in file.path or {"..", ".", ""} & set(file.path.split("/")):
                    raise ValueError(f"a path leads out of the export: {file.path[:80]!r}")
                yield file
        except ValueError as error:
            raise LayoutRefused(f"{path} is no list of files", seen=str(error)[:200]) from error

    def manifest_sha256(self) -> str:
        """Give the digest of its manifest in hex. Raises MachineError."""
        path = self.facts[0] / (OWN_MANIFEST if self.facts[1] == OWN_FILES else MANIFEST)
        try:
            return file_sha256(path)[1]
        except OSError as error:
            raise storage_error(error, f"read {path}") from error

    def rows(self) -> FileRows:
        """Give its files with their rows; a format whose reader knows no files is one without a name.

        The rows of a file are read while it is `held`.
        Raises: LayoutRefused, ArchiveRefused, MachineError, MissingExtra, also from the rows.
        """
        check_needs(self.sink)
        read_files = getattr(self.sink, "read_files", None)
        if read_files is None:
            return iter((("", self.sink.read(self.folder, self.edition)),))
        found: FileRows = read_files(self.folder, self.edition)
        if self.bringing is None:
            return found
        return ((file, (replace(row, at=None) for row in rows)) for file, rows in found)  # where they go away again

    def held(self, file: str) -> AbstractContextManager[Finding | None]:
        """Have a file at hand; give what is wrong with one that had to be brought. Raises StoreFailed, MachineError."""
        return self.bringing.held(file) if self.bringing is not None else nullcontext()


def is_root(folder: Path) -> bool:
    """Tell whether a folder is a root. Raises LayoutRefused, MachineError."""
    return Workspace(folder).read_facts() is not None


def find_export(folder: Path, *, format_name: str = "", edition: str = "", against: Path | None = None) -> Export:
    """Find out what export a folder is.

    Args:
        format_name: of what it is, where it does not say so itself.
        edition:     name or file; "" for what the export or its root say, else the usual one.
        against:     a root that knows the archives, if it is not the one above the folder.
    Raises: LayoutRefused where it is none, or of another edition; UsageError, EditionRefused, MachineError.
    """
    folder = folder.absolute()
    if not folder.is_dir():
        raise LayoutRefused(f"nothing was prepared in {folder}", seen=describe_folder(folder))
    _refuse_devices(folder, _SHALLOW)
    above = _root_above(folder)
    root = Workspace(against) if against is not None else above
    if against is not None:
        Workspace(against).prepared()
    manifest, facts = read_manifest(folder, OWN_MANIFEST), (folder, OWN_FILES)
    if manifest is None and above is not None:
        manifest, facts = _of_root(folder, above, format_name)
    word, found = find_edition(edition, manifest, root)
    name = manifest and (manifest.format or manifest.output)
    if name and format_name and name != format_name:
        raise LayoutRefused(f"{folder} is not in format {format_name}", seen=f"its manifest says {name}")
    sink = find_sink(name or format_name) if name or format_name else _recognise(folder, found)
    _refuse_devices(folder)  # all of it, now that it is an export and nobody's whole disk
    return Export(folder, sink, found, word, manifest, facts, root)


def _refuse_devices(folder: Path, levels: int = sys.maxsize) -> None:
    """Refuse a folder with pipes, sockets or devices in it: whoever opens one may wait for ever. Links are followed."""
    top = len(folder.parts)
    try:
        for path, folders, _ in os.walk(folder):
            with os.scandir(path) as entries:
                odd = [entry.path for entry in entries if not entry.is_file() and not entry.is_dir() and _is_odd(entry)]
            if odd:
                raise LayoutRefused(f"{folder} is no export: it holds what is no file and no folder", seen=odd[0])
            if len(Path(path).parts) - top >= levels:
                folders.clear()
    except OSError as error:
        raise storage_error(error, f"look into {folder}") from error


def _is_odd(entry: os.DirEntry[str]) -> bool:
    """Tell a pipe, socket or device from a link that leads nowhere."""
    try:
        return not stat.S_ISREG(entry.stat().st_mode)
    except FileNotFoundError:
        return False


def _root_above(folder: Path) -> Workspace | None:
    for place in (folder, *folder.parents):
        if (place / STATE).is_dir() and is_root(place):
            return Workspace(place)
    return None


def _of_root(folder: Path, root: Workspace, format_name: str) -> tuple[Manifest | None, tuple[Path, str]]:
    """Give the manifest of the output of images that a root has in a folder."""
    here = (o for o in begun_outputs(root) if o.manifest and o.sink.ABOUT.images and Path(o.folder) == folder)
    output = next((o for o in here if format_name in ("", o.sink.ABOUT.name)), None)
    return (output.manifest, (output.facts, FILES)) if output else (None, (folder, FILES))


def find_edition(word: str, manifest: Manifest | None, root: Workspace | None) -> tuple[str, Edition]:
    """Give where the edition of an export is loaded from, and the edition.

    Raises: LayoutRefused where it is another than the export's, or none; UsageError, EditionRefused.
    """
    facts = root.read_facts() if root is not None else None
    if word or facts is None:
        name = word or (manifest.edition if manifest else DEFAULT_EDITION)
        if not word and name not in edition_names():
            raise LayoutRefused(
                f"the export was made of edition {name}", seen="it is not a bundled one", fix="--edition FILE.toml"
            )
    else:
        name = edition_source(facts)
    edition = load_edition(name)
    theirs = manifest.edition_sha256 if manifest else ""
    if theirs and theirs != edition_sha256(edition):
        raise LayoutRefused(
            f"the export was made with another edition than {edition.name}",
            seen=f"classes, labels or names differ: {theirs[:16]} there, {edition_sha256(edition)[:16]} here",
            fix="--edition FILE.toml, or --against ROOT",
        )
    return name, edition


def _recognise(folder: Path, edition: Edition) -> Sink:
    """Give the format whose reader finds an image; formats of shards are asked first. Raises LayoutRefused."""
    missing = []
    for sink in sorted(find_sinks(), key=lambda sink: (not sink.ABOUT.shards, sink.ABOUT.name != "imagefolder")):
        try:
            if sink.ABOUT.images and _first(sink, folder, edition) is not None:
                return sink
        except MissingExtra:
            missing.append(sink.ABOUT.name)
        except KilotarError:
            continue  # not in this format, or damaged at its very begin
    unasked = f"; not asked for want of packages: {', '.join(missing)}" if missing else ""
    raise LayoutRefused(
        f"nothing was prepared in {folder}, and it is in no format that is known here",
        seen=f"{describe_folder(folder)}; no reader finds an image of {edition.name}{unasked}",
        fix=f"kilotar prepare {folder} --from FOLDER-WITH-THE-ARCHIVES; of an export give format and edition",
    )


def _first(sink: Sink, folder: Path, edition: Edition) -> Row | None:
    check_needs(sink)
    return next(iter(sink.read(folder, edition)), None)
