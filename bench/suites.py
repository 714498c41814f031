"""What is measured, suite by suite, in the order in which it is run.

Suites that write no trees stand between those that do, so that the rest after a mass unlink is not lost time.
"""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from collections.abc import Callable
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path

from bench.archives import Source
from bench.harness import HOME, Ground, Variant, drop, measure, read_through, say, shuffled
from bench.memory_group import MemoryGroup, memory_group
from bench.record import Record
from kilotar.sources.local import identify

JOBS = 2
GROUP_BYTES = 1 << 30


@dataclass(frozen=True, slots=True)
class Bench:
    """What every suite works with.

    Attributes:
        ground: where trees are written.
        record: takes the figures.
        small, large: archives of 30 x 300 and 100 x 300 images.
        floor:  the C floor, None where there is no compiler.
        rounds: of the warm unpack; other suites take fewer.
    """

    ground: Ground
    record: Record
    small: Source
    large: Source
    floor: Path | None
    rounds: int

    @property
    def fewer(self) -> int:
        """Rounds where each takes long."""
        return max(1, self.rounds - 1)

    def known(self, source: Source) -> Path:
        """Give a root that has proved this very archive file; it is made by the first who asks."""
        root = self.ground.folder / f"known-{source.folder.name}"
        mark, file = root / "proved", str(identify(source.archive))
        if not mark.is_file() or mark.read_text() != file:
            self.ground.remove(root)
            say(f"making a first tree of {source.folder.name}")
            measure(self.prepare("first", source, root, sync=True, known=False), self.ground.folder)
            mark.write_text(file)
        return root

    def prepare(self, name: str, source: Source, out: Path, *, sync: bool, known: bool, md5: bool = False) -> Variant:
        edition = source.edition_md5 if md5 else source.edition
        args: dict[str, object] = {"source": str(source.folder), "edition": str(edition), "out": str(out)}
        if known:
            args["known"] = str(self.known(source))
        return Variant(name, "prepare", {**args, "jobs": JOBS, "sync": sync})

    def rivals(self, source: Source, *, all_of_them: bool) -> list[Variant]:
        """Give those who do the same without us; the targets are set against GNU tar and torchvision."""
        archive = str(source.archive)
        programs = {"GNU tar, two-level loop": "tar"}
        if all_of_them:
            programs["bsdtar, two-level loop"] = "bsdtar"
        found = [
            Variant(name, "shell_loop", {"archive": archive, "out": str(self.ground.fresh()), "program": program})
            for name, program in programs.items()
            if shutil.which(program)
        ]
        return [*found, Variant("torchvision", "torchvision", {"archive": archive, "out": str(self.ground.fresh())})]

    def limits(self, source: Source, *, all_of_them: bool) -> list[Variant]:
        """Give what the machine allows; one of them stands beside every figure, the others explain it."""
        listing, archive = str(source.listing), str(source.archive)
        variants = []
        for name, hashed in (("limit: files from memory, hashed", True), ("limit: files from memory", False)):
            memory = {"listing": listing, "out": str(self.ground.fresh()), "threads": JOBS, "hashed": hashed}
            variants.append(Variant(name, "from_memory", memory))
        if not all_of_them:
            return variants[:1]
        if self.floor is not None:
            args = {"program": str(self.floor), "archive": archive, "out": str(self.ground.fresh()), "listing": listing}
            variants.append(Variant("limit: C floor", "c_floor", args))
        return [*variants, Variant("limit: read the archive", "cat", {"archive": archive})]

    def round(
        self,
        suite: str,
        number: int,
        variants: list[Variant],
        source: Source,
        *,
        cold: bool = False,
        group: MemoryGroup | None = None,
    ) -> None:
        """Run every variant once, shuffled, on the same footing."""
        for variant in shuffled(variants, number):
            os.sync()
            self.ground.fill_memory()
            (drop if cold else read_through)(source.archive)
            figures = measure(variant, self.ground.folder, group)
            self.record.add(suite, round=number, name=variant.name, **figures)

    def ready(self, variants: list[Variant], source: Source) -> None:
        self.ground.ready(sum("out" in variant.args for variant in variants) * source.image_bytes)


def unpack_variants(bench: Bench, source: Source, *, all_of_them: bool = False) -> list[Variant]:
    fresh = bench.ground.fresh
    ours = [
        bench.prepare("kilotar", source, fresh(), sync=False, known=True),
        bench.prepare("kilotar, synced", source, fresh(), sync=True, known=True),
    ]
    others = (bench.rivals(source, all_of_them=all_of_them), bench.limits(source, all_of_them=all_of_them))
    return [*ours, *others[0], *others[1]]


def unpack(bench: Bench) -> None:
    for number in range(bench.rounds):
        variants = unpack_variants(bench, bench.small, all_of_them=True)
        bench.ready(variants, bench.small)
        bench.round("unpack", number, variants, bench.small)


def unpack_cold(bench: Bench) -> None:
    for number in range(bench.fewer):
        variants = unpack_variants(bench, bench.small)
        bench.ready(variants, bench.small)
        bench.round("unpack_cold", number, variants, bench.small, cold=True)


def unpack_large(bench: Bench) -> None:
    for number in range(bench.fewer):
        variants = unpack_variants(bench, bench.large)
        bench.ready(variants, bench.large)
        bench.round("unpack_large", number, variants, bench.large)


def unpack_tight(bench: Bench) -> None:
    """The larger archive in a memory group: neither it nor what is written fits into the page cache."""
    bench.known(bench.large)
    with ExitStack() as stack:
        try:
            group = stack.enter_context(memory_group(GROUP_BYTES))
        except OSError as error:
            bench.record.add("unpack_tight", name="", why=f"no memory group can be made: {error}")
            return
        for number in range(bench.fewer):
            variants = unpack_variants(bench, bench.large)
            bench.ready(variants, bench.large)
            bench.round("unpack_tight", number, variants, bench.large, cold=True, group=group)


def together(bench: Bench) -> None:
    """Proof, index and unpack alone, and all of them in one run."""
    small, fresh = bench.small, bench.ground.fresh
    for number in range(bench.fewer):
        archive = {"source": str(small.folder), "edition": str(small.edition)}
        known = {**archive, "out": str(fresh()), "jobs": JOBS, "known": str(bench.known(small))}
        variants = [
            Variant("proof alone, SHA-256", "proof", {**archive, "algorithm": "sha256"}),
            Variant("proof alone, MD5", "proof", {**archive, "algorithm": "md5"}),
            Variant("index alone", "index", known),
            bench.prepare("unpack alone", small, fresh(), sync=False, known=True),
            bench.prepare("all together, SHA-256", small, fresh(), sync=False, known=False),
            bench.prepare("all together, MD5", small, fresh(), sync=False, known=False, md5=True),
        ]
        bench.ready(variants, small)
        bench.round("together", number, variants, small)


def reads(bench: Bench) -> None:
    """Whole images in random order: out of the archive against loose files."""
    bench.ground.clear()  # the rest after it is not lost here
    small, root = bench.small, bench.known(bench.small)
    for number in range(bench.rounds):
        variants = []
        for threads in (1, 2):
            of_root = {"root": str(root), "threads": threads}
            of_tree = {"folder": str(root / "train"), "listing": str(small.listing), "threads": threads}
            variants.append(Variant(f"kilotar.open, threads: {threads}", "reads", of_root))
            variants.append(Variant(f"loose files, threads: {threads}", "loose_reads", of_tree))
        bench.round("reads", number, variants, small)


def verify(bench: Bench) -> None:
    root = str(bench.known(bench.small))
    for level in ("normal", "deep"):
        variant = Variant(f"verify, {level}", "verify", {"root": root, "level": level, "jobs": JOBS})
        bench.record.add("verify", name=variant.name, **measure(variant, bench.ground.folder))


def decode(bench: Bench) -> None:
    _script(bench, "decode", "bench_deep.py", "--damages", "1600", "--rounds", "3")


def headers(bench: Bench) -> None:
    _script(bench, "headers", "bench_index.py", str(bench.ground.folder), "--rounds", "5")


def start(bench: Bench) -> None:
    program = str(Path(sys.executable).with_name("kilotar"))
    for number in range(12):
        figures = measure(Variant("kilotar --help", "help_text", {"program": program}), bench.ground.folder)
        bench.record.add("start", round=number, name="kilotar --help", **figures)


def _script(bench: Bench, suite: str, *command: str) -> None:
    script = [sys.executable, str(HOME / "bench" / command[0]), *command[1:]]
    done = subprocess.run(script, stdout=subprocess.PIPE, text=True, check=True, cwd=HOME)
    for line in done.stdout.splitlines():
        bench.record.add(suite, **json.loads(line))


SUITES: dict[str, Callable[[Bench], None]] = {
    "unpack": unpack,
    "together": together,
    "unpack_cold": unpack_cold,
    "reads": reads,
    "verify": verify,
    "headers": headers,
    "start": start,
    "decode": decode,
    "unpack_large": unpack_large,
    "unpack_tight": unpack_tight,
}
