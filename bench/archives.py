"""The archives that are measured with: real photographs in the real structure, and what an edition says of them.

To kilotar they are published archives, with lengths, digests and counts: what it does then is what it does with the
real ones.
"""

from __future__ import annotations

import hashlib
import os
import re
import shutil
import subprocess
import sys
import tarfile
from dataclasses import dataclass
from pathlib import Path

from bench.harness import HOME, say
from kilotar import editions

TRAIN = "ILSVRC2012_img_train.tar"


@dataclass(frozen=True, slots=True)
class Source:
    """A folder with one training archive in it, and nothing beside.

    Attributes:
        folder:  of the archive.
        listing: file that names class folders, files, offsets and lengths, for the limits.
        edition: names the SHA-256 of the archive, as for the real one.
        edition_md5: knows its MD5 alone.
        images, image_bytes: in the archive.
    """

    folder: Path
    listing: Path
    edition: Path
    edition_md5: Path
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
    names = (("sha256", "md5"), ("md5",))
    known = [_write_edition(folder, folder / f"edition-{digests[0]}", listing, digests) for digests in names]
    sizes = [int(line.split()[3]) for line in listing.read_text().splitlines() if line[0] == "f"]
    return Source(folder, listing, known[0], known[1], len(sizes), sum(sizes))


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


def _write_edition(folder: Path, made: Path, listing: Path, digests: tuple[str, ...]) -> Path:
    """Copy the bundled edition, with the facts of our archive in place of the real one's."""
    archive, path = folder / TRAIN, made / "edition.toml"
    if path.is_file():
        return path
    shutil.copytree(Path(editions.__file__).with_name("ilsvrc2012"), made, dirs_exist_ok=True)
    counts = _count(listing)
    rows = [line.split("\t") for line in (made / "synsets.tsv").read_text().splitlines()]
    lines = ["\t".join((*row[:-1], str(counts.get(row[0], 0)))) for row in rows[1:]]
    (made / "synsets.tsv").write_text("\n".join(["\t".join(rows[0]), *lines]) + "\n")
    facts = {"images": sum(counts.values()), "size_bytes": archive.stat().st_size}
    words = "".join(f"{name} = {value}\n" for name, value in facts.items())
    words += "".join(f'{name} = "{_digest(archive, name)}"\n' for name in digests)
    text = re.sub(r"(?m)^train = \d+$", f"train = {facts['images']}", path.read_text())
    before, mark, rest = text.partition(f'name = "{TRAIN}"\n')
    section, end, after = rest.partition("[[archives]]")
    section = re.sub(r"(?m)^(images|size_bytes|md5|sha1|sha256) = .*\n", "", section)
    path.write_text(before + mark + words + section + end + after)
    return path


def _count(listing: Path) -> dict[str, int]:
    counts: dict[str, int] = {}
    wnid = ""
    for line in listing.read_text().splitlines():
        kind, name = line.split()[:2]
        wnid = name if kind == "d" else wnid
        counts[wnid] = counts.get(wnid, 0) + (kind == "f")
    return counts


def _digest(path: Path, algorithm: str) -> str:
    with open(path, "rb") as file:
        return hashlib.file_digest(file, algorithm).hexdigest()


def compile_floor(folder: Path) -> Path | None:
    """Compile the C floor; None where there is no compiler."""
    compiler = shutil.which("gcc") or shutil.which("cc")
    if compiler is None:
        return None
    program = folder / "floor"
    subprocess.run([compiler, "-O2", "-pthread", "-o", program, HOME / "bench" / "floor.c"], check=True)
    return program
