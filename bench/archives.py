"""The archives that are measured with: real photographs in the real structure, and lists of what is in them."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import tarfile
from dataclasses import dataclass
from pathlib import Path

from bench.harness import HOME, say

TRAIN = "ILSVRC2012_img_train.tar"


@dataclass(frozen=True, slots=True)
class Source:
    """A folder with one training archive in it, and nothing beside.

    Attributes:
        folder:  of the archive.
        listing: file that names class folders, files, offsets and lengths, for the limits.
        images, image_bytes: in the archive.
    """

    folder: Path
    listing: Path
    images: int
    image_bytes: int

    @property
    def archive(self) -> Path:
        return self.folder / TRAIN

    @property
    def size_bytes(self) -> int:
        return self.archive.stat().st_size


def shared_folder() -> Path:
    """Give the folder that has the photographs and the tool that builds archives of them."""
    shared = Path(os.environ.get("KILOTAR_SHARED", HOME.parent / "shared"))
    if not (shared / "tools" / "make_archives.py").is_file():
        raise SystemExit(f"no tools/make_archives.py in {shared}; name the folder that has it with KILOTAR_SHARED")
    return shared


def build(folder: Path, classes: int, per_class: int) -> Source:
    """Build an archive with its list, or take the one that an earlier run built there."""
    listing = folder / "list.txt"
    if not listing.is_file():
        say(f"building an archive of {classes} x {per_class} images")
        shutil.rmtree(folder, ignore_errors=True)
        made = folder / "made"
        numbers = ("--classes", str(classes), "--per-class", str(per_class), "--val", "1")
        tool = shared_folder() / "tools" / "make_archives.py"
        subprocess.run([sys.executable, tool, made, *numbers], check=True, stdout=sys.stderr)
        (made / TRAIN).rename(folder / TRAIN)
        shutil.rmtree(made)
        _write_list(folder / TRAIN, listing)
    sizes = [int(line.split()[3]) for line in listing.read_text().splitlines() if line[0] == "f"]
    return Source(folder, listing, len(sizes), sum(sizes))


def _write_list(archive: Path, listing: Path) -> None:
    lines = []
    with tarfile.open(archive) as outer:
        for part in outer:
            file = outer.extractfile(part)
            assert file is not None
            lines.append(f"d {part.name.removesuffix('.tar')}")
            with tarfile.open(fileobj=file) as inner:
                lines += [f"f {m.name} {part.offset_data + m.offset_data} {m.size}" for m in inner]
    listing.write_text("\n".join(lines) + "\n")


def compile_floor(folder: Path) -> Path | None:
    """Compile the C floor; None where there is no compiler."""
    compiler = shutil.which("gcc") or shutil.which("cc")
    if compiler is None:
        return None
    program = folder / "floor"
    subprocess.run([compiler, "-O2", "-pthread", "-o", program, HOME / "bench" / "floor.c"], check=True)
    return program
