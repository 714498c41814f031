"""Speed of the header-only index, and time and memory of opening the index of the whole set.

    python bench/bench_index.py [FOLDER] [--classes 1000] [--per-class 1331] [--rounds 5]

Two synthetic archives are made, headers only: a sparse one with the real distance between headers (30 class tars of
1,000 images of about 110 kB) to be walked, and one with as many members as the real training archive to be indexed and
opened. Prints one JSON line a figure. Needs about 2.5 GB in FOLDER (a temporary folder by default), and half a minute.
"""

from __future__ import annotations

import argparse
import json
import os
import random
import resource
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from statistics import median

from kilotar.events import Finding
from kilotar.model.edition import Archive, ArchiveRole, Layout
from kilotar.model.table import DIGEST_BYTES, RowsBuilder
from kilotar.parse.tar import walk_members
from kilotar.sources.local import LocalArchive, identify
from kilotar.store.reading import open_archive
from kilotar.work.indexing import index_archive, index_part
from kilotar.work.outline import open_index, outline_archive

ARCHIVE = Archive(
    "train.tar",
    ArchiveRole.IMAGES,
    layout=Layout.TAR_OF_TARS,
    member=r"(?P<wnid>n\d{8})_(?P<number>[1-9]\d*)\.JPEG",
)
_SUM_OF_EMPTY = 8 * 0x20 + sum(b"0000644\0" + b"0000000\0" * 2 + b"00000000000\0" + b"0" + b"ustar  \0")


def header(name: bytes, size: int) -> bytes:
    """Give a GNU header, quickly."""
    size_field = b"%011o\0" % size
    check = b"%06o\0 " % (_SUM_OF_EMPTY + sum(name) + sum(size_field))
    body = b"0000644\0" + b"0000000\0" * 2 + size_field + b"00000000000\0" + check + b"0"
    return (name.ljust(100, b"\0") + body).ljust(257, b"\0") + b"ustar  \0" + bytes(247)


def make_archive(path: Path, classes: int, per_class: int, sizes: Callable[[], int]) -> int:
    """Write a tar of tars whose contents are holes; give its number of members."""
    with open(path, "wb", buffering=1 << 20) as file:
        at = 0
        for rank in range(classes):
            wnid = b"n%08d" % (1440764 + 37 * rank)
            members = [(b"%s_%d.JPEG" % (wnid, 17 * n + 1), sizes()) for n in range(per_class)]
            inner = sum(512 + size + -size % 512 for _, size in members) + 1024
            file.seek(at)
            file.write(header(wnid + b".tar", inner))
            at += 512
            for name, size in members:
                file.seek(at)
                file.write(header(name, size))
                at += 512 + size + -size % 512
            at += 1024
        file.truncate(at + 1024)
    return classes * per_class


def tell(case: str, value: float, unit: str, **more: object) -> None:
    print(json.dumps({"bench": "index", "case": case, "value": round(value, 3), "unit": unit, **more}), flush=True)


def timed(work: Callable[[], object]) -> float:
    begin = time.perf_counter()
    work()
    return time.perf_counter() - begin


def bench_headers(folder: Path, rounds: int) -> None:
    """Members a second, warm: the walker alone, rows of one thread, and the whole index in threads."""
    rng = random.Random(0)
    path = folder / ARCHIVE.name
    members = make_archive(path, 30, 1000, lambda: rng.randrange(60_000, 160_000))
    outline, _ = outline_archive(
        path, ARCHIVE, open_index(folder / "outline", LocalArchive(ARCHIVE, path, identify(path)))
    )
    findings: list[Finding] = []

    def walker() -> None:
        with open_archive(path) as file:
            for span in outline.parts:
                rows = RowsBuilder()
                for raw, offset, size in walk_members(file.read, span.start, span.stop, ARCHIVE.strictness):
                    rows.add(raw.decode("ascii"), offset, size)

    def one_thread() -> None:
        with open_archive(path) as file:
            for span in outline.parts:
                index_part(file, span, ARCHIVE, findings.append)

    def in_threads(threads: int) -> None:
        with tempfile.TemporaryDirectory(dir=folder) as empty:
            index = open_index(Path(empty), LocalArchive(ARCHIVE, path, identify(path)))
            for _ in index_archive(path, ARCHIVE, outline, index, findings.append, threads=threads):
                pass

    variants = {
        "pread + walker + columns, 1 thread": walker,
        "the same with names checked, 1 thread": one_thread,
        "index written, 1 thread": lambda: in_threads(1),
        "index written, 8 threads": lambda: in_threads(8),
    }
    for work in variants.values():
        work()
    seconds: dict[str, list[float]] = {case: [] for case in variants}
    for _ in range(rounds):
        for case in rng.sample(list(variants), len(variants)):
            seconds[case].append(timed(variants[case]))
    for case, taken in seconds.items():
        rate = members / median(taken)
        tell(case, rate, "members/s", best=round(members / min(taken)), rounds=rounds, members=members)
    path.unlink()


def bench_whole(folder: Path, classes: int, per_class: int) -> None:
    """Index as many members as the real archive has, then open the index in a new process."""
    path = folder / "whole" / ARCHIVE.name
    path.parent.mkdir()
    members = make_archive(path, classes, per_class, lambda: 1000)
    run = [sys.executable, __file__, str(folder), "--child"]
    for case in ("outline and index", "open, without digests", "take digests", "open, with digests"):
        done = subprocess.run([*run, case], capture_output=True, text=True, check=True)
        seconds, peak, rows = json.loads(done.stdout)
        tell(f"{case}, {members:,} members", seconds, "s", peak_mb=round(peak), rows=rows)


def child(folder: Path, case: str) -> None:
    """Do one case and print [seconds, peak resident MB, rows]."""
    path = folder / "whole" / ARCHIVE.name
    begin = time.perf_counter()
    index = open_index(folder / "whole" / "index", LocalArchive(ARCHIVE, path, identify(path)))
    outline, _ = outline_archive(path, ARCHIVE, index)
    held = [rows for _, rows in index_archive(path, ARCHIVE, outline, index, [].append)]
    if case == "take digests":
        for span, rows in zip(outline.parts, list(held), strict=True):
            index.write_part(span, replace(rows, digests=os.urandom(DIGEST_BYTES * len(rows))))
    seconds = time.perf_counter() - begin
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    print(json.dumps([seconds, peak, sum(map(len, held))]))


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("folder", type=Path, nargs="?")
    parser.add_argument("--classes", type=int, default=1000)
    parser.add_argument("--per-class", type=int, default=1331)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--child", default="")
    asked = parser.parse_args()
    if asked.child:
        child(asked.folder, asked.child)
        return
    folder = Path(tempfile.mkdtemp(dir=asked.folder, prefix="bench-index-"))
    try:
        bench_headers(folder, asked.rounds)
        bench_whole(folder, asked.classes, asked.per_class)
    finally:
        shutil.rmtree(folder)


if __name__ == "__main__":
    main()
