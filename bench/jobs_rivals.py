"""What others do with the same archive, and the limits of the machine."""

from __future__ import annotations

import hashlib
import os
import random
import subprocess
import tarfile
from collections import defaultdict
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

from bench.harness import read_through

Work = Callable[[], dict[str, object] | None]

LOOP = """
mkdir -p "$2"
cd "$2"
$3 xf "$1"
for f in *.tar; do
    mkdir "${f%.tar}"
    $3 xf "$f" -C "${f%.tar}"
    rm "$f"
done
"""


def shell_loop(archive: str, out: str, program: str) -> Work:
    """The two-level loop of a hundred guides, by GNU tar or bsdtar."""

    def work() -> None:
        subprocess.run(["sh", "-ec", LOOP, "sh", archive, out, program], check=True)

    return work


def torchvision(archive: str, out: str) -> Work:
    """`parse_train_archive` where torchvision is installed, else the same calls in the same order."""
    try:
        from torchvision.datasets.imagenet import parse_train_archive
    except ImportError:
        return lambda: _same_calls(archive, out)

    def work() -> dict[str, object]:
        parse_train_archive(os.path.dirname(archive), os.path.basename(archive), out)
        return {"real": True}

    return work


def _same_calls(archive: str, out: str) -> dict[str, object]:
    with tarfile.open(archive, "r") as outer:
        outer.extractall(out)
    for name in sorted(os.listdir(out)):
        inner = Path(out, name)
        with tarfile.open(inner, "r") as tar:
            tar.extractall(inner.with_suffix(""))
        inner.unlink()
    return {"real": False}


def read_list(path: str) -> dict[str, list[tuple[str, int, int]]]:
    """Give (name, offset, size) of every file by class, as `bench.archives` has listed them."""
    classes: dict[str, list[tuple[str, int, int]]] = defaultdict(list)
    for line in Path(path).read_text().splitlines():
        words = line.split()
        if words[0] == "d":
            wnid = words[1]
        else:
            classes[wnid].append((words[1], int(words[2]), int(words[3])))
    return dict(classes)


def from_memory(listing: str, out: str, threads: int, hashed: bool = False) -> Work:
    """The same files with the same lengths, all written out of one buffer: what the kernel asks for files alone.

    Args:
        hashed: take the SHA-256 of each as well.
    """
    classes = read_list(listing)
    buffer = memoryview(os.urandom(max(size for files in classes.values() for _, _, size in files)))

    def write(wnid: str) -> None:
        os.mkdir(f"{out}/{wnid}")
        folder = os.open(f"{out}/{wnid}", os.O_RDONLY)
        for name, _, size in classes[wnid]:
            fd = os.open(name, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o644, dir_fd=folder)
            if hashed:
                hashlib.sha256(buffer[:size]).digest()
            os.write(fd, buffer[:size])
            os.close(fd)
        os.close(folder)

    def work() -> None:
        os.mkdir(out)
        with ThreadPoolExecutor(threads) as pool:
            list(pool.map(write, classes))

    return work


def c_floor(program: str, archive: str, out: str, listing: str) -> Work:
    def work() -> None:
        subprocess.run([program, archive, out, listing], check=True)

    return work


def cat(archive: str) -> Work:
    def work() -> None:
        read_through(Path(archive))

    return work


def loose_reads(folder: str, listing: str, threads: int) -> Work:
    """`open().read()` of every image of a tree, in random order."""
    names = [f"{folder}/{wnid}/{name}" for wnid, files in read_list(listing).items() for name, _, _ in files]
    paths = [names[row] for row in shuffled_rows(len(names))]

    def read(some: list[str]) -> int:
        total = 0
        for path in some:
            with open(path, "rb") as file:
                total += len(file.read())
        return total

    read(paths)
    return lambda: {"sum_bytes": in_threads(read, paths, threads), "images": len(paths)}


def shuffled_rows(count: int) -> list[int]:
    """Give the order of random reads, the same for all."""
    return random.Random(0).sample(range(count), count)


def in_threads(read: Callable[[list[Any]], int], items: list[Any], threads: int) -> int:
    with ThreadPoolExecutor(threads) as pool:
        return sum(pool.map(read, [items[n::threads] for n in range(threads)]))


def help_text(program: str) -> Work:
    def work() -> None:
        subprocess.run([program, "--help"], check=True, stdout=subprocess.DEVNULL)

    return work


RIVAL_JOBS: dict[str, Callable[..., Work]] = {
    "shell_loop": shell_loop,
    "torchvision": torchvision,
    "from_memory": from_memory,
    "c_floor": c_floor,
    "cat": cat,
    "loose_reads": loose_reads,
    "help_text": help_text,
}
