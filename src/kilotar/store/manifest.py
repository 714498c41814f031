"""What an output is, written last: its presence, with its list of files unchanged, is what "complete" means.

Rules guarded: `files.tsv` has a line `<sha256> TAB <size> TAB <path>` for every file of the output; `manifest.json`
carries the digest of that list and is published after it; no times, hosts or absolute paths in either, so the same
plan gives the same bytes on every machine. (`cut -f1,3 files.tsv | sed 's/\\t/  /' | sha256sum -c` proves a tree
without this program.) An output of shards carries the same two files, byte for byte, as `kilotar-files.tsv` and
`kilotar-manifest.json`, so that it can be proved wherever it is moved; they are written before `manifest.json`.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from functools import partial
from pathlib import Path

import msgspec

from kilotar.errors import LayoutRefused, storage_error
from kilotar.events import Finding
from kilotar.model.seams import OutFolder, Written
from kilotar.plan.selection import ALL_IMAGES, Choice
from kilotar.plan.worlds import ShardSet
from kilotar.store.files import file_sha256, publish, read_file

__all__ = [
    "FILES",
    "IMAGES",
    "MANIFEST",
    "METADATA",
    "OWN_FILES",
    "OWN_IMAGES",
    "OWN_MANIFEST",
    "Manifest",
    "PixelFacts",
    "carry_manifest",
    "manifest_sha256",
    "read_manifest",
    "walk_files",
    "write_files",
    "write_images",
    "write_manifest",
]

FILES, MANIFEST = "files.tsv", "manifest.json"
IMAGES = "images.txt"  # of an output for which images were selected: their names, sorted, one a line
OWN_FILES, OWN_MANIFEST = "kilotar-files.tsv", "kilotar-manifest.json"  # the same in the output's own folder
OWN_IMAGES = "kilotar-images.txt"
SCHEMA = 1
_LINES_A_CHUNK = 10_000
_COPY_BYTES = 1 << 20


METADATA = "of images written anew EXIF and ICC profiles are dropped without being applied; all others keep theirs"


class PixelFacts(msgspec.Struct, frozen=True):
    """What was done to the images of an output.

    Attributes:
        odd:      "keep" or "convert": CMYK JPEGs, and PNG under a JPEG's name.
        odd_images: names of those in the output that the edition lists as such.
        done:     everything else, in words; "" where images are as published, or only odd ones are not.
        recoder:  packages that did it, with their releases.
        metadata: what became of EXIF and ICC profiles; "" where no image was written anew.
        recoded:  number of images that were written anew.
    """

    odd: str
    odd_images: tuple[str, ...]
    done: str = ""
    recoder: str = ""
    metadata: str = ""
    recoded: int = 0


class Manifest(msgspec.Struct, frozen=True):
    """The facts of a complete output.

    Attributes:
        plan_id:  what was asked, as a hash.
        output:   its name, which is that of its format unless a person gave another.
        sink_version, edition, splits, classes, options: the plan in words; no classes means all.
        sources:  archive name and digest, as "algorithm:hex", "unverified:..." where it is not the published one.
        images, files, size_bytes: of the whole output.
        files_sha256: of `files.tsv`.
        label_order, label_table_sha256: see `LabelProof`.
        findings: everything found in the data while it was made.
        verified: whether every archive was the published one.
        made_by:  program and version.
        format:   of the output.
        edition_sha256: of what the edition says about classes, labels and names.
        boxes:    archives of boxes and their digests, as `sources`.
        shards:   of each split, for an output in shards.
        packages: that wrote it, with their versions; () where it is written without any.
        choice:   which images of the classes were selected.
        images_sha256: of the list of their names, "" where all were taken.
        pixels:   what was done to the images; None where the output holds none.
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
    format: str = ""
    edition_sha256: str = ""
    boxes: tuple[tuple[str, str], ...] = ()
    shards: tuple[ShardSet, ...] = ()
    packages: tuple[tuple[str, str], ...] = ()
    choice: Choice = ALL_IMAGES
    images_sha256: str = ""
    pixels: PixelFacts | None = None


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


def write_images(folder: Path, names: Iterable[str]) -> str:
    """Publish `images.txt`, sorted; give its SHA-256 in hex. Raises MachineError."""
    lines = sorted(names)
    runs = (lines[at : at + _LINES_A_CHUNK] for at in range(0, len(lines), _LINES_A_CHUNK))
    chunks = ("".join(f"{name}\n" for name in run).encode("ascii") for run in runs)
    return publish(folder / IMAGES, chunks).sha256


def write_manifest(folder: Path, manifest: Manifest) -> str:
    """Publish `manifest.json`, after `files.tsv`; give its SHA-256 in hex. Raises MachineError."""
    return publish(folder / MANIFEST, [_encode(manifest)]).sha256


def carry_manifest(facts: Path, out: OutFolder, manifest: Manifest) -> None:
    """Publish the lists and, last, `kilotar-manifest.json` in the output's own folder; the lists stand. Idempotent.

    Raises: MachineError; what the folder of an output elsewhere raises.
    """
    pairs = ((FILES, OWN_FILES), *(((IMAGES, OWN_IMAGES),) if manifest.images_sha256 else ()))
    for name, own_name in pairs:
        try:
            with open(facts / name, "rb") as lines:
                out.publish(own_name, iter(partial(lines.read, _COPY_BYTES), b""))
        except OSError as error:
            raise storage_error(error, f"read {facts / name}") from error
    out.publish(OWN_MANIFEST, [_encode(manifest)])


def _encode(manifest: Manifest) -> bytes:
    return msgspec.json.format(msgspec.json.encode(manifest), indent=1) + b"\n"


def read_manifest(folder: Path, name: str = MANIFEST) -> Manifest | None:
    """Give the manifest of a complete output, None where there is none.

    Args:
        name: `OWN_MANIFEST` reads it from the output's own folder.
    Raises: LayoutRefused when it is damaged, MachineError.
    """
    content = read_file(folder / name)
    if content is None:
        return None
    try:
        return msgspec.json.decode(content, type=Manifest)
    except msgspec.DecodeError as error:
        raise LayoutRefused(f"{folder / name} is damaged", seen=str(error), fix="export again") from error


def manifest_sha256(folder: Path) -> str:
    """Give the SHA-256 of `manifest.json` in hex. Raises MachineError."""
    try:
        return file_sha256(folder / MANIFEST)[1]
    except OSError as error:
        raise storage_error(error, f"read {folder / MANIFEST}") from error


def walk_files(folder: Path, manifest: Manifest, name: str = FILES) -> Iterator[Written]:
    """Give the list of files line by line, after it was proved against the manifest.

    Args:
        name: `OWN_FILES` reads it from the output's own folder.
    Raises: LayoutRefused when the list is damaged or missing.
    """
    path = folder / name
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
