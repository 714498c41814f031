"""Formats of shards against the official writer of each, on the same images.

    python -m bench.writers --readers PYTHON [--mxnet PYTHON] [--work FOLDER] [--rounds 2] [--small]

Writes bench/writers.jsonl. The PYTHON of --readers has the packages of tests/interop, that of --mxnet what
`make .venv-mxnet/.stamp` installs; official writers that theirs lacks are left out by name. They read the tree of an
ImageFolder, in a mixed order; kilotar reads the archive, whose proof is that of an earlier run, and hashes what it
writes. What each reads is in memory when it begins, and it ends when its files are durable. "one core" and "two cores"
bind a process and all it starts to so many; "limit" writes the bytes of the archive to one file a core, read and
written in runs of 1 MiB, "hashed" with their SHA-256.
Outputs are emptied after each variant and deleted at the end; memory is filled again before each.
"""

from __future__ import annotations

import argparse
import hashlib
import json
import os
import resource
import shutil
import subprocess
import sys
import time
from collections.abc import Callable
from itertools import pairwise
from multiprocessing import Process
from pathlib import Path

import kilotar
import kilotar.work.prepare
from bench.archives import Source, build
from bench.child import cpu_s, sync
from bench.harness import HOME, Ground, read_through, say, shuffled
from bench.harness import Variant as Harnessed
from bench.record import Record
from bench.suites import Bench
from kilotar.sinks.base import find_sinks

RESULTS = HOME / "bench" / "writers.jsonl"
FORMATS = ("webdataset", "mds", "litdata", "parquet", "array-record", "tfds", "lmdb", "ffcv", "recordio")
OWN_ONLY = ("tfrecord",)  # its official writer is not one program
LIMITED = ("webdataset", "tfrecord")  # are held against a copy of the archive
TIMEOUT_S = 600
ONE, TWO = "one core", "two cores"


def variants(name: str) -> list[Harnessed]:
    """Give what is measured of a format, one after another: others on the machine come and go by minutes."""
    found = []
    for cores, where in ((1, ONE), (2, TWO)):
        args: dict[str, object] = {"name": name, "cores": cores}
        found.append(Harnessed(f"kilotar {name}, {where}", "own", args))
        if name not in OWN_ONLY:
            found.append(Harnessed(f"official {name}, {where}", "official", args))
        for limit in ("limit", "limit, hashed") if name in LIMITED else ():
            found.append(Harnessed(f"{limit}, {name}, {where}", limit, args))
    return found


def main() -> None:
    words = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    words.add_argument("--readers", type=Path, required=True, help="python with the packages of tests/interop")
    words.add_argument("--mxnet", type=Path, help="python with mxnet and OpenCV, for the official writer of recordio")
    words.add_argument("--work", type=Path, default=HOME / ".bench")
    words.add_argument("--rounds", type=int, default=2)
    words.add_argument("--small", action="store_true", help="30 x 300 images instead of 100 x 300")
    words.add_argument("--without", default="", help="formats to leave out, comma between")
    words.add_argument("--only", default="", help="formats, comma between")
    given = words.parse_args()
    given.work.mkdir(parents=True, exist_ok=True)
    source = build(given.work / ("t30" if given.small else "t100"), 30 if given.small else 100, 300)
    only, without = (set(words.split(",")) - {""} for words in (given.only, given.without))
    with Record(RESULTS, given.work, " ".join(["python -m bench.writers", *sys.argv[1:]])) as record:
        bench = Bench(Ground(given.work, 0.0), record, source, source, None, given.rounds)
        known = bench.known(source)
        for number in range(given.rounds):
            for name in shuffled(sorted((only or {*FORMATS, *OWN_ONLY}) - without), number):
                for variant in shuffled(variants(name), number):
                    bench.ground.fill_memory()
                    readers = given.mxnet if name == "recordio" and given.mxnet else given.readers
                    _measure(variant, number, source, known, readers, bench.ground, record)
            bench.ground.clear()


def _measure(
    variant: Harnessed, number: int, source: Source, known: Path, readers: Path, ground: Ground, record: Record
) -> None:
    out = ground.fresh()
    out.parent.mkdir(parents=True, exist_ok=True)
    for path in (known / "train").rglob("*.JPEG") if variant.job == "official" else [source.archive]:
        read_through(path)
    os.sync()
    name, cores = str(variant.args["name"]), int(str(variant.args["cores"]))
    command = _command(variant.job, name, cores, source, known, readers, out)
    done = _run(command, cores)
    _empty(out)
    if done is None or done.returncode:
        why = _words(done)
        say(f"{variant.name} left out: {why}")
        record.add("writers", name=variant.name, round=number, why=why[:200])
        return
    figures = json.loads(done.stdout.splitlines()[-1])
    record.add("writers", name=variant.name, round=number, load=os.getloadavg()[0], **figures)


def _empty(folder: Path) -> None:
    """Give the room of all files back; the files stay, for unlinked inodes slow down whoever makes files next."""
    for path in folder.rglob("*"):
        if path.is_file() and not path.is_symlink():
            os.truncate(path, 0)


def _run(command: list[str | os.PathLike[str]], cores: int) -> subprocess.CompletedProcess[str] | None:
    """Run a variant; None where it did not end: some writers wait for a worker that died."""
    try:
        return subprocess.run(
            command, cwd=HOME, capture_output=True, text=True, check=False, preexec_fn=_binder(cores), timeout=TIMEOUT_S
        )
    except subprocess.TimeoutExpired:
        return None


def _words(done: subprocess.CompletedProcess[str] | None) -> str:
    if done is None:
        return f"did not end in {TIMEOUT_S} s"
    return (done.stderr.strip().splitlines() or ["no message"])[-1]


def _command(
    job: str, name: str, cores: int, source: Source, known: Path, readers: Path, out: Path
) -> list[str | os.PathLike[str]]:
    if job == "official":
        words = [name, str(known / "train"), str(out), str(cores)]
        return [readers, "-c", f"from bench.official_writers import main; main({words!r})"]
    words = [job, name, str(cores), str(source.folder), str(source.edition), str(known), str(out)]
    return [sys.executable, "-c", f"from bench.writers import child; child({words!r})"]


def _binder(cores: int) -> Callable[[], None]:
    """Give what binds a process, before it starts, to the first cores."""
    return lambda: os.sched_setaffinity(0, set(range(cores)))


def child(words: list[str]) -> None:
    """Do one of our own jobs in this process and print its figures."""
    job, name, cores, folder, edition, known, out = words
    root = Path(out)
    (root / ".kilotar").mkdir(parents=True)
    find_sinks()  # imports are nobody's time
    before, begun = cpu_s(), time.monotonic()
    if job == "own":
        shutil.copyfile(Path(known, ".kilotar", "inputs.jsonl"), root / ".kilotar" / "inputs.jsonl")
        report = kilotar.prepare(
            root,
            source=Path(folder),
            edition=edition,
            splits=("train",),
            formats=(name,),
            jobs=int(cores),
            accept_terms=True,
        )
        images = report.outputs[0].images
    else:
        images = 0
        _copy(next(Path(folder).glob("*.tar")), root, int(cores), hashed=job == "limit, hashed")
    sync(root)
    wall_s = time.monotonic() - begun
    size = sum(path.stat().st_size for path in root.rglob("*") if path.is_file() and ".kilotar" not in path.parts)
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024
    figures = {"images": images, "bytes": size, "wall_s": round(wall_s, 3), "cpu_s": round(cpu_s() - before, 3)}
    print(json.dumps({**figures, "own_peak_rss": peak}))


def _copy(archive: Path, folder: Path, processes: int, *, hashed: bool) -> None:
    """Copy an archive in as many runs as processes, each to a file of its own."""
    size = archive.stat().st_size
    bounds = [size * number // processes for number in range(processes + 1)]
    runs = [Process(target=_copy_run, args=(archive, folder, run, hashed)) for run in pairwise(bounds)]
    for process in runs[1:]:
        process.start()
    runs[0].run()
    for process in runs[1:]:
        process.join()


def _copy_run(archive: Path, folder: Path, bounds: tuple[int, int], hashed: bool) -> None:
    start, stop = bounds
    buffer, digest = memoryview(bytearray(1 << 20)), hashlib.sha256()
    with open(archive, "rb", buffering=0) as source, open(folder / f"{start}", "wb", buffering=0) as out:
        source.seek(start)
        while start < stop:
            size = source.readinto(buffer[: stop - start])
            out.write(buffer[:size])
            if hashed:
                digest.update(buffer[:size])
            start += size


if __name__ == "__main__":
    main()
