"""What an output is, written last: its presence, with its list of files unchanged, is what "complete" means.

Rules guarded: `files.tsv` has a line `<sha256> TAB <size> TAB <path>` for every file of the output; `manifest.json`
carries the digest of that list and is published after it; no times, hosts or absolute paths in either, so the same
plan gives the same bytes on every machine. (`cut -f1,3 files.tsv | sed 's/\\t/  /' | sha256sum -c` proves a tree
without this program.)
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from pathlib import Path

import msgspec

from kilotar.errors import LayoutRefused, storage_error
from kilotar.events import Finding
from kilotar.model.seams import Written
from kilotar.store.files import file_sha256, publish, read_file

__all__ = [
    "FILES",
    "MANIFEST",
    "Manifest",
    "manifest_sha256",
    "read_manifest",
    "walk_files",
    "write_files",
    "write_manifest",
]

FILES, MANIFEST = "files.tsv", "manifest.json"
SCHEMA = 1
_LINES_A_CHUNK = 10_000


class Manifest(msgspec.Struct, frozen=True):
    """The facts of a complete output.

    Attributes:
        plan_id:  what was asked, as a hash.
        output, sink_version, edition, splits, classes, options: the same in words; no classes means all.
        sources:  archive name and digest, as "algorithm:hex", "unverified:..." where it is not the published one.
        images, files, size_bytes: of the whole output.
        files_sha256: of `files.tsv`.
        label_order, label_table_sha256: see `LabelProof`.
        findings: everything found in the data while it was made.
        verified: whether every archive was the published one.
        made_by:  program and version.
    """

    schema: int
    plan_id: str
    output: str
    sink_version: int
    edition: str
    splits: tuple[str, ...]
    classes: tuple[str, ...]
    options: tuple[tuple[str, str], ...]
    sources: tuple[tuple[str, str], ...]
    images: int
    files: int
    size_bytes: int
    files_sha256: str
    label_order: str
    label_table_sha256: str
    findings: tuple[Finding, ...]
    verified: bool
    made_by: str


class _FileLines:
    """The lines of `files.tsv` in chunks; can be read twice."""

    def __init__(self, files: Iterable[Written]) -> None:
        self._files = files

    def __iter__(self) -> Iterator[bytes]:
        lines: list[str] = []
        for file in self._files:
            lines.append(f"{file.sha256}\t{file.size_bytes}\t{file.path}\n")
            if len(lines) == _LINES_A_CHUNK:
                yield "".join(lines).encode("ascii")
                lines.clear()
        yield "".join(lines).encode("ascii")


def write_files(folder: Path, files: Iterable[Written]) -> str:
    """Publish `files.tsv`; give its SHA-256 in hex. Raises MachineError."""
    return publish(folder / FILES, _FileLines(files)).sha256


def write_manifest(folder: Path, manifest: Manifest) -> str:
    """Publish `manifest.json`, after `files.tsv`; give its SHA-256 in hex. Raises MachineError."""
    text = msgspec.json.format(msgspec.json.encode(manifest), indent=1)
    return publish(folder / MANIFEST, [text + b"\n"]).sha256


def read_manifest(folder: Path) -> Manifest | None:
    """Give the manifest of a complete output, None where there is none.

    Raises: LayoutRefused when it is damaged, MachineError.
    """
    content = read_file(folder / MANIFEST)
    if content is None:
        return None
    try:
        return msgspec.json.decode(content, type=Manifest)
    except msgspec.DecodeError as error:
        raise LayoutRefused(f"{folder / MANIFEST} is damaged", seen=str(error), fix="export again") from error


def manifest_sha256(folder: Path) -> str:
    """Give the SHA-256 of `manifest.json` in hex. Raises MachineError."""
    try:
        return file_sha256(folder / MANIFEST)[1]
    except OSError as error:
        raise storage_error(error, f"read {folder / MANIFEST}") from error


def walk_files(folder: Path, manifest: Manifest) -> Iterator[Written]:
    """Give the list of files line by line, after it was proved against the manifest.

    Raises: LayoutRefused when the list is damaged or missing.
    """
    path = folder / FILES
    try:
        if file_sha256(path)[1] != manifest.files_sha256:
            raise LayoutRefused(f"{path} is not the list that its manifest names", fix="export again")
        with open(path, encoding="ascii", newline="\n") as lines:
            yield from map(_file, lines)
    except FileNotFoundError as error:
        raise LayoutRefused(f"{path} is gone", fix="export again") from error
    except OSError as error:
        raise storage_error(error, f"read {path}") from error


def _file(line: str) -> Written:
    sha256, size, path = line.rstrip("\n").split("\t", 2)
    return Written(path, int(size), sha256)
